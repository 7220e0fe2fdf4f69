/** Runs that once broke an invariant of the production code, kept as they were found. */
import { describe, expect, it } from 'vitest';
import { runSeed } from './run-seed.js';
import { parseSchedule } from './schedule.js';

const outcomeOf = async (seed: number, schedule: string): Promise<string | undefined> => {
  const { violation } = await runSeed({ seed, seconds: 60, schedule: parseSchedule(schedule) });
  return violation && `${violation.invariant}: ${violation.why}`;
};

describe('found by simulation', { timeout: 120_000 }, () => {
  it('a store made anew from an older snapshot: survivors on other hosts acted under the old incarnation for ever', async () => {
    const schedule =
      'roll-out@12000+0#1,load@13000+0#4,accusation@16000+0#1,accusation@19000+0#11,accusation@22000+0#21,' +
      'restore@24000+0#1,crash-instance@27000+0#3,crash-instance@27500+0#2';
    expect(await outcomeOf(1, schedule)).toBeUndefined();
  });

  it('a store made anew over which its agent died: the management went on under the old incarnation, refused for ever', async () => {
    const schedule =
      'restore@7146+0#1324252067,restart-agent@10392+2790#1931029662,restore@11360+0#885637615';
    expect(await outcomeOf(1298, schedule)).toBeUndefined();
  });

  it('both managers on the first machine, and its loss: nobody led until it came back', async () => {
    const { coverage } = await runSeed({
      seed: 1,
      seconds: 30,
      schedule: parseSchedule('etcd-leader-change@6000+0#1'),
    });
    expect(coverage.counts.states['managers on both sites']).toBeGreaterThan(0);
  });
});
