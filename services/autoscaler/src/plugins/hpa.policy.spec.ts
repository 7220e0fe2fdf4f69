import type { HpaPolicy } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import type { ComponentObservation } from '../decide/observation.js';
import { anObservation, aWindow, POLICY_EXAMPLES, someRequests } from '../decide/observation.testing.js';
import { hpa } from './hpa.policy.js';

const cpu: HpaPolicy = { ...POLICY_EXAMPLES.hpa, metrics: [{ metric: 'cpu', value: 0.1 }] };
const rps: HpaPolicy = POLICY_EXAMPLES.hpa;
const T0 = 1_000_000;

const usage = (cpuCores: number, instancesSeen: number) => ({ cpuCores, memoryBytes: 1e6, instancesSeen });
const requests = (rate: number) => someRequests(aWindow({ rate }));

const once = (observation: Partial<ComponentObservation>, options: HpaPolicy): number =>
  hpa.step(hpa.initial(), anObservation(observation), options).recommendation.count;

/** Counts after each look, 15 s apart, each carried out at once. */
const looks = (
  begin: number,
  options: HpaPolicy,
  at: (look: number, count: number) => Partial<ComponentObservation>,
  number: number,
): readonly number[] => {
  let state = hpa.initial();
  let count = begin;
  let countSinceMs = 0;
  return Array.from({ length: number }, (_, look) => {
    const observation = anObservation({
      nowMs: T0 + look * 15_000,
      count,
      countSinceMs,
      ready: count,
      ...at(look, count),
    });
    const step = hpa.step(state, observation, options);
    state = step.state;
    if (step.recommendation.count !== count) countSinceMs = observation.nowMs;
    count = step.recommendation.count;
    return count;
  });
};

describe('hpa policy, the examples of its documentation', () => {
  it('doubles when the value is twice the target, halves when it is half of it', () => {
    // "if the current metric value is 200m, and the desired value is 100m, the number of replicas will be doubled"
    expect(once({ count: 3, ready: 3, usage: usage(0.6, 3) }, cpu)).toBe(6);
    const halved = { ...cpu, down: { ...cpu.down, windowMs: 0 } };
    expect(once({ count: 4, ready: 4, usage: usage(0.2, 4) }, halved)).toBe(2);
  });

  it('does nothing within the tolerance of 0.1', () => {
    expect(once({ count: 4, ready: 4, usage: usage(0.439, 4) }, cpu)).toBe(4);
    expect(once({ count: 4, ready: 4, usage: usage(0.441, 4) }, cpu)).toBe(5);
  });

  it('takes the highest of several metrics', () => {
    const both: HpaPolicy = { ...cpu, metrics: [...cpu.metrics, { metric: 'rps', value: 10 }] };
    expect(once({ count: 4, ready: 4, usage: usage(0.5, 4), requests: requests(70) }, both)).toBe(7);
  });

  it('does not scale in while one of several metrics is unknown, and scales out nevertheless', () => {
    const both: HpaPolicy = { ...cpu, metrics: [...cpu.metrics, { metric: 'rps', value: 10 }] };
    expect(once({ count: 4, ready: 4, usage: null, requests: requests(5) }, both)).toBe(4);
    expect(once({ count: 4, ready: 4, usage: null, requests: requests(70) }, both)).toBe(7);
  });

  it('counts instances without a sample at the target on the way in and as idle on the way out', () => {
    const quick = { ...cpu, down: { ...cpu.down, windowMs: 0 } };
    // 4 ready, 2 seen, at 20 % of the target: (0.04 + 2 · 0.1) / (0.1 · 4) = 0.6 → 3, not 1.
    expect(once({ count: 4, ready: 4, usage: usage(0.04, 2) }, quick)).toBe(3);
    // At 300 %: 0.6 / (0.1 · 4) = 1.5 → 6, not 12.
    expect(once({ count: 4, ready: 4, usage: usage(0.6, 2) }, cpu)).toBe(6);
  });

  it('counts instances that are not ready as idle, and keeps when that turns the direction', () => {
    // 2 ready at 200 %, 2 starting: 0.4 / (0.1 · 4) = 1: what is under way will do.
    expect(once({ count: 4, ready: 2, starting: 2, usage: usage(0.4, 2) }, cpu)).toBe(4);
    expect(once({ count: 4, ready: 2, starting: 2, usage: usage(0.24, 2) }, cpu)).toBe(4);
    expect(once({ count: 4, ready: 2, starting: 2, usage: usage(0.6, 2) }, cpu)).toBe(6);
  });

  it('adds at most 100 % or 4, whichever is more, in 15 s', () => {
    const surge = () => ({ requests: requests(1_000) });
    expect(looks(1, rps, surge, 5)).toEqual([5, 10, 20, 40, 80]);
  });

  it('scales in only to the highest recommendation of five minutes', () => {
    const counts = looks(10, rps, (look) => ({ requests: requests(look < 2 ? 100 : 20) }), 24);
    // The last recommendation of 10 was made in the second look: 300 s are 20 looks.
    expect(counts.slice(0, 21).every((count) => count === 10)).toBe(true);
    expect(counts.slice(21)).toEqual([2, 2, 2]);
  });

  it('keeps to the slower of two limits with select min, and stays with disabled', () => {
    // "scale down by at most 4 pods or 10 % per minute, whichever is less": 80 → 76 → 72 …, 10 % from 40 on.
    const gentle: HpaPolicy = {
      ...rps,
      down: {
        windowMs: 0,
        select: 'min',
        limits: [
          { by: 'pods', value: 4, periodMs: 60_000 },
          { by: 'percent', value: 10, periodMs: 60_000 },
        ],
      },
    };
    const idle = () => ({ requests: requests(10) });
    expect(looks(80, gentle, idle, 9)).toEqual([76, 76, 76, 76, 72, 72, 72, 72, 68]);
    const never: HpaPolicy = { ...rps, down: { ...rps.down, select: 'disabled' } };
    expect(looks(8, never, idle, 3)).toEqual([8, 8, 8]);
  });

  it('waits with the up window until a surge has lasted', () => {
    const patient: HpaPolicy = { ...rps, up: { ...rps.up, windowMs: 30_000 } };
    const counts = looks(2, patient, (look) => ({ requests: requests(look === 1 ? 60 : 20) }), 4);
    expect(counts).toEqual([2, 2, 2, 2]);
    expect(looks(2, patient, (look) => ({ requests: requests(look > 0 ? 60 : 20) }), 4)).toEqual([
      2, 2, 6, 6,
    ]);
  });

  it('looks every 15 s only and does nothing at zero', () => {
    const first = hpa.step(
      hpa.initial(),
      anObservation({ nowMs: T0, count: 2, requests: requests(20) }),
      rps,
    );
    const between = anObservation({ nowMs: T0 + 8_000, count: 2, requests: requests(100) });
    expect(hpa.step(first.state, between, rps).recommendation.count).toBe(2);
    const due = { ...between, nowMs: T0 + 15_000 };
    expect(hpa.step(first.state, due, rps).recommendation.count).toBe(6);
    expect(once({ count: 0, ready: 0, requests: requests(50) }, rps)).toBe(0);
  });
});
