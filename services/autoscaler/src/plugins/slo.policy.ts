/**
 * `slo`: holds a latency objective at the least count a queueing model allows. Model and demand are learned while it
 * runs; up at once, down after a hold time, nothing on missing data. Without a latency objective it keeps utilisation.
 */
import type { Objective, ScalingPolicy } from '@mitosis/contracts';
import {
  EMPTY_DEMAND,
  forecastDemand,
  observeDemand,
  rememberForecast,
  type DemandState,
  type Forecast,
} from '../decide/demand.js';
import {
  EMPTY_HOLD,
  heldCount,
  holdRecommendation,
  type HeldCount,
  type HoldState,
} from '../decide/hold-down.js';
import { capacityOf, EMPTY_MODEL, observeInstances, type InstanceModel } from '../decide/instance-model.js';
import type { ComponentObservation, RequestWindow } from '../decide/observation.js';
import {
  hold,
  type Json,
  type PolicyStep,
  type Recommendation,
  type ScalingPolicyPlugin,
} from '../decide/policy.js';
import { planCount, predictMs, type Plan, type PlanInput } from '../decide/slo-plan.js';

type Options = Extract<ScalingPolicy, { kind: 'slo' }>;

export type SloState = {
  readonly demand: DemandState;
  readonly model: InstanceModel;
  readonly hold: HoldState;
};

/** Assumed until a start was measured: a process of an interpreted language with its probe. */
const START_MS_DEFAULT = 3_000;
/** From the decision to its being carried out, and the width of a sample. */
const REACTION_MS = 2_000;
/** Backlog is worked off within this time (3–6 s did best on bursts in the prototype, ALGORITHMS.md §1.4). */
const DRAIN_S = 5;
/** A backlog is at most what arrives in this time: older requests have been given up by their clients. */
const BACKLOG_MAX_S = 30;
/** Scale out when 90 % of the objective would be passed, in only when 75 % would be held: the room between is hysteresis. */
const AIM_UP = 0.9;
const AIM_DOWN = 0.75;

const startMsOf = (observation: ComponentObservation): number => observation.startMs ?? START_MS_DEFAULT;

const recentWindow = (observation: ComponentObservation): RequestWindow | null =>
  observation.requests?.last1 ?? observation.requests?.last10 ?? null;

/** The strictest latency bound; null: none. */
const strictest = (
  objective: Objective | null,
): { readonly percentile: number; readonly ms: number } | null =>
  objective?.latency.reduce<{ percentile: number; ms: number } | null>(
    (best, bound) => (best === null || bound.ms < best.ms ? bound : best),
    null,
  ) ?? null;

const variabilityOf = (demand: DemandState, model: InstanceModel): number => {
  const spread = model.serviceMs > 0 ? (model.serviceP95Ms / model.serviceMs - 1) / 1.645 : 1;
  const service = Math.min(4, Math.max(0, spread) ** 2);
  const arrivals = Math.min(4, Math.max(0.5, demand.dispersion));
  return (arrivals + service) / 2;
};

/** What waits now and will have piled up when an instance started now is ready (fluid approximation). */
const projectedBacklog = (observation: ComponentObservation, model: InstanceModel, rate: number): number => {
  const capacity = capacityOf(model, observation.resources.limits.cpus);
  const served = observation.ready * capacity;
  const inside = Math.max(0, (observation.requests?.inFlight ?? 0) - (observation.downstream?.inFlight ?? 0));
  const atWork = Math.max(observation.ready, (served * model.serviceMs) / 1_000);
  const waitingNow = Math.max(0, inside - atWork) + (observation.requests?.queued ?? 0);
  const grows = Math.max(0, rate - served) * (startMsOf(observation) / 1_000);
  return Math.min(waitingNow + grows, rate * BACKLOG_MAX_S);
};

const planInput = (
  observation: ComponentObservation,
  demand: DemandState,
  model: InstanceModel,
  forecast: Forecast,
): PlanInput => ({
  model,
  cpus: observation.resources.limits.cpus,
  rate: forecast.upper,
  backlog: projectedBacklog(observation, model, forecast.now),
  drainS: DRAIN_S,
  downstreamMs: observation.downstream?.last10Ms ?? 0,
  variability: variabilityOf(demand, model),
  objective: observation.objective,
  aim: AIM_UP,
  max: observation.scale.max,
});

/** More than `count` is wanted by the looser aim, less only by the stricter one. */
const planWithHysteresis = (input: PlanInput, observation: ComponentObservation): Plan => {
  const out = planCount(input);
  if (out.count >= observation.count) return out;
  const strict = planCount({ ...input, aim: AIM_DOWN });
  return { ...strict, count: Math.min(observation.count, strict.count) };
};

const round = (value: number, digits = 1): number | null =>
  Number.isFinite(value) ? Math.round(value * 10 ** digits) / 10 ** digits : null;

const figures = (
  observation: ComponentObservation,
  input: PlanInput,
  forecast: Forecast,
  plan: Plan,
): Readonly<Record<string, Json>> => ({
  arrivals: round(forecast.now),
  forecast: round(forecast.upper),
  backlog: round(input.backlog),
  serviceMs: round(input.model.serviceMs),
  serviceP95Ms: round(input.model.serviceP95Ms),
  downstreamMs: round(input.downstreamMs),
  capacityPerInstance: round(capacityOf(input.model, input.cpus)),
  capacityMeasured: input.model.capacity > 0,
  variability: round(input.variability, 2),
  startMs: round(startMsOf(observation), 0),
  planned: plan.count,
  because: plan.because,
});

const REASONS: Readonly<Record<Plan['because'], string>> = {
  latency: 'the least that holds the objective',
  utilisation: 'the least that keeps instances below 85 % of their capacity',
  backlog: `the least that works the backlog off in ${DRAIN_S} s`,
  throughput: 'the least that can serve the throughput objective',
  unreachable:
    'the least that keeps instances below 85 % of their capacity; more would not reach the objective',
};

const HELD: Readonly<Record<HeldCount['why'], string>> = {
  up: '',
  same: '',
  down: '',
  window: '; fewer would do now but not a moment ago',
  uncovered: '; fewer would do now, which has not been seen for long enough',
  'rate-limit': '; fewer would do, and one step at a time is taken',
};

const describe = (
  plan: Plan,
  held: HeldCount,
  forecast: Forecast,
  input: PlanInput,
  predictedMs: number | null,
): string => {
  const bound = strictest(input.objective);
  const figure =
    bound === null || predictedMs === null
      ? ''
      : ` (p${bound.percentile} ${round(predictedMs, 0)} ms of ${bound.ms} ms)`;
  const capacity = capacityOf(input.model, input.cpus);
  const each = capacity === 0 ? '' : ` at ${round(capacity)} per instance`;
  const step =
    held.why === 'down' && held.count > plan.count
      ? `; ${held.count} first, since mass changes are braked`
      : '';
  const load = `${round(forecast.upper)} requests/s expected${each}`;
  return `${load}: ${plan.count} is ${REASONS[plan.because]}${figure}${HELD[held.why]}${step}`;
};

const learn = (state: SloState, observation: ComponentObservation, window: RequestWindow): SloState => {
  const { requests } = observation;
  const inside = (requests?.inFlight ?? 0) + (requests?.queued ?? 0);
  return {
    ...state,
    model: observeInstances(state.model, observation, strictest(observation.objective)?.ms ?? null),
    demand: observeDemand(state.demand, { nowMs: observation.nowMs, completed: window.rate, inside }),
  };
};

const step = (
  state: SloState,
  observation: ComponentObservation,
  options: Options,
  settings: { readonly holdMs: number },
): PolicyStep<SloState> => {
  const window = recentWindow(observation);
  if (window === null) return { state, recommendation: hold(observation, 'no fresh request metrics') };
  const learned = learn(state, observation, window);
  const horizonMs = startMsOf(observation) + REACTION_MS;
  const forecast = forecastDemand(learned.demand, horizonMs);
  if (capacityOf(learned.model, observation.resources.limits.cpus) === 0 && forecast.upper >= 1) {
    return { state: learned, recommendation: hold(observation, 'too few requests to know what one takes') };
  }
  const plan = planFor(observation, learned, forecast);
  const holdMs = Math.max(options.holdMs > 0 ? options.holdMs : settings.holdMs, 2 * startMsOf(observation));
  const held = holdRecommendation(learned.hold, observation.nowMs, plan.plan.count, holdMs);
  const decided = heldCount(held, observation, plan.plan.count, {
    windowMs: holdMs,
    stepMs: holdMs / 4,
    // Instances whose limit was never seen are taken away one by one, with a look at the latency in between.
    stepMax: learned.model.capacity > 0 ? Infinity : 1,
  });
  return {
    state: { ...learned, demand: rememberForecast(learned.demand, forecast, horizonMs), hold: held },
    recommendation: recommend(observation, plan, forecast, decided),
  };
};

interface Planned {
  readonly plan: Plan;
  readonly input: PlanInput;
}

const planFor = (observation: ComponentObservation, state: SloState, forecast: Forecast): Planned => {
  const input = planInput(observation, state.demand, state.model, forecast);
  // Nothing was ever asked of it: one is as good as any, the bounds say how many are kept.
  if (state.model.serviceMs === 0) return { input, plan: { count: 1, because: 'utilisation' } };
  return { input, plan: planWithHysteresis(input, observation) };
};

const recommend = (
  observation: ComponentObservation,
  { plan, input }: Planned,
  forecast: Forecast,
  held: HeldCount,
): Recommendation => {
  const bound = strictest(input.objective);
  const predictable = bound !== null && input.model.serviceMs > 0;
  const predictedMs = predictable ? predictMs(input, Math.max(1, held.count), bound.percentile) : null;
  return {
    count: held.count,
    reason: describe(plan, held, forecast, input, predictedMs),
    predicted:
      predictable && predictedMs !== null && Number.isFinite(predictedMs)
        ? { percentile: bound.percentile, ms: predictedMs }
        : null,
    inputs: figures(observation, input, forecast, plan),
  };
};

export const slo = {
  summary: 'holds the latency objective at the least count a queueing model learned from live metrics allows',
  initial: (): SloState => ({ demand: EMPTY_DEMAND, model: EMPTY_MODEL, hold: EMPTY_HOLD }),
  step,
} satisfies ScalingPolicyPlugin<Options, SloState>;

/** Least count for the objective of the observation at the demand of now; null: the model is not known yet. */
export const sloPlanFor = (state: SloState, observation: ComponentObservation): number | null => {
  if (capacityOf(state.model, observation.resources.limits.cpus) === 0) return null;
  const forecast = forecastDemand(state.demand, 0);
  return planCount(planInput(observation, state.demand, state.model, forecast)).count;
};
