import { describe, expect, it } from 'vitest';
import type { ComponentObservation } from '../decide/observation.js';
import { anObservation, aWindow, POLICY_EXAMPLES, someRequests } from '../decide/observation.testing.js';
import { target } from './target.policy.js';

const rps = POLICY_EXAMPLES.target;
const withRate = (rate: number, overrides: Partial<ComponentObservation> = {}): ComponentObservation =>
  anObservation({ count: 4, ready: 4, requests: someRequests(aWindow({ rate })), ...overrides });

const once = (observation: ComponentObservation, options = rps) =>
  target.step(target.initial(), observation, options).recommendation;

/** The same observation every second for `seconds`; the last recommendation. */
const after = (seconds: number, observation: ComponentObservation) => {
  let state = target.initial();
  let recommendation = once(observation);
  for (let i = 0; i <= seconds; i += 1) {
    const step = target.step(state, { ...observation, nowMs: observation.nowMs + i * 1_000 }, rps);
    state = step.state;
    recommendation = step.recommendation;
  }
  return recommendation;
};

describe('target policy', () => {
  it.each([
    ['keeps the count at the target', withRate(40), 4],
    ['keeps it within the tolerance', withRate(43.9), 4],
    ['scales out by the ratio', withRate(60), 6],
    ['limits one step up to +100 % or +4', withRate(400), 8],
    ['counts starts under way as instances', withRate(60, { count: 6, starting: 2 }), 6],
    ['waits while nothing is ready', withRate(0, { ready: 0, starting: 4 }), 4],
    ['keeps the count without metrics', withRate(0, { requests: null }), 4],
    ['does not scale in at once', withRate(10), 4],
  ])('%s', (_, observation, count) => {
    expect(once(observation).count).toBe(count);
  });

  it('scales in after the window', () => {
    expect(after(59, withRate(10)).count).toBe(4);
    expect(after(61, withRate(10)).count).toBeLessThan(4);
  });

  it('counts unseen instances as busy when scaling in', () => {
    const cpu = { ...rps, metric: 'cpu' as const, value: 0.5, downWindowMs: 0 };
    const usage = (instancesSeen: number) => ({ cpuCores: 0.4, memoryBytes: 0, instancesSeen });
    // 4 seen: 0.4 of 2.0 cores. 1 seen: the three others may use all of 1.5.
    expect(once(withRate(1, { usage: usage(4) }), cpu).count).toBeLessThan(4);
    expect(once(withRate(1, { usage: usage(1) }), cpu).count).toBe(4);
  });

  it('uses metrics that are no sum as they are', () => {
    const latency = { ...rps, metric: 'p95' as const, value: 80 };
    const slow = anObservation({
      count: 3,
      ready: 3,
      requests: someRequests(aWindow({ p95Ms: 120, p99Ms: 130 })),
    });
    expect(once(slow, latency).count).toBe(5);
  });
});
