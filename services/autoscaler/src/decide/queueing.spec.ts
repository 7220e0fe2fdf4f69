import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviationShare, leastWhere, utilisationAt, waiting, waitProbability } from './queueing.js';

describe('queueing model', () => {
  it('agrees with published Erlang-C values', () => {
    // Textbook values: a = 2 erlang on 3 servers 0.4444, a = 8 on 10 servers 0.4092.
    expect(waitProbability(2, 3)).toBeCloseTo(0.4444, 4);
    expect(waitProbability(8, 10)).toBeCloseTo(0.4092, 4);
  });

  it('reads the deviation of skewed times from their 95th percentile', () => {
    // 95th percentiles of gamma distributions of mean 1: variation 0.2 → 1.831, 0.5 → 2.372, 1 (exponential) → 2.996.
    expect(deviationShare(1.831)).toBeCloseTo(Math.sqrt(0.2), 2);
    expect(deviationShare(2.372)).toBeCloseTo(Math.sqrt(0.5), 2);
    expect(deviationShare(2.996)).toBeCloseTo(1, 1);
    expect(deviationShare(1)).toBe(0);
    expect(deviationShare(0.5)).toBe(0);
    expect(deviationShare(100)).toBeLessThan(2.5);
  });

  it('is M/M/1 for one server', () => {
    const wait = waiting({ rate: 8, serviceS: 0.1, servers: 1, variability: 1 });
    // Wq = ρ/(μ − λ) = 0.8/2
    expect(wait.meanS).toBeCloseTo(0.4, 9);
    // P(W > t) = ρ e^(−(μ−λ)t) = 0.05
    expect(wait.quantileS(0.95)).toBeCloseTo(Math.log(0.8 / 0.05) / 2, 9);
  });

  it('never answers NaN and never waits less with more servers', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 500, noNaN: true }),
        fc.double({ min: 0.001, max: 2, noNaN: true }),
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.1, max: 4, noNaN: true }),
        (rate, serviceS, servers, variability) => {
          const fewer = waiting({ rate, serviceS, servers, variability });
          const more = waiting({ rate, serviceS, servers: servers + 1, variability });
          expect(Number.isNaN(fewer.meanS)).toBe(false);
          expect(more.meanS).toBeLessThanOrEqual(fewer.meanS + 1e-9);
          expect(more.quantileS(0.95)).toBeLessThanOrEqual(fewer.quantileS(0.95) + 1e-9);
        },
      ),
    );
  });

  it('inverts the response ratio of a single server exactly', () => {
    // M/M/1: R/s = 1/(1 − ρ)
    expect(utilisationAt(2, 1, 1)).toBeCloseTo(0.5, 6);
    expect(utilisationAt(10, 1, 1)).toBeCloseTo(0.9, 6);
    // M/D/1: R/s = 1 + ρ / (2(1 − ρ))
    expect(utilisationAt(1.5, 1, 0.5)).toBeCloseTo(0.5, 6);
  });

  it('finds the least number that holds, and the highest allowed when none does', () => {
    expect(leastWhere(1, 100, (n) => n >= 37)).toBe(37);
    expect(leastWhere(1, 100, () => false)).toBe(100);
    expect(leastWhere(1, 100, () => true)).toBe(1);
  });
});
