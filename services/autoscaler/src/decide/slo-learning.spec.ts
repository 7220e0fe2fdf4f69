import { describe, expect, it } from 'vitest';
import { EMPTY_DEMAND, observeDemand } from './demand.js';
import { EMPTY_OUTLOOK, observeOutlook, outlookOf } from './demand-outlook.js';
import { EMPTY_BUDGET, lateShareOf, observeLate, priceOf, type LateBudget } from './late-budget.js';
import { aWindow } from './observation.testing.js';
import { countFor, waitChance, worthCount } from './worth-plan.js';
import { waitProbability } from './queueing.js';

const HORIZON_MS = 5_000;

const look = (rates: readonly number[]) => {
  let demand = EMPTY_DEMAND;
  let outlook = EMPTY_OUTLOOK;
  rates.forEach((completed, second) => {
    demand = observeDemand(demand, { nowMs: 1_000_000 + second * 1_000, completed, inside: 0 });
    outlook = observeOutlook(outlook, demand, HORIZON_MS);
  });
  return outlook;
};

const steady = (rate: number, seconds: number): readonly number[] =>
  Array.from({ length: seconds }, () => rate);

const chanceAbove = (outlook: ReturnType<typeof look>, rate: number): number =>
  outlookOf(outlook, HORIZON_MS)
    .highest.filter((chance) => chance.rate > rate)
    .reduce((sum, { weight }) => sum + weight, 0);

describe('outlook on demand', () => {
  it('follows a jump within three samples and no single absurd sample', () => {
    expect(look([...steady(50, 60), 200, 200]).level).toBe(200);
    expect(look([...steady(50, 60), 250]).level).toBeLessThan(60);
  });

  it('learns how often the load leaps', () => {
    const leaping = Array.from({ length: 1_200 }, (_, second) => (second % 60 < 50 ? 50 : 400));
    expect(chanceAbove(look([...leaping, ...steady(50, 20)]), 300)).toBeGreaterThan(0.03);
    expect(chanceAbove(look(steady(50, 1_200)), 300)).toBeLessThan(0.001);
  });

  it('expects a ramp to go on once trends have foretold better', () => {
    const ramp = look(Array.from({ length: 200 }, (_, second) => 50 + 3 * second));
    expect(outlookOf(ramp, 60_000).expected).toBeGreaterThan(1.1 * ramp.level);
  });

  it('keeps its state bounded', () => {
    const state = look(Array.from({ length: 2_000 }, (_, second) => 1 + ((second * 37) % 900)));
    expect(JSON.stringify(state).length).toBeLessThan(30_000);
    expect(state.pending.length).toBeLessThanOrEqual(24);
  });
});

describe('budget of late requests', () => {
  const after = (p99Ms: number, windows: number): LateBudget => {
    let budget = EMPTY_BUDGET;
    for (let i = 1; i <= windows; i += 1) {
      const window = aWindow({ p50Ms: 50, p95Ms: 90, p99Ms });
      const sample = { nowMs: i * 10_000, window, rejectedRate: 0, boundMs: 200, allowed: 0.01 };
      budget = observeLate(budget, { ...sample, excused: false });
    }
    return budget;
  };

  it('reads the late share from percentiles', () => {
    const window = aWindow({ p50Ms: 50, p95Ms: 100, p99Ms: 200 });
    expect(lateShareOf(window, 200)).toBeCloseTo(0.01, 6);
    expect(lateShareOf(window, 100)).toBeCloseTo(0.05, 6);
    expect(lateShareOf(window, 400)).toBeLessThan(0.001);
    expect(lateShareOf(window, 10)).toBeGreaterThan(0.8);
  });

  it('buys more while too much is late, less while there is budget left, both within bounds', () => {
    expect(priceOf(after(400, 400), 0.01, 20)).toBeLessThan(0.8);
    expect(priceOf(after(100, 400), 0.01, 20)).toBeGreaterThan(1.5);
    expect(priceOf(after(5_000, 9_000), 0.01, 20)).toBeGreaterThanOrEqual(0.2);
    expect(priceOf(after(95, 9_000), 0.01, 20)).toBeLessThanOrEqual(8);
  });
});

describe('count that is worth it', () => {
  const worth = { capacity: 20, concurrency: 1, slackS: 0.1, variability: 0.7, price: 0.2 };

  it('knows the chance to wait without a loop', () => {
    for (const [servers, rho] of [
      [5, 0.6],
      [40, 0.8],
      [40, 0.95],
      [200, 0.9],
    ] as const) {
      expect(Math.abs(waitChance(servers, rho) - waitProbability(servers * rho, servers))).toBeLessThan(0.06);
    }
  });

  it('wants more for more load and less at a higher price', () => {
    expect(countFor(800, worth)).toBeGreaterThan(countFor(400, worth));
    expect(countFor(400, { ...worth, price: 2 })).toBeLessThan(countFor(400, worth));
    expect(countFor(400, worth)).toBeGreaterThan(20);
  });

  it('provides for a leap that is likely enough and lets a rare one pass', () => {
    const leap = (weight: number) => [
      { rate: 100, weight: 1 - weight },
      { rate: 1_000, weight },
    ];
    expect(worthCount(leap(0.1), worth)).toBeGreaterThan(50);
    expect(worthCount(leap(0.001), worth)).toBeLessThan(12);
  });
});
