import { describe, expect, it } from 'vitest';
import { MetricWindows } from './metric-windows.js';

const step = (seconds: number, rate: number, ms: number) => ({
  seconds,
  samples: Float64Array.of(ms, ms, ms, ms),
  used: 4,
  weight: (seconds * rate) / 4,
  completed: seconds * rate,
  rejected: 0,
});

const after = (...steps: readonly ReturnType<typeof step>[]) => {
  const windows = new MetricWindows();
  for (const one of steps) windows.add(one);
  return windows.read();
};

const seconds = (count: number, rate: number, ms: number) =>
  Array.from({ length: count }, () => step(1, rate, ms));

describe(MetricWindows.name, () => {
  it('says of each window how long it is, and what came in it', () => {
    const { last1, last10, last60 } = after(...seconds(80, 5, 20), ...seconds(10, 15, 80));
    expect([last1.seconds, last10.seconds, last60.seconds]).toEqual([1, 10, 60]);
    expect(last10.rate).toBeCloseTo(15, 9);
    expect(last60.rate).toBeCloseTo((10 * 15 + 50 * 5) / 60, 9);
    expect(last10.meanMs).toBeCloseTo(80, 9);
    expect(last60.p95Ms / 80).toBeCloseTo(1, 1);
  });

  it('takes a long step as a whole into all windows that it is longer than', () => {
    const { last1, last10, last60 } = after(...seconds(70, 5, 20), step(30, 15, 80));
    expect([last1.seconds, last10.seconds, last60.seconds]).toEqual([30, 30, 60]);
    expect([last1.rate, last10.rate]).toEqual([15, 15]);
    expect(last60.rate).toBeCloseTo((30 * 15 + 30 * 5) / 60, 9);
  });

  it('keeps a long step until the seconds after it fill a window', () => {
    const nine = after(step(30, 15, 80), ...seconds(9, 5, 20));
    expect([nine.last1.seconds, nine.last10.seconds]).toEqual([1, 39]);
    const ten = after(step(30, 15, 80), ...seconds(10, 5, 20));
    expect([ten.last10.seconds, ten.last60.seconds]).toEqual([10, 40]);
    expect(ten.last10.rate).toBeCloseTo(5, 9);
    expect(ten.last10.p99Ms).toBeLessThan(25);
  });
});
