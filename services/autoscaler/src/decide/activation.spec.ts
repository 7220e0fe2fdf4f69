import { describe, expect, it } from 'vitest';
import { activate } from './activation.js';
import type { ComponentObservation } from './observation.js';
import { anObservation, aWindow, someRequests } from './observation.testing.js';
import { hold } from './policy.js';

const SCALE = { min: 0, max: 10, initial: 0, idleMs: 30_000 };
const QUIET = someRequests(aWindow({ rate: 0 }));
const NOW_MS = 1_000_000;

const wanted = (overrides: Partial<ComponentObservation>, activeBeforeMs = 0) => {
  const observation = anObservation({ nowMs: NOW_MS, scale: SCALE, ...overrides });
  const { activeAtMs, recommendation } = activate(activeBeforeMs, observation, hold(observation, 'test'));
  return { activeAtMs, count: recommendation.count, reason: recommendation.reason };
};

describe('activation', () => {
  it('starts the first instance when a request waits', () => {
    expect(wanted({ count: 0, ready: 0, requests: { ...QUIET, queued: 1 } })).toMatchObject({ count: 1 });
    const onlyQueued = { ...QUIET, last1: null, last10: null, last60: null, queued: 1 };
    expect(wanted({ count: 0, ready: 0, requests: onlyQueued })).toMatchObject({ count: 1 });
  });

  it('stays at zero while nobody asks, and while nothing is known', () => {
    expect(wanted({ count: 0, ready: 0, requests: QUIET }).count).toBe(0);
    expect(wanted({ count: 0, ready: 0, requests: null }).count).toBe(0);
  });

  it('takes the last instance only after the whole idle time without a request', () => {
    expect(wanted({ count: 2, requests: QUIET }, NOW_MS - 29_000).count).toBe(2);
    expect(wanted({ count: 2, requests: QUIET }, NOW_MS - 30_000)).toMatchObject({ count: 0 });
  });

  it('counts the idle time from when it first knew, not from nowhere', () => {
    expect(wanted({ count: 1, requests: QUIET }, 0)).toMatchObject({ count: 1, activeAtMs: NOW_MS });
  });

  it('never takes the last instance because metrics are missing', () => {
    expect(wanted({ count: 1, requests: null }, NOW_MS - 3_600_000).count).toBe(1);
    const unknown = { ...QUIET, last1: null, last10: null, last60: null };
    expect(wanted({ count: 1, requests: unknown }, NOW_MS - 3_600_000).count).toBe(1);
  });

  it('leaves a component alone that has a minimum', () => {
    const scale = { min: 1, max: 10, initial: 1 };
    expect(wanted({ count: 0, scale, requests: QUIET })).toMatchObject({ count: 0, activeAtMs: 0 });
  });

  it('keeps one instance for a load so small that the policy wants none', () => {
    const observation = anObservation({ nowMs: NOW_MS, scale: SCALE, count: 1 });
    const none = { ...hold(observation, 'test'), count: 0 };
    expect(activate(0, observation, none).recommendation).toMatchObject({ count: 1 });
  });
});
