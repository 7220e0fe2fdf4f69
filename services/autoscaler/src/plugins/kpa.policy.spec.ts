import type { KpaPolicy } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { anObservation, aWindow, POLICY_EXAMPLES, someRequests } from '../decide/observation.testing.js';
import { kpa } from './kpa.policy.js';

/** Seven requests at once wanted of an instance: 70 % of a container concurrency of 10. */
const options = POLICY_EXAMPLES.kpa;
const T0 = 1_000_000;

/** Counts after each second, each carried out at once and ready at once unless `ready` says otherwise. */
const play = (
  begin: number,
  inFlight: (second: number) => number | null,
  seconds: number,
  changed: Partial<KpaPolicy> = {},
  ready: (count: number) => number = (count) => count,
): readonly number[] => {
  let state = kpa.initial();
  let count = begin;
  return Array.from({ length: seconds }, (_, second) => {
    const inside = inFlight(second);
    const step = kpa.step(
      state,
      anObservation({
        nowMs: T0 + second * 1_000,
        count,
        ready: ready(count),
        requests: inside === null ? null : someRequests(aWindow(), { inFlight: inside, queued: 0 }),
      }),
      { ...options, ...changed },
    );
    state = step.state;
    count = step.recommendation.count;
    return count;
  });
};

describe('kpa policy', () => {
  it('wants the average of the stable window over the target, rounded up', () => {
    // "50 concurrent requests at a target of 7": 50 / 7 = 7.14 → 8.
    expect(play(8, () => 50, 70).at(-1)).toBe(8);
    expect(play(8, () => 49, 70).at(-1)).toBe(7);
  });

  it('follows slowly when the load grows by less than the panic threshold', () => {
    const counts = play(10, (second) => (second < 60 ? 70 : 100), 130);
    expect(counts[59]).toBe(10);
    expect(counts[75]).toBeGreaterThan(10);
    expect(counts[75]).toBeLessThan(15);
    expect(counts.at(-1)).toBe(15);
  });

  it('panics within six seconds of a surge of twice what is ready', () => {
    const counts = play(2, (second) => (second < 60 ? 14 : 70), 75);
    expect(counts[59]).toBe(2);
    expect(counts[66]).toBe(10);
  });

  it('never shrinks in panic and leaves it a stable window after the surge', () => {
    const counts = play(2, (second) => (second >= 60 && second < 70 ? 70 : 14), 200);
    const peak = Math.max(...counts);
    expect(peak).toBe(10);
    const fell = counts.findIndex((count, second) => second > 70 && count < peak);
    expect(fell).toBeGreaterThanOrEqual(60 + 60);
    expect(counts.at(-1)).toBe(2);
  });

  it('falls by no more than half of what is ready at once', () => {
    const counts = play(40, (second) => (second < 61 ? 280 : 0), 180, { stableWindowMs: 6_000 });
    counts
      .slice(1)
      .forEach((count, i) => expect(count).toBeGreaterThanOrEqual(Math.floor((counts[i] ?? 0) / 2)));
    expect(counts.at(-1)).toBe(0);
  });

  it('rises by no more than the rate limit', () => {
    const counts = play(2, () => 700, 4, { upRateMax: 3 });
    expect(counts[0]).toBe(6);
    expect(counts[2]).toBe(18);
  });

  it('answers zero when nothing came in the stable window', () => {
    expect(play(1, (second) => (second < 5 ? 3 : 0), 80).at(-1)).toBe(0);
  });

  it('keeps the highest answer of the delay window', () => {
    const load = (second: number): number => (second < 70 ? 70 : 14);
    expect(play(10, load, 190, { downDelayMs: 60_000 })[150]).toBeGreaterThan(
      play(10, load, 190)[150] ?? Infinity,
    );
  });

  it('keeps the count while nothing is known, and counts waiting requests as load', () => {
    expect(play(3, () => null, 30)).toEqual(Array.from({ length: 30 }, () => 3));
    const waiting = anObservation({
      count: 1,
      ready: 1,
      requests: someRequests(aWindow(), { inFlight: 7, queued: 21 }),
    });
    expect(kpa.step(kpa.initial(), waiting, options).recommendation.count).toBe(4);
  });
});
