import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.js';
import { chainApplication } from './application.js';
import { paceOf } from './pace.js';
import { Plant } from './plant.js';

/** One tier whose instances serve 20 a second each. */
const plantOf = (initial: number): Plant => {
  const { components, objectiveMs } = chainApplication({
    tiers: 1,
    startMs: 7_000,
    percentile: 99,
    concurrency: 1,
    peakRate: 400,
    maxFactor: 2,
    policy: () => ({ kind: 'fixed' }),
  });
  const options = { objectiveMs, dispersion: 1, patienceS: 10, samples: 16, observed: true };
  const plant = new Plant(
    { ...options, components: components.map((one) => ({ ...one, initial })) },
    seededRandom(1),
  );
  plant.step(0, 0);
  return plant;
};

const traceOf = (...rates: readonly number[]) => ({
  name: 'made',
  binS: 60,
  rates: Float64Array.from(rates),
});

describe(paceOf.name, () => {
  it('plays what stays as it is in long steps, which end with a bin', () => {
    const pace = paceOf(traceOf(200, 202), plantOf(20), 25, 0);
    expect([0, 25, 50, 60, 119].map(pace)).toEqual([25, 25, 10, 25, 1]);
  });

  it('plays the seconds after a load has moved one by one, and again long ones then', () => {
    const pace = paceOf(traceOf(200, 260), plantOf(20), 30, 0);
    expect([60, 61, 62, 63, 64].map(pace)).toEqual([1, 1, 1, 1, 30]);
  });

  it('makes nothing of a move that hardly keeps an instance busy', () => {
    expect(paceOf(traceOf(10, 15), plantOf(2), 30, 0)(60)).toBe(30);
  });

  it('plays each second of a pool that is nearly busy, and of one where something waits', () => {
    expect(paceOf(traceOf(195), plantOf(10), 30, 0)(20)).toBe(1);
    const waiting = plantOf(10);
    waiting.step(1, 500);
    expect(paceOf(traceOf(100), waiting, 30, 0)(20)).toBe(1);
  });

  it('stops where an instance becomes ready', () => {
    const plant = plantOf(20);
    plant.tiers[0]?.pool.scaleTo(21, 10_000);
    const seconds = paceOf(traceOf(200), plant, 30, 0)(10);
    // Seven, and a tenth more or less.
    expect([7, 8]).toContain(seconds);
  });

  it('plays each second where that is asked for, of the warm-up and of a trace by the second', () => {
    const plant = plantOf(20);
    expect(paceOf(traceOf(200), plant, 1, 0)(0)).toBe(1);
    expect(paceOf(traceOf(200), plant, 30, 300)(-20)).toBe(1);
    expect(paceOf({ ...traceOf(200), binS: 1 }, plant, 30, 0)(0)).toBe(1);
  });
});
