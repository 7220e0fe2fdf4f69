import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviationShare } from './queueing.js';
import { exponentAt, slackOf, tailAt } from './slack.js';

const STEPS = 20_000;

/** Gamma distribution of mean `meanS`, as [value, weight] on a grid up to ten times its mean. */
const gamma = (meanS: number, scv: number): readonly (readonly [number, number])[] => {
  const shape = 1 / scv;
  const points = Array.from({ length: STEPS }, (_, i) => ((i + 0.5) / STEPS) * 10 * meanS);
  const logs = points.map((s) => (shape - 1) * Math.log(s) - s / (scv * meanS));
  const highest = Math.max(...logs);
  const densities = logs.map((log) => Math.exp(log - highest));
  const sum = densities.reduce((all, density) => all + density, 0);
  return points.map((s, i) => [s, (densities[i] ?? 0) / sum]);
};

const quantile = (distribution: readonly (readonly [number, number])[], q: number): number => {
  let below = 0;
  for (const [value, weight] of distribution) {
    below += weight;
    if (below >= q) return value;
  }
  return Infinity;
};

/** Share of the waiting that pass the bound because of what they wait. */
const late = (service: readonly (readonly [number, number])[], boundS: number, tail: number): number =>
  service.reduce((sum, [s, weight]) => sum + (s < boundS ? weight * Math.exp(-tail * (boundS - s)) : 0), 0);

describe('what requests may wait', () => {
  it.each([0.1, 0.2, 0.31, 0.6])(
    'is what varied service leaves of the bound, at a variation of %d',
    (scv) => {
      const meanS = 0.05;
      const boundS = 0.2;
      const service = gamma(meanS, scv);
      const longS = quantile(service, 0.95);
      const slack = slackOf(boundS - meanS, boundS - longS, deviationShare(longS / meanS) * meanS);
      for (const tail of [5, 10, 20, 30, 40]) {
        const believed = Math.exp(-exponentAt(slack, tail));
        const byLong = Math.exp(-tail * (boundS - longS));
        const truth = late(service, boundS, tail);
        expect(believed).toBeGreaterThan(0.65 * truth);
        expect(believed).toBeLessThan(1.6 * truth);
        expect(believed).toBeLessThan(byLong);
      }
    },
  );

  it('is later with every bit of capacity less, and the tail of every share is found again', () => {
    const some = fc.double({ min: 0.01, max: 2, noNaN: true });
    fc.assert(
      fc.property(
        some,
        some,
        some,
        fc.double({ min: 0, max: 500, noNaN: true }),
        (a, b, deviationS, tail) => {
          const slack = slackOf(Math.max(a, b), Math.min(a, b), deviationS);
          expect(exponentAt(slack, 1.01 * tail + 0.001)).toBeGreaterThan(exponentAt(slack, tail));
          expect(tailAt(slack, exponentAt(slack, tail))).toBeCloseTo(tail, 4);
        },
      ),
    );
  });
});
