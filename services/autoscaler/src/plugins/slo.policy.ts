/**
 * `slo`: holds a latency objective at the least count a queueing model allows. Model and demand are learned while it
 * runs; up at once, down after a hold time, nothing on missing data. Without a latency objective it keeps utilisation.
 */
import type { ScalingPolicy } from '@mitosis/contracts';
import { chanceAbove } from '../decide/chances.js';
import {
  EMPTY_DEMAND,
  forecastDemand,
  observeDemand,
  rememberForecast,
  type DemandState,
  type Forecast,
} from '../decide/demand.js';
import {
  EMPTY_OUTLOOK,
  observeOutlook,
  type LoadScale,
  type Outlook,
  type OutlookState,
} from '../decide/demand-outlook.js';
import { EMPTY_HOLD, heldCount, holdRecommendation, type HoldState } from '../decide/hold-down.js';
import {
  capacityOf,
  concurrencyOf,
  EMPTY_MODEL,
  isGuessed,
  serviceSpread,
  type InstanceModel,
} from '../decide/instance-model.js';
import { observeInstances } from '../decide/instance-learning.js';
import type { ComponentObservation, RequestWindow } from '../decide/observation.js';
import { hold, type Draft, type PolicyStep, type ScalingPolicyPlugin } from '../decide/policy.js';
import {
  EMPTY_PRICE,
  fairPriceOf,
  isPriceDue,
  logAtEntry,
  observePrice,
  type FairPrice,
} from '../decide/fair-price.js';
import { horizonOf, startMsOf } from '../decide/horizon.js';
import {
  correctionOf,
  EMPTY_BUDGET,
  isLateDue,
  observeLate,
  type LateBudget,
} from '../decide/late-budget.js';
import { slackOf, type Slack } from '../decide/slack.js';
import { planCount, slackMs, type Plan, type PlanInput } from '../decide/slo-plan.js';
import { steadyCount, type Worth } from '../decide/worth-plan.js';
import { accountOf, allowedOf, lateSampleOf } from './slo-account.js';
import { insideOf, isCrowded, unknownYet } from './slo-crowded.js';
import { outlookFor } from './slo-outlook.js';
import { SloRecommendation } from './slo-recommendation.js';
import { strictest } from './slo-text.js';
import { stands, type Basis, type StandingPlan } from './standing-plan.js';

type Options = Extract<ScalingPolicy, { kind: 'slo' }>;

export type SloState = {
  readonly demand: DemandState;
  readonly outlook: OutlookState;
  readonly budget: LateBudget;
  readonly price: FairPrice;
  readonly model: InstanceModel;
  readonly hold: HoldState;
  /** Instances wanted for a backlog, and until when: starts that were ordered for it are not taken back. */
  readonly extra: { readonly count: number; readonly untilMs: number };
  /** null: none was made by worth. */
  readonly standing: StandingPlan | null;
};

/** Backlog is worked off within this time (3–6 s did best on bursts in the prototype, ALGORITHMS.md §1.4). */
const DRAIN_S = 5;
/** A backlog is at most what arrives in this time: older requests have been given up by their clients. */
const BACKLOG_MAX_S = 8;
/** Scale out when 90 % of the objective would be passed, in only when 75 % would be held: the room between is hysteresis. */
const AIM_UP = 0.9;
const AIM_DOWN = 0.75;

/** What a window may leave out of the time since the last look. */
const UNTOLD_MS = 1_500;

/** The shortest window that tells of the time since the last look; the newest one where none does. */
const recentWindow = ({ nowMs, requests }: ComponentObservation, lastMs: number): RequestWindow | null => {
  const { last1 = null, last10 = null } = requests ?? {};
  const isTold = ({ seconds }: RequestWindow): boolean => nowMs - lastMs <= 1_000 * seconds + UNTOLD_MS;
  if (last1 === null || last10 === null) return last1 ?? last10;
  return isTold(last1) || !isTold(last10) ? last1 : last10;
};

export const variabilityOf = (demand: DemandState, model: InstanceModel): number => {
  const service = Math.min(4, serviceSpread(model) ** 2);
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

export const planInput = (
  observation: ComponentObservation,
  demand: DemandState,
  model: InstanceModel,
  forecast: Forecast,
  rate = forecast.upper,
): PlanInput => ({
  model,
  cpus: observation.resources.limits.cpus,
  rate,
  backlog: projectedBacklog(observation, model, forecast.now),
  drainS: DRAIN_S,
  downstreamMs: observation.downstream?.last10Ms ?? 0,
  waitMs: observation.waitMs,
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

export interface Planned {
  readonly plan: Plan;
  readonly input: PlanInput;
  /**
   * Fewest that are not worth taking away: what is there may be needed before it could be started again. null: as many
   * as there are or more are wanted, so that nothing could be taken away.
   */
  readonly keep: number | null;
  readonly extra: SloState['extra'];
  readonly price: number | null;
  readonly fair: FairPrice;
  readonly standing: SloState['standing'];
}

interface Bound {
  readonly percentile: number;
  readonly ms: number;
}

/** What a request that takes long may wait; not above 0: the bound cannot be reached. */
const leastWaitMs = (input: PlanInput, bound: Bound): number => input.waitMs ?? slackMs(input, bound);

/** null: the bound cannot be reached. */
const slackFor = (input: PlanInput, bound: Bound): Slack | null => {
  const { waitMs, model, downstreamMs } = input;
  const leastMs = leastWaitMs(input, bound);
  if (leastMs <= 0) return null;
  const usualMs = waitMs ?? bound.ms - downstreamMs - model.serviceMs;
  return slackOf(usualMs / 1_000, leastMs / 1_000, (serviceSpread(model) * model.serviceMs) / 1_000);
};

/** What the components' late requests are worth; null: nothing has to be in time, or no count would bring it there. */
export const worthOf = (input: PlanInput): Worth | null => {
  const bound = strictest(input.objective);
  if (bound === null) return null;
  const slack = slackFor(input, bound);
  if (slack === null) return null;
  const capacity = capacityOf(input.model, input.cpus);
  return {
    capacity,
    concurrency: concurrencyOf(input.model),
    slack,
    variability: input.variability,
    price: 0,
  };
};

/** What an instance must save by the fair price, that of the chain, and what was really late. */
const priceOf = (
  { capacity }: Worth,
  fair: FairPrice,
  { outlook, budget }: SloState,
  observation: ComponentObservation,
  percentile: number,
): number => {
  const { allowed, rate } = accountOf(outlook.level, observation, percentile);
  const { price = null, visits = 1 } = observation.endToEnd ?? {};
  const shared = price === null ? -Infinity : price + logAtEntry(capacity, visits);
  return fairPriceOf(Math.max(fair.log, shared), correctionOf(budget, allowed, rate), capacity);
};

/** Backlogs that arrive in less than this, or are of fewer requests, are chance. */
const BACKLOG_MIN_S = 0.5;
const BACKLOG_MIN = 5;

const hasBacklog = ({ backlog, rate }: PlanInput): boolean =>
  backlog >= Math.max(BACKLOG_MIN, BACKLOG_MIN_S * rate);

/**
 * Instances beside the `load` ones for the load itself, to work a backlog off: all that arrive meanwhile are late, so that
 * `e` instances to spare cost rate · backlog / (e · capacity) late requests and e · (start + drain) instance-seconds; least
 * where both are equal. What the load leaves to spare is part of them. Where a start takes longer than clients wait, what
 * waits then are others, if the load is still more than is served.
 */
const extraFor = (
  input: PlanInput,
  worth: Worth,
  observation: ComponentObservation,
  outlook: Outlook,
  load: number,
): number => {
  const { backlog, rate } = input;
  if (!hasBacklog(input)) return 0;
  const startS = startMsOf(observation) / 1_000;
  const { capacity, price } = worth;
  const lasts = startS > BACKLOG_MAX_S ? chanceAbove(outlook.atEnd, observation.ready * capacity) : 1;
  const toSpare = Math.sqrt((lasts * rate * backlog) / (capacity * price * (startS + DRAIN_S)));
  const wanted = toSpare - Math.max(0, load - rate / capacity);
  return Math.max(0, Math.min(wanted, backlog / (capacity * DRAIN_S)));
};

const planByWorth = (
  input: PlanInput,
  worth: Worth,
  observation: ComponentObservation,
  outlook: Outlook,
  before: SloState['extra'],
): Omit<Planned, 'fair' | 'standing'> => {
  const { nowMs } = observation;
  const least = Math.ceil((input.objective?.throughput ?? 0) / (worth.capacity * 0.85));
  const load = Math.max(1, least, steadyCount(outlook.atEnd, worth, observation.count - before.count));
  const wanted = Math.ceil(extraFor(input, worth, observation, outlook, load));
  const stands = before.untilMs > nowMs ? before.count : 0;
  const extra =
    wanted > 0 && wanted >= stands
      ? { count: wanted, untilMs: nowMs + startMsOf(observation) + DRAIN_S * 1_000 }
      : { count: stands, untilMs: before.untilMs };
  const up = load + extra.count;
  const keep =
    up < observation.count
      ? Math.max(load, steadyCount(outlook.highest, worth, observation.count - extra.count)) + extra.count
      : null;
  const count = keep === null ? up : Math.min(observation.count, keep);
  return {
    plan: { count, because: extra.count > 0 ? 'backlog' : load === least ? 'throughput' : 'latency' },
    input,
    keep,
    extra,
    price: worth.price,
  };
};

const UNPRICED = { extra: { count: 0, untilMs: 0 }, price: null, standing: null } as const;

/** The plan of the last seconds, as long as what it was made of stays; null: another one has to be made. */
const standingFor = (
  input: PlanInput,
  observation: ComponentObservation,
  { model, price, standing, extra }: SloState,
): Planned | null => {
  const { nowMs, count } = observation;
  if (standing === null || extra.untilMs > nowMs || isPriceDue(price, nowMs, input.rate)) return null;
  const bound = strictest(input.objective);
  if (bound === null || leastWaitMs(input, bound) <= 0 || hasBacklog(input)) return null;
  const basis: Basis = { atMs: nowMs, count, rate: input.rate, capacity: capacityOf(model, input.cpus) };
  if (!stands(standing, basis)) return null;
  return {
    plan: standing.plan,
    input,
    keep: standing.keep,
    extra,
    price: standing.price,
    fair: price,
    standing,
  };
};

const planFor = (observation: ComponentObservation, state: SloState, forecast: Forecast): Planned => {
  const { demand, model } = state;
  // Too little was ever asked of it to know it: one for each request inside is enough, the bounds say how many are kept.
  if (model.serviceMs === 0) {
    const input = planInput(observation, demand, model, forecast);
    const keep = Math.max(1, Math.min(observation.count, Math.ceil(insideOf(observation))));
    return { ...UNPRICED, input, fair: state.price, plan: { count: keep, because: 'utilisation' }, keep };
  }
  const outlook = outlookFor(state.outlook, observation, horizonOf(observation));
  const input = planInput(observation, demand, model, forecast, Math.max(outlook.expected, 0));
  const standing = standingFor(input, observation, state);
  if (standing !== null) return standing;
  const worth = worthOf(input);
  const bound = strictest(input.objective);
  if (worth === null || bound === null) {
    const upper = planInput(observation, demand, model, forecast);
    const plan = planWithHysteresis(upper, observation);
    return { ...UNPRICED, input: upper, fair: state.price, plan, keep: plan.count };
  }
  const { nowMs, count } = observation;
  const isDue = isPriceDue(state.price, nowMs, input.rate);
  const allowed = allowedOf(bound.percentile);
  const fair = isDue ? observePrice(state.price, nowMs, outlook.atEnd, worth, allowed) : state.price;
  const price = priceOf(worth, fair, state, observation, bound.percentile);
  const planned = planByWorth(input, { ...worth, price }, observation, outlook, state.extra);
  const { plan, keep } = planned;
  const { rate } = input;
  return {
    ...planned,
    fair,
    standing: { atMs: nowMs, count, rate, capacity: worth.capacity, plan, keep, price },
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
