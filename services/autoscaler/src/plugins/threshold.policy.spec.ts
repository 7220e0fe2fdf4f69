import { describe, expect, it } from 'vitest';
import type { ComponentObservation } from '../decide/observation.js';
import { anObservation, aWindow, POLICY_EXAMPLES, someRequests } from '../decide/observation.testing.js';
import { threshold } from './threshold.policy.js';

const options = POLICY_EXAMPLES.threshold;
type Second = Partial<ComponentObservation> & { readonly perInstance: number | null };

/** One observation a second; what is recommended at each. */
const counts = (seconds: readonly Second[]): readonly number[] => {
  let state = threshold.initial();
  return seconds.map(({ perInstance, ...overrides }, i) => {
    const observation = anObservation({
      nowMs: 1_000_000 + i * 1_000,
      requests: perInstance === null ? null : someRequests(aWindow({ rate: perInstance * 2 })),
      ...overrides,
    });
    const step = threshold.step(state, observation, options);
    state = step.state;
    return step.recommendation.count;
  });
};

const times = (n: number, second: Second): readonly Second[] => Array.from({ length: n }, () => second);

describe('threshold policy', () => {
  it('fires when the condition held for the period', () => {
    expect(counts(times(5, { perInstance: 20 }))).toEqual([2, 2, 2, 4, 4]);
  });

  it('starts the period again when the condition was not met in between', () => {
    expect(
      counts([...times(2, { perInstance: 20 }), { perInstance: 10 }, ...times(3, { perInstance: 20 })]),
    ).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it('concludes nothing from silence', () => {
    expect(counts([...times(2, { perInstance: 1 }), ...times(20, { perInstance: null })])).not.toContain(1);
    expect(
      counts([...times(2, { perInstance: 1 }), { perInstance: null }, ...times(3, { perInstance: 1 })]),
    ).not.toContain(1);
  });

  it('waits for the cooldown of the rule after any change', () => {
    const changed = { countSinceMs: 1_000_000 };
    expect(counts(times(6, { perInstance: 20, ...changed }))).toEqual([2, 2, 2, 2, 2, 4]);
    expect(counts(times(11, { perInstance: 1, ...changed })).at(-2)).toBe(2);
    expect(counts(times(11, { perInstance: 1, ...changed })).at(-1)).toBe(1);
  });

  it('takes the rule that leaves most instances when several fire', () => {
    const both = {
      kind: 'threshold' as const,
      rules: [
        {
          metric: 'rps' as const,
          comparator: 'below' as const,
          threshold: 100,
          periodMs: 0,
          change: -1,
          cooldownMs: 0,
        },
        {
          metric: 'p95' as const,
          comparator: 'above' as const,
          threshold: 10,
          periodMs: 0,
          change: 3,
          cooldownMs: 0,
        },
      ],
    };
    expect(threshold.step(threshold.initial(), anObservation(), both).recommendation.count).toBe(5);
  });
});
