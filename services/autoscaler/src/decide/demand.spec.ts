import { describe, expect, it } from 'vitest';
import { EMPTY_DEMAND, forecastDemand, observeDemand, rememberForecast, type DemandState } from './demand.js';

const feed = (
  rates: readonly number[],
  inside: (second: number) => number = () => 0,
  from: DemandState = EMPTY_DEMAND,
): DemandState =>
  rates.reduce((state, completed, second) => {
    const sample = { nowMs: 1_000_000 + second * 1_000, completed, seconds: 1, inside: inside(second) };
    const seen = observeDemand(state, sample);
    return rememberForecast(seen, forecastDemand(seen, 3_000), 3_000);
  }, from);

const steady = Array.from({ length: 90 }, () => 50);

describe('demand', () => {
  it('does not move by a single absurd sample', () => {
    const before = forecastDemand(feed(steady), 3_000).upper;
    expect(forecastDemand(feed([...steady, 250]), 3_000).upper).toBeLessThan(before * 1.1);
  });

  it('follows a step within two samples', () => {
    expect(forecastDemand(feed([...steady, 200, 200]), 3_000).now).toBe(200);
  });

  it('sees what arrives and not what is completed while a queue grows', () => {
    // 50/s are completed, the queue grows by 30 a second: 80 arrive.
    const state = feed([...steady, 50, 50, 50], (second) => Math.max(0, second - 89) * 30);
    expect(forecastDemand(state, 0).now).toBeCloseTo(80, 5);
  });

  it('expects a ramp to go on, but not for ever', () => {
    const ramp = feed(Array.from({ length: 60 }, (_, second) => 20 + 2 * second));
    const soon = forecastDemand(ramp, 5_000).expected;
    expect(soon).toBeGreaterThan(140);
    expect(forecastDemand(ramp, 600_000).expected).toBeLessThan(160);
  });

  it('bounds the margin it learned from its errors', () => {
    const wild = feed(Array.from({ length: 200 }, (_, second) => (second % 20 < 10 ? 20 : 200)));
    const { expected, upper } = forecastDemand(wild, 3_000);
    expect(upper).toBeGreaterThan(expected);
    expect(upper).toBeLessThanOrEqual(expected * 1.3 + 1e-9);
  });

  it('starts anew after a gap instead of drawing a trend through it', () => {
    const state = observeDemand(feed(steady), { nowMs: 2_000_000, completed: 10, seconds: 1, inside: 0 });
    expect(forecastDemand(state, 3_000).now).toBe(10);
  });

  it('takes the margin from the errors of the last five minutes, of which each is as many deviations of chance', () => {
    // Loads between 40 and 60 by an irregular order, none twice alike for long.
    const rates = Array.from({ length: 700 }, (_, second) => 50 + 10 * Math.sin(second * second));
    for (const seconds of [63, 100, 303, 304, 328, 329, 500, 700]) {
      const state = feed(rates.slice(0, seconds));
      const sorted = state.errors.flat().toSorted((a, b) => a - b);
      const quantile = sorted[Math.ceil(0.95 * sorted.length) - 1] ?? NaN;
      const { expected, upper } = forecastDemand(state, 3_000);
      expect(sorted.length).toBe(Math.min(300, seconds - 3));
      expect(upper - expected).toBeCloseTo(Math.min(quantile * Math.sqrt(expected), 0.3 * expected), 9);
    }
  });

  it('keeps its state bounded', () => {
    const state = feed(Array.from({ length: 1_000 }, (_, second) => second % 7));
    expect(state.errors.flat().length).toBeLessThanOrEqual(300);
    expect(state.pending.length).toBeLessThanOrEqual(120);
    expect(state.recent.length).toBeLessThanOrEqual(3);
  });
});
