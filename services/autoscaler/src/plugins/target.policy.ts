/**
 * `target`: keeps a metric per instance at a value, by the ratio rule of Kubernetes' HorizontalPodAutoscaler
 * (desired = ceil(count · metric / target), nothing within the tolerance) with its safeguards: the highest recommendation
 * of a window on the way down, +100 % or +4 per 15 s on the way up, instances that are not ready counted as idle when
 * scaling out, unseen ones as busy when scaling in.
 */
import type { ScalingPolicy } from '@mitosis/contracts';
import { EMPTY_HOLD, heldCount, holdRecommendation, type HoldState } from '../decide/hold-down.js';
import { measureMetric } from '../decide/metric.js';
import type { ComponentObservation } from '../decide/observation.js';
import { hold, type PolicyStep, type Recommendation, type ScalingPolicyPlugin } from '../decide/policy.js';

type Options = Extract<ScalingPolicy, { kind: 'target' }>;

type TargetState = {
  readonly hold: HoldState;
  /** [time, count in force] of the last 15 s, for the limit on the way up. */
  readonly counts: readonly (readonly [number, number])[];
};

/** Defaults of autoscaling/v2: at most +100 % or +4 instances, whichever is more, in 15 s. */
const UP_WINDOW_MS = 15_000;
const UP_FACTOR_MAX = 2;
const UP_STEP_MAX = 4;

interface Wanted {
  readonly count: number;
  readonly ratio: number;
}

/** The ratio rule. null: the metric is unknown. */
const ratioRule = (observation: ComponentObservation, options: Options): Wanted | null => {
  const measured = measureMetric(observation, options.metric);
  if (measured === null) return null;
  const keep = { count: observation.count, ratio: 1 };
  const present = observation.ready;
  const seen = measured.instances ?? present;
  // Nothing is ready: what is held waits for the starts that are under way.
  if (seen === 0 || present === 0) return keep;
  const average = measured.instances === null ? measured.value : measured.value / seen;
  const ratio = average / options.value;
  if (Math.abs(ratio - 1) <= options.tolerance) return { ...keep, ratio };
  if (measured.instances === null) return { count: Math.ceil(present * ratio), ratio };
  const unseen = Math.max(0, present - seen);
  return ratio > 1
    ? scaleOut(measured.value, present + observation.starting, options, keep)
    : scaleIn(measured.value + unseen * options.value, present, options, keep);
};

/** Starts under way count as instances without load, so that a lagging metric does not ask for them twice. */
const scaleOut = (sum: number, instances: number, options: Options, keep: Wanted): Wanted => {
  const ratio = sum / (options.value * instances);
  return ratio <= 1 + options.tolerance
    ? { ...keep, ratio }
    : { count: Math.ceil(sum / options.value), ratio };
};

/** Instances without a sample count as being at the target. */
const scaleIn = (sum: number, instances: number, options: Options, keep: Wanted): Wanted => {
  const ratio = sum / (options.value * instances);
  return ratio >= 1 - options.tolerance
    ? { ...keep, ratio }
    : { count: Math.max(1, Math.ceil(sum / options.value)), ratio };
};

const limitUp = (state: TargetState, count: number, wanted: number): number => {
  const lowest = Math.min(count, ...state.counts.map(([, seen]) => seen));
  return Math.min(wanted, Math.max(lowest * UP_FACTOR_MAX, lowest + UP_STEP_MAX));
};

const describe = (
  observation: ComponentObservation,
  options: Options,
  wanted: Wanted,
  count: number,
): Recommendation => {
  const percent = Math.round(wanted.ratio * 100);
  const why =
    count < observation.count || wanted.count > observation.count
      ? `${wanted.count} would bring it there`
      : 'within the tolerance, or not lower for long enough';
  return {
    count,
    reason: `${options.metric} is at ${percent} % of its target ${options.value}: ${why}`,
    predicted: null,
    inputs: { metric: options.metric, ratio: wanted.ratio, wanted: wanted.count },
  };
};

const step = (
  state: TargetState,
  observation: ComponentObservation,
  options: Options,
): PolicyStep<TargetState> => {
  const { nowMs, count } = observation;
  const counts = [...state.counts.filter(([atMs]) => nowMs - atMs < UP_WINDOW_MS), [nowMs, count] as const];
  const wanted = ratioRule(observation, options);
  if (wanted === null) {
    return {
      state: { ...state, counts },
      recommendation: hold(observation, `no fresh ${options.metric} metric`),
    };
  }
  const seconds = observation.requests?.last10?.seconds ?? 1;
  const held = holdRecommendation(
    state.hold,
    { nowMs, seconds, windowMs: options.downWindowMs },
    wanted.count,
  );
  const decided = heldCount(held, observation, wanted.count, {
    windowMs: options.downWindowMs,
    stepMs: 0,
    stepMax: Infinity,
  });
  const limited = limitUp({ ...state, counts }, count, decided.count);
  return { state: { hold: held, counts }, recommendation: describe(observation, options, wanted, limited) };
};

export const target = {
  summary: 'keeps a metric per instance at a value (the ratio rule of HPA)',
  initial: (): TargetState => ({ hold: EMPTY_HOLD, counts: [] }),
  step,
} satisfies ScalingPolicyPlugin<Options, TargetState>;
