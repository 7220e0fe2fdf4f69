/**
 * `slo`: holds a latency objective at the least count a queueing model allows. Model and demand are learned while it
 * runs; up at once, down after a hold time, nothing on missing data. Without a latency objective it keeps utilisation.
 */
import type { ScalingPolicy } from '@mitosis/contracts';
import { EMPTY_DEMAND, forecastDemand, observeDemand, rememberForecast } from '../decide/demand.js';
import { EMPTY_OUTLOOK, observeOutlook, type LoadScale } from '../decide/demand-outlook.js';
import { EMPTY_PRICE } from '../decide/fair-price.js';
import { EMPTY_HOLD, heldCount, holdRecommendation } from '../decide/hold-down.js';
import { horizonOf, startMsOf } from '../decide/horizon.js';
import { observeInstances } from '../decide/instance-learning.js';
import { capacityOf, EMPTY_MODEL, isGuessed, type InstanceModel } from '../decide/instance-model.js';
import { EMPTY_BUDGET, isLateDue, observeLate } from '../decide/late-budget.js';
import type { ComponentObservation, RequestWindow } from '../decide/observation.js';
import { hold, type Draft, type PolicyStep, type ScalingPolicyPlugin } from '../decide/policy.js';
import { planCount } from '../decide/slo-plan.js';
import type { SloState } from '../decide/slo-state.js';
import { lateSampleOf } from './slo-account.js';
import { insideOf, isCrowded, unknownYet } from './slo-crowded.js';
import { planInput } from './slo-input.js';
import { planFor, type Planned } from './slo-planning.js';
import { SloRecommendation } from './slo-recommendation.js';
import { strictest } from './slo-text.js';

type Options = Extract<ScalingPolicy, { kind: 'slo' }>;

/** What a window may leave out of the time since the last look. */
const UNTOLD_MS = 1_500;

/** The shortest window that tells of the time since the last look; the newest one where none does. */
const recentWindow = ({ nowMs, requests }: ComponentObservation, lastMs: number): RequestWindow | null => {
  const { last1 = null, last10 = null } = requests ?? {};
  const isTold = ({ seconds }: RequestWindow): boolean => nowMs - lastMs <= 1_000 * seconds + UNTOLD_MS;
  if (last1 === null || last10 === null) return last1 ?? last10;
  return isTold(last1) || !isTold(last10) ? last1 : last10;
};

/** Of what an instance completes in a second. */
const UNIT_SHARE = 0.05;
const AVERAGE_MIN_S = 15;
const AVERAGE_MAX_S = 180;
/** A load that comes and goes within three times what a request may take is waited for. */
const BOUNDS_AVERAGED = 3;

const loadScaleOf = (model: InstanceModel, boundMs: number): LoadScale => {
  const capacity = capacityOf(model, 0);
  const averageS = (BOUNDS_AVERAGED * boundMs) / 1_000;
  return {
    // A power of two: it must not change with each measurement, for what was learned is kept by it.
    unit: capacity === 0 ? 1 : Math.min(1, 2 ** Math.round(Math.log2(UNIT_SHARE * capacity))),
    averageS: Math.max(AVERAGE_MIN_S, Math.min(AVERAGE_MAX_S, averageS)),
  };
};

const learn = (
  state: SloState,
  observation: ComponentObservation,
  window: RequestWindow,
  said: number,
): Draft<SloState> => {
  const { nowMs } = observation;
  const inside = insideOf(observation);
  const bound = strictest(observation.objective);
  const model = observeInstances(state.model, observation, bound?.ms ?? null, said);
  // What callers hold up is asked of it, too: once they have grown it comes, and by then it must be ready.
  const completed = window.rate + observation.heldBack;
  // A longer window than has passed tells again what was told before.
  const passedS = Math.round((nowMs - state.demand.lastMs) / 1_000);
  const seconds = Math.max(1, Math.min(window.seconds, passedS));
  const demand = observeDemand(state.demand, { nowMs, completed, inside, seconds });
  const late = isLateDue(state.budget, nowMs) ? lateSampleOf(model, observation) : null;
  return {
    ...state,
    model,
    demand,
    outlook: observeOutlook(
      state.outlook,
      demand,
      horizonOf(observation),
      loadScaleOf(model, bound?.ms ?? 0),
    ),
    budget: late === null ? state.budget : observeLate(state.budget, late),
  };
};

/** How long fewer must have been enough, where the user names no time: the price has the rest in it already. */
const HOLD_MIN_MS = 8_000;
/** Ten seconds of latencies, and what passes until they are seen. */
const STEP_UNSEEN_MS = 12_000;
const HOLD_MAX_MS = 30_000;

const holdOf = (
  planned: Planned,
  observation: ComponentObservation,
  given: number,
  usual: number,
): number => {
  if (given > 0) return Math.max(given, planned.price === null ? 2 * startMsOf(observation) : 0);
  if (planned.price === null) return Math.max(usual, 2 * startMsOf(observation));
  return Math.max(HOLD_MIN_MS, Math.min(HOLD_MAX_MS, 0.5 * startMsOf(observation)));
};

const step = (
  state: SloState,
  observation: ComponentObservation,
  options: Options,
  settings: { readonly holdMs: number },
): PolicyStep<SloState> => {
  const window = recentWindow(observation, state.demand.lastMs);
  if (window === null) return { state, recommendation: hold(observation, 'no fresh request metrics') };
  const learned = learn(state, observation, window, options.concurrency ?? 0);
  const forecast = forecastDemand(learned.demand, horizonOf(observation));
  const isAnswered = capacityOf(learned.model, observation.resources.limits.cpus) > 0;
  if (!isAnswered && (forecast.upper >= 1 || isCrowded(observation)))
    return { state: learned, recommendation: unknownYet(observation) };
  const planned = planFor(observation, learned, forecast);
  const holdMs = holdOf(planned, observation, options.holdMs, settings.holdMs);
  const unseen = isGuessed(learned.model);
  const look = { nowMs: observation.nowMs, seconds: window.seconds, windowMs: holdMs };
  const held = holdRecommendation(learned.hold, look, planned.plan.count);
  const decided = heldCount(held, observation, planned.plan.count, {
    windowMs: holdMs,
    stepMs: planned.price === null ? holdMs / 4 : unseen ? STEP_UNSEEN_MS : 0,
    // Instances whose limit was never seen are taken away one by one, with a look at the latency in between.
    stepMax: unseen ? 1 : Infinity,
  });
  // Without a price the margin is still that of the forecast's errors.
  if (planned.price === null)
    learned.demand = rememberForecast(learned.demand, forecast, horizonOf(observation));
  learned.extra = planned.extra;
  learned.price = planned.fair;
  learned.standing = planned.standing;
  learned.hold = held;
  return {
    state: learned,
    recommendation: new SloRecommendation(observation, planned, learned, forecast, decided),
  };
};

export const slo = {
  summary: 'holds the latency objective at the least count a queueing model learned from live metrics allows',
  initial: (): SloState => ({
    demand: EMPTY_DEMAND,
    outlook: EMPTY_OUTLOOK,
    budget: EMPTY_BUDGET,
    price: EMPTY_PRICE,
    model: EMPTY_MODEL,
    hold: EMPTY_HOLD,
    extra: { count: 0, untilMs: 0 },
    standing: null,
  }),
  step,
} satisfies ScalingPolicyPlugin<Options, SloState>;

/** Least count for the objective of the observation at the demand of now; null: the model is not known yet. */
export const sloPlanFor = (state: SloState, observation: ComponentObservation): number | null => {
  if (capacityOf(state.model, observation.resources.limits.cpus) === 0) return null;
  const forecast = forecastDemand(state.demand, 0);
  return planCount(planInput(observation, state.demand, state.model, forecast)).count;
};
