/**
 * Loads that may come and how likely each is, as columns: decisions run over hundreds of them every second for every
 * component, and records of two numbers would cost more than the arithmetic.
 */

export interface Chances {
  /** Requests per second, ascending. */
  readonly rates: readonly number[];
  /** Of the same length; they sum to 1 but for what is negligible. */
  readonly weights: readonly number[];
}

export const meanOf = ({ rates, weights }: Chances): number => {
  let sum = 0;
  for (let i = 0; i < rates.length; i += 1) sum += (rates[i] ?? 0) * (weights[i] ?? 0);
  return sum;
};

/** That more than `rate` comes. */
export const chanceAbove = ({ rates, weights }: Chances, rate: number): number => {
  let sum = 0;
  for (let i = rates.length - 1; i >= 0 && (rates[i] ?? 0) > rate; i -= 1) sum += weights[i] ?? 0;
  return sum;
};

/** One distribution among several; written anew for each mixture. */
export interface MixedPart {
  /** Loads are `rate` times these, ascending. */
  rate: number;
  readonly factors: Float64Array;
  /** Of each; they sum to 1. */
  readonly weights: Float64Array;
  odds: number;
  /** Of the load that is taken next. */
  at: number;
}

/** Written anew by each `mixed`, then copied at its length: growing arrays are several times the garbage. */
const RATES: number[] = [0.5];
const WEIGHTS: number[] = [0.5];

/** From `at` on to the next place whose weight is not negligible. */
const seek = (part: MixedPart, at: number, negligible: number): void => {
  const { weights } = part;
  part.at = at;
  while (part.at < weights.length && (weights[part.at] ?? 0) < negligible) part.at += 1;
};

/**
 * One distribution of the first `count`, each as likely as its odds are. Weights below `negligible` are left out, and what is
 * above `ceiling` is put there.
 */
export const mixed = (
  parts: readonly MixedPart[],
  count: number,
  negligible: number,
  ceiling: number,
): Chances => {
  let all = 0;
  for (let i = 0; i < count; i += 1) {
    const part = parts[i];
    if (part === undefined) continue;
    all += part.odds;
    seek(part, 0, negligible);
  }
  let length = 0;
  for (;;) {
    let lowest: MixedPart | undefined;
    let least = Infinity;
    for (let i = 0; i < count; i += 1) {
      const part = parts[i];
      if (part === undefined) continue;
      const rate = part.rate * (part.factors[part.at] ?? Infinity);
      if (rate < least) {
        least = rate;
        lowest = part;
      }
    }
    if (lowest === undefined) break;
    const weight = ((lowest.weights[lowest.at] ?? 0) * lowest.odds) / all;
    if (length > 0 && RATES[length - 1] === ceiling)
      WEIGHTS[length - 1] = (WEIGHTS[length - 1] ?? 0) + weight;
    else {
      RATES[length] = Math.min(least, ceiling);
      WEIGHTS[length] = weight;
      length += 1;
    }
    seek(lowest, lowest.at + 1, negligible);
  }
  return { rates: RATES.slice(0, length), weights: WEIGHTS.slice(0, length) };
};
