import { describe, expect, it } from 'vitest';
import { FAULT_NAMES } from '../faults/index.js';
import { ALL_PAIRS, Coverage, pairOf } from './coverage.js';
import { formatSchedule, parseSchedule, scheduleFrom, scheduleOf } from './schedule.js';

describe(scheduleOf.name, () => {
  it('is the same for the same seed, and leaves time to settle', () => {
    expect(scheduleOf(5, 60)).toEqual(scheduleOf(5, 60));
    expect(scheduleOf(5, 60)).not.toEqual(scheduleOf(6, 60));
    for (let seed = 1; seed < 200; seed += 1)
      for (const { atMs } of scheduleOf(seed, 60)) expect(atMs).toBeLessThanOrEqual(38_000);
  });

  it('draws every fault sooner or later', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed < 400; seed += 1) for (const { fault } of scheduleOf(seed, 60)) seen.add(fault);
    expect([...seen].sort()).toEqual([...FAULT_NAMES].sort());
  });

  it('can be drawn from some faults only', () => {
    const faults = scheduleFrom(3, 60, ['load', 'restore']).map(({ fault }) => fault);
    expect(new Set([...faults, 'load', 'restore'])).toEqual(new Set(['load', 'restore']));
  });
});

describe(parseSchedule.name, () => {
  it('reads what is printed', () => {
    expect(parseSchedule(formatSchedule(scheduleOf(9, 60)))).toEqual(scheduleOf(9, 60));
  });

  it('says which part it cannot read, and what it would read', () => {
    expect(() => parseSchedule('load@1+0#1,lood@2+0#1')).toThrow(/"lood@2\+0#1" is no fault.*load/u);
  });
});

describe(Coverage.name, () => {
  it('counts faults, pairs in either order, and misses', () => {
    const coverage = new Coverage();
    coverage.reached('load', []);
    coverage.reached('restore', ['load']);
    coverage.reached('load', ['restore']);
    coverage.missed('flapping');
    expect(coverage.counts.faults).toEqual({ load: 2, restore: 1 });
    expect(coverage.counts.pairs).toEqual({ [pairOf('load', 'restore')]: 2 });
    expect(coverage.counts.missed).toEqual({ flapping: 1 });
  });

  it('knows every pair', () => {
    expect(new Set(ALL_PAIRS).size).toBe((FAULT_NAMES.length * (FAULT_NAMES.length + 1)) / 2);
  });
});
