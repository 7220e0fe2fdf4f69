/** What is computed the quick way, because it runs each second for every component, against the plain formula. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Chances } from './chances.js';
import { highestSince, outlookOf } from './demand-outlook.js';
import { outlookAfter } from './demand-outlook.testing.js';
import { slackOf } from './slack.js';
import { countFor, worthCount, type Worth } from './worth-plan.js';

const HORIZON_MS = 12_000;

/** Least sum of late requests and priced instances, with the count of every load. */
const plainWorthCount = ({ rates, weights }: Chances, worth: Worth): number => {
  const loads = rates.map((rate, i) => rate * (weights[i] ?? 0));
  let missed = loads.reduce((sum, load) => sum + load, 0);
  let best = 0;
  let least = missed;
  for (const [i, rate] of rates.entries()) {
    missed -= loads[i] ?? 0;
    const count = countFor(rate, worth);
    const total = missed + worth.price * count;
    if (total < least) {
      least = total;
      best = count;
    }
  }
  return best;
};

const someChances = fc
  .array(
    fc.record({
      rate: fc.double({ min: 0.5, max: 5_000, noNaN: true }),
      weight: fc.integer({ min: 1, max: 1_000 }),
    }),
    {
      minLength: 1,
      maxLength: 48,
    },
  )
  .map((drawn): Chances => {
    const total = drawn.reduce((sum, { weight }) => sum + weight, 0);
    const sorted = drawn.toSorted((a, b) => a.rate - b.rate);
    return {
      rates: sorted.map(({ rate }) => rate),
      weights: sorted.map(({ weight }) => weight / total),
    };
  });

const someWorth = fc.record({
  capacity: fc.double({ min: 0.5, max: 500, noNaN: true }),
  concurrency: fc.integer({ min: 1, max: 32 }),
  slack: fc
    .tuple(
      fc.double({ min: 0.001, max: 2, noNaN: true }),
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
    .map(([meanS, least, deviationS]) => slackOf(meanS, least * meanS, deviationS)),
  variability: fc.double({ min: 0.25, max: 4, noNaN: true }),
  price: fc.double({ min: 0.001, max: 200, noNaN: true }),
});

const look = (rates: readonly number[]) => outlookAfter(rates, HORIZON_MS);

const someRates = fc.array(fc.double({ min: 0, max: 2_000, noNaN: true }), { minLength: 1, maxLength: 120 });

describe('quick ways', () => {
  it('finds the count that is worth it without asking for the count of every load', () => {
    fc.assert(
      fc.property(someChances, someWorth, (chances, worth) => {
        const total = (count: number): number => worth.price * count;
        expect(total(worthCount(chances, worth))).toBeCloseTo(total(plainWorthCount(chances, worth)), 6);
      }),
      { numRuns: 500 },
    );
  });

  it('knows the highest level since each forecast', () => {
    fc.assert(
      fc.property(someRates, (rates) => {
        const { outlook, levels } = look(rates);
        for (const [i, [dueMs]] of outlook.pending.entries()) {
          const since = [...levels].filter(([atMs]) => atMs >= dueMs - HORIZON_MS).map(([, level]) => level);
          expect(highestSince(outlook, i)).toBe(Math.max(...since));
        }
      }),
    );
  });

  it('leaves out nothing of the outlook but what is negligible', () => {
    fc.assert(
      fc.property(someRates, (rates) => {
        const { atEnd, highest } = outlookOf(look(rates).outlook, HORIZON_MS);
        for (const { rates, weights } of [atEnd, highest]) {
          expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 4);
          expect(rates).toEqual(rates.toSorted((a, b) => a - b));
        }
      }),
    );
  });
});
