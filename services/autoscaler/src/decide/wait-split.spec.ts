import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costOfWaits, splitWaits, waitOfSum, type WaitPart } from './wait-split.js';

const parts = (...weights: readonly number[]): readonly WaitPart[] =>
  weights.map((weight, i) => ({ name: `c${i}`, weight }));

const sum = (waits: ReadonlyMap<string, number>): number => [...waits.values()].reduce((a, b) => a + b, 0);

/** Late share of independent waits by drawing them, each none or exponential with its percentile at the given wait. */
const drawnLate = (waits: readonly number[], wholeMs: number, late: number, draws: number): number => {
  let seed = 7;
  // mulberry32
  const uniform = (): number => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4_294_967_296;
  };
  let over = 0;
  for (let i = 0; i < draws; i += 1) {
    const total = waits.reduce((all, wait) => {
      if (uniform() >= 0.5) return all;
      return all - (wait / Math.log(0.5 / late)) * Math.log(uniform());
    }, 0);
    if (total > wholeMs) over += 1;
  }
  return over / draws;
};

describe(splitWaits, () => {
  it('leaves a single component the whole', () => {
    expect(splitWaits(parts(3), 200, 0.01).get('c0')).toBeCloseTo(200);
  });

  it('lets requests wait longer where waiting less is dearer, by the root of what it costs', () => {
    const waits = splitWaits(parts(1, 4), 200, 0.01);
    expect((waits.get('c1') ?? 0) / (waits.get('c0') ?? 1)).toBeCloseTo(2);
  });

  it('gives the parts more than the whole together, since they are seldom late at once, and keeps the percentile', () => {
    for (const count of [2, 5]) {
      const waits = splitWaits(parts(...Array.from({ length: count }, () => 1)), 200, 0.01);
      expect(sum(waits)).toBeGreaterThan(1.2 * 200);
      expect(drawnLate([...waits.values()], 200, 0.01, 200_000)).toBeLessThan(0.0125);
      expect(drawnLate([...waits.values()], 200, 0.01, 200_000)).toBeGreaterThan(0.006);
    }
  });

  it('never gives a part more than the whole, and all of them at least the whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.double({ min: 1, max: 5_000, noNaN: true }),
        fc.constantFrom(0.05, 0.01, 0.001),
        (weights, wholeMs, late) => {
          const waits = splitWaits(parts(...weights), wholeMs, late);
          for (const wait of waits.values()) {
            expect(wait).toBeGreaterThan(0);
            expect(wait).toBeLessThanOrEqual(wholeMs * (1 + 1e-9));
          }
          expect(sum(waits)).toBeGreaterThanOrEqual(wholeMs * (1 - 1e-9));
        },
      ),
    );
  });

  it('costs no more than any other split of the same sum', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.double({ min: 0.01, max: 100, noNaN: true }),
            fc.double({ min: 0.01, max: 1, noNaN: true }),
          ),
          {
            minLength: 2,
            maxLength: 6,
          },
        ),
        (pairs) => {
          const all = parts(...pairs.map(([weight]) => weight));
          const waits = splitWaits(all, 10_000, 0.01);
          const total = sum(waits);
          const shares = pairs.reduce((acc, [, share]) => acc + share, 0);
          const other = new Map(all.map(({ name }, i) => [name, (total * (pairs[i]?.[1] ?? 0)) / shares]));
          fc.pre([...waits.values()].every((wait) => wait < 10_000));
          expect(costOfWaits(all, waits)).toBeLessThanOrEqual(costOfWaits(all, other) * (1 + 1e-9));
        },
      ),
    );
  });
});

describe(waitOfSum, () => {
  it('is the wait itself of one part, and less than the sum of several', () => {
    expect(waitOfSum([50], 200, 0.01)).toBeCloseTo(50, -1);
    const two = waitOfSum([50, 50], 200, 0.01);
    expect(two).toBeGreaterThan(50);
    expect(two).toBeLessThan(100);
    expect(waitOfSum([], 200, 0.01)).toBe(0);
  });
});
