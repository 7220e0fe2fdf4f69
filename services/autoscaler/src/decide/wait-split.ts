/**
 * How what requests may wait end to end is split over the components they pass: where waiting less is dear they may wait
 * longer. Sound for a percentile of a chain: the 99th percentile of a sum is less than the sum of the 99th percentiles, so
 * the parts together may be more than the whole, by as much as the distribution of the sum allows. Pure arithmetic.
 *
 * Waits below a percentile 1 − ε of w need a spare capacity of variability · ln(C/ε) / w (exponential tail, Allen-Cunneen),
 * so each part costs weight / w per hour. The least sum of that under Σ w = whole is at w ∝ √weight (Lagrange).
 */

export interface WaitPart {
  readonly name: string;
  /** Cost per hour times what a request waits in it: what halving the wait would cost as much again. Above 0. */
  readonly weight: number;
}

/** Chance to wait at all that a pool sized for its objective has; what it is exactly shifts all parts alike. */
const WAIT_CHANCE = 0.5;
const BINS = 128;
const STEPS = 24;

/** Tail rates such that each part alone exceeds its wait with probability ε. */
const tailOf = (waitMs: number, late: number): number =>
  Math.log(WAIT_CHANCE / late) / Math.max(waitMs, 1e-9);

/**
 * Distribution of the sum of independent waits, each none or exponential, in bins up to `wholeMs`; what is beyond is
 * missing. Convolution with an exponential is a recursion, so this is linear in the number of parts.
 */
const sumOf = (waits: readonly number[], late: number, wholeMs: number): Float64Array => {
  const mass = new Float64Array(BINS);
  mass[0] = 1;
  for (const waitMs of waits) {
    const kept = Math.exp((-tailOf(waitMs, late) * wholeMs) / BINS);
    let through = 0;
    for (let bin = 0; bin < BINS; bin += 1) {
      const before = mass[bin] ?? 0;
      const floor = kept * through + (1 - kept) * before;
      // A delay lies within its bin: half of it is counted to the next one.
      mass[bin] = (1 - WAIT_CHANCE) * before + (WAIT_CHANCE * (floor + through)) / 2;
      through = floor;
    }
  }
  return mass;
};

const lateShare = (mass: Float64Array): number => {
  let sum = 0;
  for (let bin = 0; bin < BINS; bin += 1) sum += mass[bin] ?? 0;
  return 1 - sum;
};

/** `late`: the share that may take longer, below 0.5. Wait of each part in ms; of a single one the whole. */
export const splitWaits = (
  parts: readonly WaitPart[],
  wholeMs: number,
  late: number,
): ReadonlyMap<string, number> => {
  const roots = parts.map(({ weight }) => Math.sqrt(weight));
  const all = roots.reduce((sum, root) => sum + root, 0);
  const even = roots.map((root) => (wholeMs * root) / all);
  let low = 1;
  let high = parts.length;
  for (let step = 0; step < STEPS && high > low; step += 1) {
    const factor = (low + high) / 2;
    const waits = even.map((wait) => wait * factor);
    if (lateShare(sumOf(waits, late, wholeMs)) <= late) low = factor;
    else high = factor;
  }
  return new Map(parts.map(({ name }, i) => [name, Math.min(wholeMs, (even[i] ?? 0) * low)]));
};

/** What the sum of these waits stays below but for the share `late`, at most the whole. */
export const waitOfSum = (waits: readonly number[], wholeMs: number, late: number): number => {
  if (waits.length === 0) return 0;
  const mass = sumOf(waits, late, wholeMs);
  let below = 0;
  for (let bin = 0; bin < BINS; bin += 1) {
    below += mass[bin] ?? 0;
    if (below >= 1 - late) return ((bin + 1) * wholeMs) / BINS;
  }
  return wholeMs;
};

/** Cost per hour of waits like these, but for what does not depend on them. */
export const costOfWaits = (parts: readonly WaitPart[], waits: ReadonlyMap<string, number>): number =>
  parts.reduce((sum, { name, weight }) => sum + weight / Math.max(waits.get(name) ?? 0, 1e-9), 0);
