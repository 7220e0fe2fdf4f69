import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './histogram.js';

describe(LatencyHistogram.name, () => {
  it('keeps every quantile within 2.6 % of the exact one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.02, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.9, 0.95, 0.99, 1),
        (values, q) => {
          const histogram = new LatencyHistogram();
          for (const value of values) histogram.record(value);
          const exact = [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(q * values.length) - 1)] ?? 0;
          expect(Math.abs(histogram.quantile(q) - exact) / exact).toBeLessThan(0.026);
        },
      ),
    );
  });

  it('merges through its message without losing a value', () => {
    const a = new LatencyHistogram();
    const b = new LatencyHistogram();
    for (let i = 1; i <= 100; i += 1) (i % 2 === 0 ? a : b).record(i);
    const merged = LatencyHistogram.from(a.toMessage());
    merged.merge(b.toMessage());
    expect(merged.count).toBe(100);
    expect(merged.meanMs).toBeCloseTo(50.5);
    expect(merged.quantile(0.5)).toBeGreaterThan(48);
    expect(merged.shareAbove(90)).toBeCloseTo(0.1, 1);
  });

  it('answers 0, not NaN, while empty', () => {
    const empty = new LatencyHistogram();
    expect([empty.quantile(0.99), empty.meanMs, empty.shareAbove(1)]).toEqual([0, 0, 0]);
  });
});
