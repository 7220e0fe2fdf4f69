import { describe, expect, it } from 'vitest';
import type { ScalingPolicy } from '@mitosis/contracts';
import type { ComponentObservation } from '../decide/observation.js';
import { anObservation, aWindow, someRequests } from '../decide/observation.testing.js';
import { POLICIES } from './index.js';

const settings = { holdMs: 0 };
const AT_NIGHT = Date.parse('2026-07-01T22:00:00Z');
const AT_NOON = Date.parse('2026-07-01T12:00:00Z');
const OPTIONS: Extract<ScalingPolicy, { kind: 'combine' }> = {
  kind: 'combine',
  policies: [
    { kind: 'target', metric: 'rps', value: 10, tolerance: 0.1, downWindowMs: 0 },
    { kind: 'schedule', timezone: 'UTC', windows: [{ start: '0 8 * * *', end: '0 18 * * *', count: 5 }] },
  ],
};
const ask = (overrides: Partial<ComponentObservation>) =>
  POLICIES.combine.step(POLICIES.combine.initial(), anObservation(overrides), OPTIONS, settings)
    .recommendation;
const load = (rate: number) => someRequests(aWindow({ rate }));

describe('policy combine', () => {
  it('lets the one win that wants most, and says which', () => {
    expect(ask({ nowMs: AT_NOON, requests: load(20) })).toMatchObject({
      count: 5,
      reason: expect.stringMatching(/^schedule wants most \(target 2, schedule 5\)/) as string,
      inputs: { winner: 'schedule' },
    });
    expect(ask({ nowMs: AT_NOON, requests: load(60) })).toMatchObject({
      count: 6,
      inputs: { winner: 'target' },
    });
    expect(ask({ nowMs: AT_NIGHT, requests: load(30) })).toMatchObject({
      count: 3,
      inputs: { winner: 'target' },
    });
  });

  it('keeps the count while one of them does not know', () => {
    expect(ask({ nowMs: AT_NIGHT, count: 6, requests: null }).count).toBe(6);
  });
});
