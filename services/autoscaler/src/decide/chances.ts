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

/** One distribution among several. */
export interface MixedPart {
  /** Loads are `rate` times these, ascending. */
  readonly rate: number;
  readonly factors: Float64Array;
  /** Of each; they sum to 1. */
  readonly weights: Float64Array;
  readonly odds: number;
}

/** Written anew by each `mixed`, then copied at its length: growing arrays are several times the garbage. */
const RATES: number[] = [0.5];
const WEIGHTS: number[] = [0.5];
const AT = new Int32Array(16);

/** The next place of a part from `at` on whose weight is not negligible. */
const nextIn = ({ weights }: MixedPart, at: number, negligible: number): number => {
  let next = at;
  while (next < weights.length && (weights[next] ?? 0) < negligible) next += 1;
  return next;
};

/**
 * One distribution of the first `count` (at most 16), each as likely as its odds are; weights below `negligible` are left
 * out.
 */
export const mixed = (parts: readonly MixedPart[], count: number, negligible: number): Chances => {
  let all = 0;
  for (let i = 0; i < count; i += 1) {
    all += parts[i]?.odds ?? 0;
    AT[i] = parts[i] === undefined ? 0 : nextIn(parts[i] as MixedPart, 0, negligible);
  }
  let length = 0;
  for (;;) {
    let lowest: MixedPart | undefined;
    let place = 0;
    let least = Infinity;
    for (let i = 0; i < count; i += 1) {
      const part = parts[i];
      if (part === undefined) continue;
      const rate = part.rate * (part.factors[AT[i] ?? 0] ?? Infinity);
      if (rate < least) {
        least = rate;
        lowest = part;
        place = i;
      }
    }
    if (lowest === undefined) break;
    const at = AT[place] ?? 0;
    RATES[length] = least;
    WEIGHTS[length] = ((lowest.weights[at] ?? 0) * lowest.odds) / all;
    length += 1;
    AT[place] = nextIn(lowest, at + 1, negligible);
  }
  return { rates: RATES.slice(0, length), weights: WEIGHTS.slice(0, length) };
};
