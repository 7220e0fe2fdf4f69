import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CONNECT_ERRORS_MAX,
  FAILURES_MAX,
  HEALTHY,
  judgeAttempt,
  maxEjected,
  type AttemptOutcome,
  type TargetHealth,
} from './ejection.js';

const POOL = { size: 3, othersEjected: 0 };
const after = (
  outcomes: readonly AttemptOutcome[],
  health: TargetHealth = HEALTHY,
  nowMs = 1_000,
): TargetHealth => outcomes.reduce((before, outcome) => judgeAttempt(before, outcome, POOL, nowMs), health);
const times = (n: number, outcome: AttemptOutcome): AttemptOutcome[] =>
  Array.from({ length: n }, () => outcome);

describe(judgeAttempt.name, () => {
  it('ejects after consecutive failures, sooner after refused connections', () => {
    expect(after(times(FAILURES_MAX - 1, 'failed')).ejectedUntilMs).toBe(0);
    expect(after(times(FAILURES_MAX, 'failed')).ejectedUntilMs).toBe(2_000);
    expect(after(times(CONNECT_ERRORS_MAX, 'unreachable')).ejectedUntilMs).toBe(2_000);
  });

  it('starts counting anew after a success', () => {
    const health = after([...times(FAILURES_MAX - 1, 'failed'), 'ok', ...times(FAILURES_MAX - 1, 'failed')]);
    expect(health.ejectedUntilMs).toBe(0);
  });

  it('ejects longer each time, up to a bound, and forgets after it went well for a while', () => {
    let health = HEALTHY;
    let nowMs = 0;
    const lengths: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      health = after(times(FAILURES_MAX, 'failed'), health, nowMs);
      lengths.push(health.ejectedUntilMs - nowMs);
      nowMs = health.ejectedUntilMs;
    }
    expect(lengths).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(after(['ok'], health, nowMs + 10_001).ejections).toBe(0);
  });

  it('keeps the cap over any pool and any history: a third, at least one, never all', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.tuple(fc.nat(39), fc.constantFrom<AttemptOutcome>('ok', 'failed', 'unreachable')), {
          maxLength: 400,
        }),
        (size, history) => {
          const pool = Array.from({ length: size }, () => HEALTHY);
          const nowMs = 5;
          for (const [index, outcome] of history) {
            const i = index % size;
            const othersEjected = pool.filter((health, j) => j !== i && health.ejectedUntilMs > nowMs).length;
            pool[i] = judgeAttempt(pool[i] ?? HEALTHY, outcome, { size, othersEjected }, nowMs);
            const out = pool.filter((health) => health.ejectedUntilMs > nowMs).length;
            expect(out).toBeLessThanOrEqual(maxEjected(size));
            expect(out).toBeLessThan(size);
          }
        },
      ),
    );
    expect([1, 2, 3, 6, 10].map(maxEjected)).toEqual([0, 1, 1, 2, 3]);
  });
});
