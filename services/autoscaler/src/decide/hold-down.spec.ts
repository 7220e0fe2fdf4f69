import { describe, expect, it } from 'vitest';
import { EMPTY_HOLD, heldCount, holdRecommendation, type HoldState } from './hold-down.js';
import { anObservation } from './observation.testing.js';

const WINDOW_MS = 10_000;

const limits = (stepMs = 0, stepMax = Infinity) => ({ windowMs: WINDOW_MS, stepMs, stepMax });

const after = (recommendations: readonly (readonly [number, number])[]): HoldState =>
  recommendations.reduce(
    (state, [atMs, count]) =>
      holdRecommendation(state, { nowMs: atMs, seconds: 1, windowMs: WINDOW_MS }, count),
    EMPTY_HOLD,
  );

const everySecond = (fromS: number, toS: number, count: number): readonly (readonly [number, number])[] =>
  Array.from({ length: toS - fromS }, (_, i) => [(fromS + i) * 1_000, count] as const);

const at = (nowS: number, count: number, countSinceMs = 0) =>
  anObservation({ nowMs: nowS * 1_000, count, countSinceMs });

describe('hold down', () => {
  it('goes up at once', () => {
    expect(heldCount(after([[1_000, 9]]), at(1, 3), 9, limits())).toEqual({ count: 9, why: 'up' });
  });

  it('goes down only to the highest of the window', () => {
    const state = after([...everySecond(1, 20, 3), [20_000, 5], ...everySecond(21, 25, 3)]);
    expect(heldCount(state, at(24, 6), 3, limits())).toEqual({ count: 5, why: 'down' });
  });

  it('does not go down before the window was seen without a gap', () => {
    expect(heldCount(after(everySecond(1, 5, 2)), at(5, 6), 2, limits()).why).toBe('uncovered');
    const withGap = after([...everySecond(1, 30, 2), ...everySecond(90, 95, 2)]);
    expect(heldCount(withGap, at(94, 6), 2, limits()).why).toBe('uncovered');
  });

  it('takes at most a third at once, and one step per interval', () => {
    const state = after(everySecond(1, 30, 1));
    expect(heldCount(state, at(29, 9), 1, limits())).toEqual({ count: 6, why: 'down' });
    expect(heldCount(state, at(29, 9, 28_000), 1, limits(5_000)).why).toBe('rate-limit');
    expect(heldCount(state, at(29, 2), 1, limits()).count).toBe(1);
    expect(heldCount(state, at(29, 9), 1, limits(0, 1)).count).toBe(8);
  });
});
