import { describe, expect, it } from 'vitest';
import { anObservation } from '../decide/observation.testing.js';
import { schedule } from './schedule.policy.js';

const USAGE = { cpuCores: 0.1, memoryBytes: 1e6, instancesSeen: 1 };
const OFFICE = {
  kind: 'schedule',
  timezone: 'Europe/Zurich',
  windows: [{ start: '0 8 * * 1-5', end: '0 18 * * 1-5', count: 4 }],
} as const;

const countAt = (time: string, options: Parameters<typeof schedule.step>[2] = OFFICE, count = 1): number =>
  schedule.step(schedule.initial(), anObservation({ nowMs: Date.parse(time), count, usage: USAGE }), options)
    .recommendation.count;

describe('policy schedule', () => {
  it('is in force from start until end, in its time zone, in summer and in winter', () => {
    expect(countAt('2026-07-01T05:59:59Z')).toBe(1);
    expect(countAt('2026-07-01T06:00:00Z')).toBe(4);
    expect(countAt('2026-07-01T15:59:59Z')).toBe(4);
    expect(countAt('2026-07-01T16:00:00Z')).toBe(1);
    expect(countAt('2026-12-01T06:59:59Z')).toBe(1);
    expect(countAt('2026-12-01T07:00:00Z')).toBe(4);
  });

  it('keeps the minimum over the weekend', () => {
    expect(countAt('2026-07-04T10:00:00Z')).toBe(1);
  });

  it('takes the highest of the windows in force', () => {
    const windows = [...OFFICE.windows, { start: '0 12 * * *', end: '0 13 * * *', count: 9 }];
    expect(countAt('2026-07-01T10:30:00Z', { ...OFFICE, windows })).toBe(9);
    expect(countAt('2026-07-01T12:00:00Z', { ...OFFICE, windows })).toBe(4);
  });

  it('crosses every boundary in time when it is asked every second', () => {
    let state = schedule.initial();
    const counts: number[] = [];
    for (let nowMs = Date.parse('2026-07-01T05:59:58Z'); counts.length < 4; nowMs += 1_000) {
      const step = schedule.step(state, anObservation({ nowMs, count: 1, usage: USAGE }), OFFICE);
      state = step.state;
      counts.push(step.recommendation.count);
    }
    expect(counts).toEqual([1, 1, 4, 4]);
  });

  it('reads the calendar anew when the clock goes back', () => {
    const later = schedule.step(
      schedule.initial(),
      anObservation({ nowMs: Date.parse('2026-07-01T06:00:00Z'), usage: USAGE }),
      OFFICE,
    );
    const earlier = anObservation({ nowMs: Date.parse('2026-07-01T05:00:00Z'), count: 1, usage: USAGE });
    expect(schedule.step(later.state, earlier, OFFICE).recommendation.count).toBe(1);
  });

  it('removes nothing while nothing is known of the component', () => {
    const night = anObservation({ nowMs: Date.parse('2026-07-01T20:00:00Z'), count: 4, requests: null });
    const { recommendation } = schedule.step(schedule.initial(), night, OFFICE);
    expect(recommendation.count).toBe(4);
  });
});
