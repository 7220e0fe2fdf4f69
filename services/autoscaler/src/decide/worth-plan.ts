/**
 * The count that is worth its cost: least sum of instances and priced late requests over all loads that may come. For
 * each load the count that lets it pass with the right headroom is known in closed form; beyond that count the load is
 * late as a whole. Pure, linear in the number of loads: it runs each second for every component.
 */
import type { Chance } from './demand-outlook.js';

export interface Worth {
  /** Requests per second one instance completes, and how many at once. */
  readonly capacity: number;
  readonly concurrency: number;
  /** What a request may wait, in seconds. */
  readonly slackS: number;
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

/** Instances, a real number, with which another one would save less than its price at this load. */
export const countFor = (rate: number, worth: Worth): number => {
  const { capacity, concurrency, slackS, variability, price } = worth;
  // P(wait > slack) = C · exp(-decay · spare); its derivative by the count is decay · capacity times itself.
  const decay = slackS / variability;
  const bearable = Math.min(0.5, price / Math.max(1e-12, capacity * decay * rate));
  let spare = 0.5 * Math.sqrt(rate * capacity);
  for (let i = 0; i < 2; i += 1) {
    const servers = ((rate + spare) / capacity) * concurrency;
    const chance = waitChance(servers, rate / (rate + spare));
    spare = Math.max(0.02 * rate, Math.log(Math.max(1, chance / bearable)) / decay);
  }
  return (rate + spare) / capacity;
};

export const worthCount = (chances: readonly Chance[], worth: Worth): number => {
  let missed = chances.reduce((sum, { rate, weight }) => sum + rate * weight, 0);
  let best = 0;
  let least = missed;
  for (const { rate, weight } of chances) {
    missed -= rate * weight;
    const count = countFor(rate, worth);
    const total = missed + worth.price * count;
    if (total < least) {
      least = total;
      best = count;
    }
  }
  return best;
};
