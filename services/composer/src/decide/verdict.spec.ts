import { LatencyHistogram, monitor } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { aSample, REBIND } from './binding.testing.js';
import { binomialTail, judge, recentOf, sampleOf } from './verdict.js';

const kindOf = (overrides: Parameters<typeof aSample>[0]) => judge(aSample(overrides), REBIND, null).kind;

describe('verdict on an alternative', () => {
  it.each([
    ['unknown', 'no request', { requests: 0 }],
    ['good', 'everything within the bounds', {}],
    ['good', 'a few late ones, as a p95 allows', { late: 20 }],
    ['bad', 'many late ones', { late: 60 }],
    ['bad', 'many errors', { errors: 50 }],
    ['failing', 'mostly errors', { errors: 300 }],
    ['unknown', 'one late request of one', { requests: 1, late: 1 }],
    ['bad', 'two late requests of two', { requests: 2, late: 2 }],
    ['unknown', 'two late of ten', { requests: 10, late: 2 }],
    ['bad', 'requests that hang', { inFlight: 200 }],
  ] as const)('is %s with %s', (kind, _, overrides) => {
    expect(kindOf(overrides)).toBe(kind);
  });

  it('is unknown without a measurement', () => {
    expect(judge(null, REBIND, null).kind).toBe('unknown');
  });

  it('sees a hard failure in the first second of it', () => {
    const before = aSample({ requests: 500, errors: 0 });
    const now = aSample({ requests: 500, errors: 48 });
    expect(judge(now, REBIND, null).kind).toBe('bad');
    expect(judge(now, REBIND, recentOf(before, now, 1_000)).kind).toBe('failing');
    expect(judge(now, REBIND, recentOf(aSample({ errors: 40 }), now, 1_000)).kind).toBe('bad');
  });

  it('holds no bound that is not there', () => {
    const unbounded = { ...REBIND, p95Ms: 0 };
    expect(judge(aSample({ late: 0, p95Ms: 9_000, inFlight: 1_000 }), unbounded, null).kind).toBe('good');
  });

  it('counts late requests in the histogram of the monitor', () => {
    const histogram = new LatencyHistogram();
    for (let i = 0; i < 90; i += 1) histogram.record(50);
    for (let i = 0; i < 10; i += 1) histogram.record(900);
    const target = monitor.TargetSnapshot.fromPartial({
      target: 'acme',
      last10: {
        known: true,
        seconds: 10,
        rate: 10,
        errorRatio: 0.02,
        p95Ms: 900,
        histogram: histogram.toMessage(),
      },
    });
    expect(sampleOf(target, 250)).toMatchObject({ requests: 100, errors: 2, late: 10 });
    expect(sampleOf(monitor.TargetSnapshot.fromPartial({ target: 'acme' }), 250)).toBeNull();
  });

  it('knows the binomial distribution', () => {
    // 1 − 0.95^10 and 1 − 0.95^10 − 10·0.05·0.95^9
    expect(binomialTail(10, 0.05, 1)).toBeCloseTo(0.4013, 4);
    expect(binomialTail(10, 0.05, 2)).toBeCloseTo(0.0861, 4);
    expect(binomialTail(100_000, 0.05, 5_000)).toBeCloseTo(0.5, 1);
    expect(binomialTail(5, 0.05, 6)).toBe(0);
    expect(binomialTail(5, 0, 1)).toBe(0);
  });
});
