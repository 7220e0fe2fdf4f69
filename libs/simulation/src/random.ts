/**
 * Randomness that can be had again: everything random in a simulation is drawn from here, so that a seed replays a run.
 * Streams are split by name, so that one more draw in one place does not change what happens in all others.
 */

export interface Random {
  /** Uniform in [0, 1). */
  readonly next: () => number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** A whole number in low..high, both included. */
  whole(low: number, high: number): number;
  chance(probability: number): boolean;
  /** Throws RangeError when there is nothing to pick from. */
  pick<T>(values: readonly T[]): T;
  /** An independent stream that depends on this one's seed and the name only. */
  split(name: string): Random;
}

/** FNV-1a, 32 bits. */
const hashOf = (text: string, basis: number): number => {
  let hash = basis >>> 0;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 16_777_619);
  return hash >>> 0;
};

/** mulberry32: small, fast, and good enough to pick faults with. */
const mulberry32 = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

export const seededRandom = (seed: number): Random => {
  const next = mulberry32(seed);
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (probability) => next() < probability,
    pick: (values) => {
      const value = values[Math.floor(next() * values.length)];
      if (value === undefined) throw new RangeError('there is nothing to pick from');
      return value;
    },
    split: (name) => seededRandom(hashOf(name, seed ^ 0x81_1c_9d_c5)),
  };
};
