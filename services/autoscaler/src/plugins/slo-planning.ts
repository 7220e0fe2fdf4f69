/** From what `slo` has learned to the count that it plans: by worth where it knows a price, else by the model's own margin. Pure. */
import type { LatencyBound } from '@mitosis/contracts';
import { chanceAbove } from '../decide/chances.js';
import type { Forecast } from '../decide/demand.js';
import type { Outlook } from '../decide/demand-outlook.js';
import { fairPriceOf, isPriceDue, logAtEntry, observePrice, type FairPrice } from '../decide/fair-price.js';
import { horizonOf, startMsOf } from '../decide/horizon.js';
import { capacityOf } from '../decide/instance-model.js';
import { correctionOf } from '../decide/late-budget.js';
import type { ComponentObservation } from '../decide/observation.js';
import { planCount, type Plan, type PlanInput } from '../decide/slo-plan.js';
import type { SloState } from '../decide/slo-state.js';
import { steadyCount, type Worth } from '../decide/worth-plan.js';
import { accountOf, allowedOf } from './slo-account.js';
import { insideOf } from './slo-crowded.js';
import { BACKLOG_MAX_S, DRAIN_S, leastWaitMs, planInput, worthOf } from './slo-input.js';
import { outlookFor } from './slo-outlook.js';
import { strictest } from './slo-text.js';
import { stands, type Basis } from './standing-plan.js';

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

/** Fewer are wanted only where 75 % of the objective would be held: the room between the aims is hysteresis. */
const AIM_DOWN = 0.75;

/** More than `count` is wanted by the looser aim, less only by the stricter one. */
const planWithHysteresis = (input: PlanInput, observation: ComponentObservation): Plan => {
  const out = planCount(input);
  if (out.count >= observation.count) return out;
  const strict = planCount({ ...input, aim: AIM_DOWN });
  return { ...strict, count: Math.min(observation.count, strict.count) };
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
  bound: LatencyBound,
  observation: ComponentObservation,
  { model, price, standing, extra }: SloState,
): Planned | null => {
  const { nowMs, count } = observation;
  if (standing === null || extra.untilMs > nowMs || isPriceDue(price, nowMs, input.rate)) return null;
  if (leastWaitMs(input, bound) <= 0 || hasBacklog(input)) return null;
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

export const planFor = (observation: ComponentObservation, state: SloState, forecast: Forecast): Planned => {
  const { demand, model } = state;
  // Too little was ever asked of it to know it: one for each request inside is enough, the bounds say how many are kept.
  if (model.serviceMs === 0) {
    const input = planInput(observation, demand, model, forecast);
    const keep = Math.max(1, Math.min(observation.count, Math.ceil(insideOf(observation))));
    return { ...UNPRICED, input, fair: state.price, plan: { count: keep, because: 'utilisation' }, keep };
  }
  const outlook = outlookFor(state.outlook, observation, horizonOf(observation));
  const input = planInput(observation, demand, model, forecast, Math.max(outlook.expected, 0));
  const bound = strictest(input.objective);
  const standing = bound && standingFor(input, bound, observation, state);
  if (standing !== null) return standing;
  const worth = worthOf(input);
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
