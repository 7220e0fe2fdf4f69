import { describe, expect, it } from 'vitest';
import { stands, type Basis, type StandingPlan } from './standing-plan.js';

const basis: Basis = { atMs: 100_000, count: 3, rate: 40, capacity: 20 };
const standing: StandingPlan = {
  ...basis,
  plan: { count: 4, because: 'latency' },
  keep: null,
  price: 0.5,
};
const isStanding = (now: Partial<Basis>, of: Partial<Basis> = {}): boolean =>
  stands({ ...standing, ...of }, { ...basis, atMs: 101_000, ...now });

describe('a standing plan', () => {
  it('holds for some seconds while nothing moves, and no plan never holds', () => {
    expect(isStanding({})).toBe(true);
    expect(isStanding({ atMs: 102_999 })).toBe(true);
    expect(isStanding({ atMs: 103_000 })).toBe(false);
    expect(stands(null, basis)).toBe(false);
  });

  it('is over with another count, another capacity, and a clock that went back', () => {
    expect(isStanding({ count: 4 })).toBe(false);
    expect(isStanding({ capacity: 20.1 })).toBe(true);
    expect(isStanding({ capacity: 19.7 })).toBe(false);
    expect(isStanding({ atMs: 99_000 })).toBe(false);
  });

  it('is over when the load has moved by a tenth of an instance, or by a fiftieth of a large one', () => {
    expect([40, 41.9, 38.1].map((rate) => isStanding({ rate }))).toEqual([true, true, true]);
    expect([42.1, 37.9].map((rate) => isStanding({ rate }))).toEqual([false, false]);
    expect([1_019, 1_021].map((rate) => isStanding({ rate }, { rate: 1_000 }))).toEqual([true, false]);
  });
});
