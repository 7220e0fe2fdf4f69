import { describe, expect, it } from 'vitest';
import { outlookOf } from './demand-outlook.js';
import { outlookAfter } from './demand-outlook.testing.js';
import {
  aimOf,
  EMPTY_BUDGET,
  lateShareOf,
  observeLate,
  correctionOf,
  type LateBudget,
} from './late-budget.js';
import type { RequestWindow } from './observation.js';
import { aWindow } from './observation.testing.js';
import { seededRandom } from './pool-simulation.testing.js';
import { chanceAbove, type Chances } from './chances.js';
import { EMPTY_PRICE, fairPriceOf, isPriceDue, observePrice, priceAt } from './fair-price.js';
import { slackOf } from './slack.js';
import { countFor, lateRate, steadyCount, waitChance, worthCount, worthWhole } from './worth-plan.js';
import { waitProbability } from './queueing.js';

const HORIZON_MS = 5_000;

const look = (rates: readonly number[], horizonMs = HORIZON_MS) => outlookAfter(rates, horizonMs).outlook;

const steady = (rate: number, seconds: number): readonly number[] =>
  Array.from({ length: seconds }, () => rate);

const highestAbove = (outlook: ReturnType<typeof look>, rate: number): number =>
  chanceAbove(outlookOf(outlook, HORIZON_MS).highest, rate);

describe('outlook on demand', () => {
  it('follows a jump within three samples and no single absurd sample', () => {
    expect(look([...steady(50, 60), 200, 200]).level).toBe(200);
    expect(look([...steady(50, 60), 250]).level).toBeLessThan(60);
  });

  it('takes two seconds with three requests for no jump where one in three seconds is usual, but seven for one', () => {
    const slow = { unit: 1 / 256, averageS: 180 };
    const usual = Array.from({ length: 600 }, (_, second) => (second % 3 === 0 ? 1 : 0));
    expect(outlookAfter([...usual, 3, 0, 3], 60_000, slow).outlook.level).toBeLessThan(0.6);
    expect(outlookAfter([...usual, 7, 0, 7], 60_000, slow).outlook.level).toBeGreaterThan(3);
  });

  it('learns how often the load leaps', () => {
    const leaping = Array.from({ length: 1_200 }, (_, second) => (second % 60 < 50 ? 50 : 400));
    expect(highestAbove(look([...leaping, ...steady(50, 20)]), 300)).toBeGreaterThan(0.03);
    expect(highestAbove(look(steady(50, 1_200)), 300)).toBeLessThan(0.001);
  });

  it('keeps what it saw for as long on a short horizon as on a long one', () => {
    const after = (horizonMs: number): number => {
      const leaping = Array.from({ length: 1_200 }, (_, second) => (second % 60 < 50 ? 50 : 400));
      const { highest } = outlookOf(look([...leaping, ...steady(50, 3_600)], horizonMs), horizonMs);
      return chanceAbove(highest, 300);
    };
    // Nothing leapt for an hour: what was seen before has faded to about the same share.
    expect(after(5_000)).toBeGreaterThan(0.005);
    expect(after(60_000)).toBeGreaterThan(0.005);
  });

  it('expects a ramp to go on once trends have foretold better', () => {
    const ramp = look(Array.from({ length: 200 }, (_, second) => 50 + 3 * second));
    expect(outlookOf(ramp, 60_000).expected).toBeGreaterThan(1.1 * ramp.level);
  });

  it('goes by what is usual where loads leap about, by the load of now where they do not', () => {
    const random = seededRandom(7);
    const draws = Array.from({ length: 400 }, () => 20 + 200 * random());
    const leaping = look(
      Array.from({ length: 6_000 }, (_, second) => draws[Math.floor(second / 15)] ?? 0),
      60_000,
    );
    const steadily = look(
      Array.from({ length: 6_000 }, (_, second) => 100 + 0.2 * second),
      60_000,
    );
    expect(Math.max(...leaping.slow.map(({ odds }) => odds))).toBeGreaterThan(0);
    expect(Math.max(...steadily.slow.map(({ odds }) => odds))).toBeLessThan(0);
  });

  it('gives averages no credit for calm hours, in which all say the same', () => {
    const random = seededRandom(3);
    const calm = look(
      Array.from({ length: 1_200 }, () => 160 + 25 * (random() + random() - 1)),
      60_000,
    );
    for (const { odds } of calm.slow) expect(odds).toBeLessThan(0);
  });

  it('does not take the moments in which it began for what is usual', () => {
    const begun = outlookOf(look([0, 0, 0, 1, ...steady(20, 5)]), HORIZON_MS);
    expect(begun.expected).toBeCloseTo(20, 0);
    expect(chanceAbove(begun.atEnd, 45)).toBeLessThan(0.01);
  });

  it('thinks nothing possible that is far above all that ever came, once much was seen', () => {
    const bursts = Array.from({ length: 7_200 }, (_, second) => (second % 120 < 110 ? 10 : 400));
    const after = (rates: readonly number[]): Chances =>
      outlookOf(look([...rates, ...steady(400, 20)]), HORIZON_MS).highest;
    const { rates, weights } = after(bursts);
    expect(rates.at(-1)).toBeGreaterThan(400);
    expect(rates.at(-1)).toBeLessThan(1.45 * 400);
    expect(after(steady(10, 60)).rates.at(-1)).toBeGreaterThan(2 * 400);
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 4);
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
    expect(correctionOf(after(400, 400), 0.01, 20)).toBeLessThan(0.8);
    expect(correctionOf(after(100, 400), 0.01, 20)).toBeGreaterThan(1.5);
    expect(correctionOf(after(5_000, 9_000), 0.01, 20)).toBeGreaterThanOrEqual(0.06);
    expect(correctionOf(after(95, 9_000), 0.01, 20)).toBeLessThanOrEqual(10);
  });

  it('aims at most of what is allowed where lateness comes evenly, at a third where it comes in lumps', () => {
    const calm = { p50Ms: 50, p95Ms: 90, p99Ms: 95 };
    /** Six hours of windows of ten seconds. */
    const day = (windowOf: (i: number) => Partial<RequestWindow>): LateBudget => {
      let budget = EMPTY_BUDGET;
      for (let i = 1; i <= 2_160; i += 1) {
        const sample = { nowMs: i * 10_000, rejectedRate: 0, boundMs: 200, allowed: 0.01, excused: false };
        budget = observeLate(budget, { ...sample, window: aWindow(windowOf(i)) });
      }
      return budget;
    };
    const evenly = day(() => ({ ...calm, p99Ms: 170 }));
    const lump = { p50Ms: 150, p95Ms: 400, p99Ms: 700 };
    const lumps = day((i) => (i >= 1_080 && i < 1_110 ? lump : calm));
    expect(lumps.late).toBeLessThan(evenly.late);
    expect(aimOf(EMPTY_BUDGET, 0.01)).toBeCloseTo(0.35, 2);
    expect(aimOf(EMPTY_BUDGET, 0.05)).toBeGreaterThan(0.65);
    expect(aimOf(evenly, 0.01)).toBeGreaterThan(0.55);
    expect(aimOf(lumps, 0.01)).toBeLessThan(aimOf(evenly, 0.01) - 0.1);
    expect(aimOf(lumps, 0.01)).toBeGreaterThanOrEqual(0.3);
  });
});

describe('count that is worth it', () => {
  const worth = { capacity: 20, concurrency: 1, slack: slackOf(0.1, 0.1, 0), variability: 0.7, price: 0.2 };

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
    const leap = (weight: number) => ({ rates: [100, 1_000], weights: [1 - weight, weight] });
    expect(worthCount(leap(0.1), worth)).toBeGreaterThan(50);
    expect(worthCount(leap(0.001), worth)).toBeLessThan(12);
  });

  it('is neither left nor taken for one that is hardly better', () => {
    // Nothing, or a thousand a second: five or the whole fifty are held, and one of both is best.
    const leap = (weight: number) => ({ rates: [60, 1_000], weights: [1 - weight, weight] });
    const even = worth.price / worth.capacity;
    for (const from of [5, 60]) {
      expect(steadyCount(leap(1.8 * even), worth, from)).toBeGreaterThan(50);
      expect(steadyCount(leap(0.5 * even), worth, from)).toBeLessThan(10);
    }
    expect(steadyCount(leap(1.2 * even), worth, 5)).toBeLessThan(10);
    expect(steadyCount(leap(0.95 * even), worth, 60)).toBeGreaterThan(50);
  });

  it('finds the whole number with the least sum of instances and priced late requests', () => {
    const chances = { rates: [100, 180], weights: [0.9, 0.1] };
    const total = (count: number): number => lateRate(chances, count, worth) + worth.price * count;
    const best = worthWhole(chances, worthCount(chances, worth), worth);
    for (let count = 1; count < 30; count += 1) expect(total(best)).toBeLessThanOrEqual(total(count));
  });
});

describe('fair price', () => {
  const worth = { capacity: 20, concurrency: 1, slack: slackOf(0.1, 0.1, 0), variability: 0.7 };
  const bell = Array.from({ length: 31 }, (_, i) => Math.exp(-(((i - 15) / 6) ** 2)));
  const sum = bell.reduce((all, weight) => all + weight, 0);
  const chances = { rates: bell.map((_, i) => 340 + 4 * i), weights: bell.map((weight) => weight / sum) };

  it('lets a plan at this price spend the allowed share', () => {
    for (const allowed of [0.01, 0.05]) {
      const price = priceAt(chances, worth, allowed);
      const count = worthWhole(chances, 20, { ...worth, price });
      expect(lateRate(chances, count + 1, worth)).toBeLessThan(1.2 * allowed * 400);
      expect(lateRate(chances, count - 1, worth)).toBeGreaterThan(0.5 * allowed * 400);
    }
  });

  it('is an average that one look cannot move far, within what an instance can complete', () => {
    let price = EMPTY_PRICE;
    for (let i = 1; i <= 100; i += 1) price = observePrice(price, i * 10_000, chances, worth, 0.01);
    const before = fairPriceOf(price.log, 1, 20);
    const after = observePrice(price, 1_010_000, { rates: [1], weights: [1] }, worth, 0.01);
    expect(fairPriceOf(after.log, 1, 20)).toBeGreaterThan(0.8 * before);
    expect(fairPriceOf(after.log, 1e9, 20)).toBeLessThan(20);
    expect(fairPriceOf(after.log, 1e-9, 20)).toBeGreaterThan(0);
  });

  it('is an average over requests: what it was while hardly any came says nothing', () => {
    const fresh = observePrice(EMPTY_PRICE, 10_000, chances, worth, 0.05);
    let price = EMPTY_PRICE;
    for (let i = 1; i <= 10; i += 1)
      price = observePrice(price, i * 10_000, { rates: [0.5], weights: [1] }, worth, 0.05);
    expect(price.log).toBeLessThan(fresh.log - 1);
    expect(isPriceDue(price, 101_000, 0.5)).toBe(false);
    expect(isPriceDue(price, 101_000, 300)).toBe(true);
    expect(observePrice(price, 101_000, chances, worth, 0.05).log).toBeCloseTo(fresh.log, 1);
  });
});
