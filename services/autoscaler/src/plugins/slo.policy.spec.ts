import { describe, expect, it } from 'vitest';
import { EMPTY_DEMAND, observeDemand } from '../decide/demand.js';
import { EMPTY_MODEL } from '../decide/instance-model.js';
import type { ComponentObservation } from '../decide/observation.js';
import { anObservation, aWindow, p95, POLICY_EXAMPLES, someRequests } from '../decide/observation.testing.js';
import type { SloState } from '../decide/slo-state.js';
import { slo } from './slo.policy.js';

const NOW_MS = 1_000_000;
const settings = { holdMs: 60_000 };

/** Knows: 50 ms of service, 20 requests/s per instance, `rate` requests/s for a while. */
const knowing = (rate: number): SloState => ({
  ...slo.initial(),
  model: {
    ...EMPTY_MODEL,
    version: 'v1',
    serviceMs: 50,
    serviceP95Ms: 80,
    serviceKnown: true,
    windows: 10,
    capacity: 20,
    measuredCapacity: 20,
    busy: rate / 40,
  },
  demand: [3, 2, 1].reduce(
    (demand, ago) =>
      observeDemand(demand, { nowMs: NOW_MS - ago * 1_000, completed: rate, seconds: 1, inside: rate / 20 }),
    EMPTY_DEMAND,
  ),
});

const recommend = (state: SloState, overrides: Partial<ComponentObservation>) =>
  slo.step(state, anObservation({ nowMs: NOW_MS, ...overrides }), POLICY_EXAMPLES.slo, settings)
    .recommendation;

const loaded = (
  rate: number,
  overrides: Partial<ComponentObservation> = {},
): Partial<ComponentObservation> => ({
  requests: someRequests(aWindow({ rate })),
  // Nothing new is learned about instances whose set has just changed: the tests look at the plan alone.
  readyStableSinceMs: NOW_MS,
  ...overrides,
});

describe('slo policy', () => {
  it('asks for enough instances at once when the load has risen', () => {
    const { count, reason, predicted } = recommend(knowing(80), loaded(80));
    expect(count).toBeGreaterThanOrEqual(5);
    // Nothing is known of how loads change here, which costs some headroom.
    expect(count).toBeLessThanOrEqual(10);
    expect(predicted?.percentile).toBe(95);
    expect(predicted?.ms).toBeLessThan(200);
    // Four instances' worth of requests piles up before the first new one is ready.
    expect(reason).toMatch(/holds the objective|works the backlog off/);
  });

  it('says the bound in whole milliseconds: a share of a chain has many digits', () => {
    const { reason } = recommend(knowing(80), loaded(80, { objective: p95(108.316_970_964_082_2) }));
    expect(reason).toContain('ms of 108 ms)');
  });

  it('asks for more when the objective is tighter', () => {
    const tight = recommend(knowing(80), loaded(80, { objective: p95(95) })).count;
    const loose = recommend(knowing(80), loaded(80, { objective: p95(1_000) })).count;
    expect(tight).toBeGreaterThan(loose);
  });

  it('adds instances for a backlog', () => {
    const queue = someRequests(aWindow({ rate: 40 }), { inFlight: 250 });
    expect(recommend(knowing(40), loaded(40, { requests: queue })).count).toBeGreaterThan(
      recommend(knowing(40), loaded(40)).count,
    );
  });

  it('does not chase an objective that service time alone exceeds', () => {
    const { count, reason } = recommend(knowing(30), loaded(30, { objective: p95(60) }));
    expect(count).toBeLessThanOrEqual(4);
    expect(reason).toContain('more would not reach the objective');
  });

  it.each([
    ['no metrics', { requests: null }],
    ['only unknown windows', { requests: someRequests(aWindow(), { last1: null, last10: null }) }],
  ])('keeps the count with %s', (_, overrides) => {
    const { count, predicted } = recommend(knowing(1), { count: 7, ready: 7, ...overrides });
    expect(count).toBe(7);
    expect(predicted).toBeNull();
  });

  it('keeps the count while it does not know what a request takes', () => {
    expect(recommend(slo.initial(), loaded(30, { readyStableSinceMs: NOW_MS, count: 3 })).count).toBe(3);
  });

  it('forgets what it learned of another version', () => {
    const step = slo.step(
      knowing(20),
      anObservation({ nowMs: NOW_MS, version: 'v2', readyStableSinceMs: NOW_MS }),
      POLICY_EXAMPLES.slo,
      settings,
    );
    expect(step.state.model.capacity).toBe(0);
    expect(step.state.model.version).toBe('v2');
  });

  it('does not take a measured capacity for the limit after more was served without delay', () => {
    const busy = someRequests(aWindow({ rate: 100, meanMs: 50 }));
    const { state } = slo.step(
      knowing(60),
      anObservation({ nowMs: NOW_MS, requests: busy }),
      POLICY_EXAMPLES.slo,
      settings,
    );
    // 50/s each in one second, of which 30 are no chance.
    expect(state.model.capacity).toBeCloseTo(30, 5);
  });
});
