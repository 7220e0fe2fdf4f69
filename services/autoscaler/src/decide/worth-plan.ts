/**
 * The count that is worth its cost: least sum of instances and priced late requests over all loads that may come. For
 * each load the count that lets it pass with the right headroom is known in closed form; beyond that count the load is
 * late as a whole. Pure, linear in the number of loads at most: it runs each second for every component.
 */
import { meanOf, type Chances } from './chances.js';
import { exponentAt, tailAt, type Slack } from './slack.js';

export interface Worth {
  /** Requests per second one instance completes, and how many at once. */
  readonly capacity: number;
  readonly concurrency: number;
  readonly slack: Slack;
  /** (Ca² + Cs²) / 2. */
  readonly variability: number;
  /** Late requests per second an instance must save. */
  readonly price: number;
}

/** Chance to wait in a pool of `servers` at the given load factor (Halfin and Whitt 1981), without a loop. */
export const waitChance = (servers: number, utilisation: number): number => {
  if (utilisation >= 1) return 1;
  const beta = (1 - utilisation) * Math.sqrt(servers);
  const density = Math.exp((-beta * beta) / 2) / 2.5066;
  // Normal distribution by Pólya's approximation, off by at most 0.003.
  const normal = 0.5 * (1 + Math.sqrt(1 - Math.exp((-2 * beta * beta) / Math.PI)));
  return 1 / (1 + (beta * normal) / Math.max(density, 1e-300));
};

const BETA_MAX = 8;
const STEPS_PER_BETA = 64;
/** Logarithms of the chance to wait by β = (1 − utilisation)·√servers, of which alone it is a function; off by 1e-4 at most between them. */
const LOG_CHANCES = Float64Array.from({ length: BETA_MAX * STEPS_PER_BETA + 2 }, (_, i) =>
  Math.log(waitChance(1, 1 - i / STEPS_PER_BETA)),
);

/** -Infinity beyond the table: one in 10¹⁵ at most. */
const logWaitChance = (beta: number): number => {
  const at = beta * STEPS_PER_BETA;
  const below = Math.floor(at);
  if (below > BETA_MAX * STEPS_PER_BETA) return -Infinity;
  const low = LOG_CHANCES[below] ?? 0;
  return low + (at - below) * ((LOG_CHANCES[below + 1] ?? 0) - low);
};

/** Spare capacity that is always provided, as a share of the load. */
const SPARE_MIN = 0.02;

/** Instances, a real number, with which another one would save less than its price at this load. */
export const countFor = (rate: number, worth: Worth): number => {
  const { capacity, concurrency, slack, variability, price } = worth;
  let spare = 0.5 * Math.sqrt(rate * capacity);
  for (let i = 0; i < 2; i += 1) {
    const servers = ((rate + spare) / capacity) * concurrency;
    const chance = waitChance(servers, rate / (rate + spare));
    // The derivative of what is late by the count is decay · capacity times itself.
    const tail = spare / variability;
    const decay = Math.max(slack.leastS, slack.meanS - tail * slack.variance) / variability;
    const bearable = Math.min(0.5, price / Math.max(1e-12, capacity * decay * rate));
    spare = Math.max(SPARE_MIN * rate, variability * tailAt(slack, Math.log(Math.max(1, chance / bearable))));
  }
  return (rate + spare) / capacity;
};

/** Load above each one that may come: written anew by each `worthCount`. */
const MISSED: number[] = [0.5];

/**
 * 0: no load is worth an instance. Only where it could win is a count found: whatever `countFor` says is at least
 * `rate * (1 + SPARE_MIN) / capacity`, and that alone is too dear for most loads.
 */
export const worthCount = (chances: Chances, worth: Worth): number => {
  const { rates, weights } = chances;
  const dearness = (worth.price * (1 + SPARE_MIN)) / worth.capacity;
  const all = meanOf(chances);
  let guess = 0;
  let lowest = Infinity;
  let left = all;
  for (let i = 0; i < rates.length; i += 1) {
    const rate = rates[i] ?? 0;
    left -= rate * (weights[i] ?? 0);
    MISSED[i] = left;
    if (left + dearness * rate < lowest) {
      lowest = left + dearness * rate;
      guess = i;
    }
  }
  let best = 0;
  let least = all;
  const consider = (i: number): void => {
    const rate = rates[i] ?? 0;
    const late = MISSED[i] ?? 0;
    if (late + dearness * rate > least) return;
    const count = countFor(rate, worth);
    const total = late + worth.price * count;
    if (total < least) {
      least = total;
      best = count;
    }
  };
  consider(guess);
  for (let i = 0; i < rates.length; i += 1) if (i !== guess) consider(i);
  return best;
};

/** What is rarer than this is not counted; lower loads are late still more seldom. */
const LOG_NEVER = Math.log(1e-9);

/** Late requests per second that are expected with `count` instances (a real number) over the loads that may come. */
export const lateRate = ({ rates, weights }: Chances, count: number, worth: Omit<Worth, 'price'>): number => {
  const { capacity, concurrency, slack, variability } = worth;
  const all = Math.max(0, count) * capacity;
  const betaBySpare = Math.sqrt(count * concurrency) / all;
  let late = 0;
  for (let i = rates.length - 1; i >= 0; i -= 1) {
    const rate = rates[i] ?? 0;
    const load = (weights[i] ?? 0) * rate;
    const spare = all - rate;
    if (spare <= 0) late += load;
    else {
      const log = logWaitChance(spare * betaBySpare) - exponentAt(slack, spare / variability);
      if (log < LOG_NEVER) break;
      late += load * Math.exp(log);
    }
  }
  return late;
};

const totalOf = (chances: Chances, count: number, worth: Worth): number =>
  lateRate(chances, count, worth) + worth.price * count;

/** The whole number with the least sum of instances and priced late requests, searched downhill from `from`. */
export const worthWhole = (chances: Chances, from: number, worth: Worth): number => {
  let best = Math.max(0, Math.ceil(from));
  let least = totalOf(chances, best, worth);
  for (const step of [-1, 1]) {
    for (let count = best + step; count >= 0; count += step) {
      const tried = totalOf(chances, count, worth);
      if (tried >= least) break;
      best = count;
      least = tried;
    }
  }
  return best;
};

const bestCount = (chances: Chances, worth: Worth): number =>
  worthWhole(chances, worthCount(chances, worth), worth);

/**
 * Of its cost, what a leap of the count past counts that are worse must save on top: where one that covers a leap of the load
 * and one that does not are of equal worth, they must not change places, nor must one tier of a chain hold what another does not.
 */
const GAIN_MIN = 0.4;

/** The next good count from `from` towards `best`, or `best` where it is clearly better. */
const nextGood = (chances: Chances, worth: Worth, from: number, best: number): number => {
  const step = Math.sign(best - from);
  let near = from;
  let total = totalOf(chances, near, worth);
  while ((best - near) * step > 0) {
    const next = totalOf(chances, near + step, worth);
    if (next >= total) break;
    near += step;
    total = next;
  }
  const saved = total - totalOf(chances, best, worth);
  return saved < GAIN_MIN * worth.price * Math.abs(best - near) ? near : best;
};

/** The best count, or the next good one from `from` on where the best is hardly better. */
export const steadyCount = (chances: Chances, worth: Worth, from: number): number => {
  const best = bestCount(chances, worth);
  const near = Math.max(0, from);
  return near === best ? best : nextGood(chances, worth, near, best);
};
