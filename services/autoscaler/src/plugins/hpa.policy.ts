/**
 * `hpa`: Kubernetes' HorizontalPodAutoscaler (autoscaling/v2), faithful to its controller, to move from it and to compare
 * with it: ratio rule with tolerance, instances without a sample and those not ready yet counted cautiously, several
 * metrics (the highest answer wins; with one of them unknown nothing is scaled in), stabilisation windows, change limits.
 */
import type { HpaMetric, HpaPolicy } from '@mitosis/contracts';
import { measureMetric } from '../decide/metric.js';
import type { ComponentObservation } from '../decide/observation.js';
import { hold, type PolicyStep, type Recommendation, type ScalingPolicyPlugin } from '../decide/policy.js';
import { limitDown, limitUp, stabilise, type History, type Timed } from './hpa-behavior.js';

type HpaState = {
  readonly lastSyncMs: number;
  readonly recommendations: Timed;
  readonly added: Timed;
  readonly removed: Timed;
  /** Count in force at the last step; 0: none yet. */
  readonly count: number;
};

interface Proposal {
  readonly count: number;
  readonly metric: HpaMetric;
  readonly ratio: number;
}

const outside = (ratio: number, tolerance: number): boolean => Math.abs(ratio - 1) > tolerance;

/**
 * Metrics of the instances themselves (cpu, memory): `GetRawResourceReplicas`. Without a sample: at its target when that
 * keeps an instance, idle when it would add one. Not ready yet: idle, and only when scaling out. (Its distrust of the CPU
 * of young instances is left out: what is measured here is a sum.)
 */
const ofInstances = (
  observation: ComponentObservation,
  metric: HpaMetric,
  tolerance: number,
  sum: number,
  seen: number,
): Proposal => {
  const { count, ready, starting } = observation;
  const keep = (ratio: number): Proposal => ({ count, metric, ratio });
  if (seen === 0) return keep(1);
  const ratio = sum / (metric.value * seen);
  const missing = Math.max(0, ready - seen);
  const unready = ratio > 1 ? starting : 0;
  if (unready === 0 && missing === 0) {
    return outside(ratio, tolerance) ? { count: Math.ceil(ratio * ready), metric, ratio } : keep(ratio);
  }
  const counted = seen + missing + unready;
  const filled = ratio < 1 ? sum + missing * metric.value : sum;
  const corrected = filled / (metric.value * counted);
  const turned = (ratio < 1 && corrected > 1) || (ratio > 1 && corrected < 1);
  if (!outside(corrected, tolerance) || turned) return keep(corrected);
  const wanted = Math.ceil(corrected * counted);
  const against = (corrected < 1 && wanted > count) || (corrected > 1 && wanted < count);
  return against ? keep(corrected) : { count: wanted, metric, ratio: corrected };
};

/** Metrics the routers see as a whole (rps, concurrency): `GetExternalPerPodMetricReplicas`. */
const ofTotal = (
  { count }: ComponentObservation,
  metric: HpaMetric,
  tolerance: number,
  total: number,
): Proposal => {
  const ratio = count === 0 ? Infinity : total / (metric.value * count);
  return outside(ratio, tolerance)
    ? { count: Math.ceil(total / metric.value), metric, ratio: Math.min(ratio, 1e6) }
    : { count, metric, ratio };
};

/** Metrics that are no sum (p95, errors): `GetObjectMetricReplicas` with a target of type Value. */
const ofValue = (
  { count, ready }: ComponentObservation,
  metric: HpaMetric,
  tolerance: number,
  value: number,
): Proposal => {
  const ratio = value / metric.value;
  return outside(ratio, tolerance)
    ? { count: Math.ceil(ratio * ready), metric, ratio }
    : { count, metric, ratio };
};

const proposalOf = (
  observation: ComponentObservation,
  metric: HpaMetric,
  options: HpaPolicy,
): Proposal | null => {
  const measured = measureMetric(observation, metric.metric);
  if (measured === null) return null;
  if (measured.instances === null) return ofValue(observation, metric, options.tolerance, measured.value);
  return metric.metric === 'cpu' || metric.metric === 'memory'
    ? ofInstances(observation, metric, options.tolerance, measured.value, measured.instances)
    : ofTotal(observation, metric, options.tolerance, measured.value);
};

const highest = (proposals: readonly Proposal[]): Proposal | undefined =>
  proposals.reduce<Proposal | undefined>(
    (best, one) => (best === undefined || one.count > best.count ? one : best),
    undefined,
  );

const recent = (entries: Timed, nowMs: number, windowMs: number): Timed =>
  entries.length === 0 ? entries : entries.filter(([atMs]) => nowMs - atMs < windowMs);

/** Changes of the count in force, whoever made them. */
const remember = (state: HpaState, observation: ComponentObservation, options: HpaPolicy): HpaState => {
  const { nowMs, count, countSinceMs } = observation;
  const change = state.count === 0 ? 0 : count - state.count;
  if (change === 0) return state.count === count ? state : { ...state, count };
  const longest = Math.max(
    0,
    ...[...options.up.limits, ...options.down.limits].map(({ periodMs }) => periodMs),
  );
  const entry = [countSinceMs > 0 ? countSinceMs : nowMs, Math.abs(change)] as const;
  const added = recent(state.added, nowMs, longest);
  const removed = recent(state.removed, nowMs, longest);
  return {
    ...state,
    count,
    added: change > 0 ? [...added, entry] : added,
    removed: change < 0 ? [...removed, entry] : removed,
  };
};

const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`;

const describe = (
  observation: ComponentObservation,
  proposal: Proposal,
  stabilised: number,
  count: number,
): Recommendation => {
  const { metric, value } = proposal.metric;
  const why =
    proposal.count === observation.count
      ? 'within the tolerance'
      : stabilised !== proposal.count
        ? `${proposal.count} would bring it there; the stabilisation window says ${stabilised}`
        : count === proposal.count
          ? `${proposal.count} would bring it there`
          : `${proposal.count} would bring it there; the change limits allow ${count}`;
  return {
    count,
    reason: `${metric} is at ${percent(proposal.ratio)} of its target ${value}: ${why}`,
    predicted: null,
    inputs: { metric, ratio: proposal.ratio, wanted: proposal.count, stabilised },
  };
};

const sync = (
  state: HpaState,
  observation: ComponentObservation,
  options: HpaPolicy,
): PolicyStep<HpaState> => {
  const { nowMs, count } = observation;
  const proposals = options.metrics.map((metric) => proposalOf(observation, metric, options));
  const best = highest(proposals.flatMap((proposal) => proposal ?? []));
  const synced = { ...state, lastSyncMs: nowMs };
  if (best === undefined) return { state: synced, recommendation: hold(observation, 'no fresh metrics') };
  if (best.count < count && proposals.includes(null)) {
    const why = 'one of its metrics is unknown, and nothing is scaled in then';
    return { state: synced, recommendation: hold(observation, why) };
  }
  // The controller starts from what it finds: the count in force is the first recommendation.
  const first: Timed = state.recommendations.length === 0 ? [[nowMs, count]] : state.recommendations;
  const history: History = { ...state, recommendations: first };
  const stabilised = stabilise(history, nowMs, count, best.count, options);
  const allowed =
    stabilised > count
      ? Math.min(stabilised, limitUp(history, nowMs, count, options.up))
      : Math.max(stabilised, limitDown(history, nowMs, count, options.down));
  const window = Math.max(options.up.windowMs, options.down.windowMs, 1);
  return {
    state: {
      ...synced,
      recommendations: [...recent(first, nowMs, window), [nowMs, best.count]],
    },
    recommendation: describe(observation, best, stabilised, allowed),
  };
};

const step = (
  state: HpaState,
  observation: ComponentObservation,
  options: HpaPolicy,
): PolicyStep<HpaState> => {
  const remembered = remember(state, observation, options);
  const { count, nowMs } = observation;
  // Set to zero by hand: switched off, as there.
  if (count === 0)
    return { state: remembered, recommendation: hold(observation, 'it is switched off at zero') };
  // A second's rounding must not make fifteen seconds sixteen.
  return nowMs - state.lastSyncMs < options.syncMs - 500
    ? { state: remembered, recommendation: hold(observation, 'its next look is not due yet') }
    : sync(remembered, observation, options);
};

export const hpa = {
  summary: "Kubernetes' HorizontalPodAutoscaler: the ratio rule with its windows, limits and cautions",
  initial: (): HpaState => ({ lastSyncMs: 0, recommendations: [], added: [], removed: [], count: 0 }),
  step,
} satisfies ScalingPolicyPlugin<HpaPolicy, HpaState>;
