import { describe, expect, it } from 'vitest';
import { runSeed } from './run-seed.js';

describe(runSeed.name, () => {
  it('brings a level up without faults, and keeps it in order', { timeout: 60_000 }, async () => {
    const outcome = await runSeed({ seed: 1, seconds: 10, schedule: [] });
    expect(outcome.violation).toBeUndefined();
    const { states } = outcome.coverage.counts;
    for (const fn of ['monitor', 'health', 'autoscaler', 'composer', 'placer', 'router'])
      expect(states[`leads:${fn}`]).toBeGreaterThan(0);
    expect(states['phase:ready']).toBeGreaterThan(0);
  });
});
