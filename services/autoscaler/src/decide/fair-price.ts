/**
 * What an instance must save to be worth its cost, without anyone naming a price: the price at which a plan for the loads
 * that may come would let just the allowed share of them be late, averaged over the past. A plan by share alone spends as
 * much of the budget in every moment; one price for all moments spends it where headroom is dearest.
 */
import { meanOf, type Chances } from './chances.js';
import { lateRate, type Worth } from './worth-plan.js';

export type FairPrice = {
  /** Natural logarithm of late requests per second an instance must save; averaged over requests, of which the budget is. */
  readonly log: number;
  /** Requests per second at the looks that it is the average of, summed; what was long ago fades. */
  readonly weight: number;
  readonly lastMs: number;
};

export const EMPTY_PRICE: FairPrice = { log: 0, weight: 0, lastMs: 0 };

const LOOK_MS = 10_000;
/** Half an hour: long beside a burst, short beside a day. */
const LOOKS_MAX = 180;
/** Of a look, in requests per second. */
const LOAD_MIN = 0.01;
/** An instance that saves less than this share of what it could complete is never bought, one that saves more always. */
const SHARE_MIN = 0.0005;
const SHARE_MAX = 0.4;

/** Late requests per second that the last instance saves where a share `allowed` of the possible loads is late. */
export const priceAt = (chances: Chances, worth: Omit<Worth, 'price'>, allowed: number): number => {
  const highest = chances.rates.at(-1) ?? 0;
  const bearable = allowed * meanOf(chances);
  let low = 0;
  let high = 2 + (2 * highest) / worth.capacity;
  for (let i = 0; i < 12; i += 1) {
    const middle = (low + high) / 2;
    if (lateRate(chances, middle, worth) > bearable) low = middle;
    else high = middle;
  }
  return lateRate(chances, high - 0.5, worth) - lateRate(chances, high + 0.5, worth);
};

/**
 * Logarithm of what an instance of a tier is worth at the entry beside capacity for one request a second there. `visits`:
 * calls of this tier per request at the entry. It serves capacity / visits of them, and where one calls more than once all its
 * calls that are late here make one late there.
 */
export const logAtEntry = (capacity: number, visits: number): number =>
  Math.log(capacity / Math.min(1, visits));

const within = (price: number, capacity: number): number =>
  Math.max(SHARE_MIN * capacity, Math.min(SHARE_MAX * capacity, price));

/** Every ten seconds, and where more is expected than all looks so far were at together: they say nothing of it. */
export const isPriceDue = (state: FairPrice, nowMs: number, expected: number): boolean =>
  nowMs - state.lastMs >= LOOK_MS || nowMs < state.lastMs || expected > state.weight;

/** Takes a look at the loads that may come now in. */
export const observePrice = (
  state: FairPrice,
  nowMs: number,
  chances: Chances,
  worth: Omit<Worth, 'price'>,
  allowed: number,
): FairPrice => {
  const seen = Math.log(within(priceAt(chances, worth, allowed), worth.capacity));
  const load = Math.max(LOAD_MIN, meanOf(chances));
  const weight = state.weight * (1 - 1 / LOOKS_MAX) + load;
  return { log: state.log + (load / weight) * (seen - state.log), weight, lastMs: nowMs };
};

/** `correction`: what the budget that was really used says. */
export const fairPriceOf = (log: number, correction: number, capacity: number): number =>
  within(Math.exp(log) * correction, capacity);
