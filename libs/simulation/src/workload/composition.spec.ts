/** A surge at the entry of a chain, played with the production decision code: the whole chain is scaled in one decision. */
import type { ScalingPolicy } from '@mitosis/contracts';
import { pluginFor, type PluginOf } from '@mitosis/autoscaler/decide';
import { describe, expect, it } from 'vitest';
import { chainApplication } from './application.js';
import { RUN_DEFAULTS, runLevel, type StepSeen } from './level-run.js';

const STEP_AT = 300;
const SECONDS = 600;

interface Seen {
  readonly counts: readonly (readonly number[])[];
  readonly late: number;
}

/** The same policy when it is not told what is on its way. */
const alone: PluginOf = (policy: ScalingPolicy) => {
  const plugin = pluginFor(policy);
  return {
    ...plugin,
    step: (state, observation, options, settings) =>
      plugin.step(state, { ...observation, heldBack: 0 }, options, settings),
  };
};

const play = (tiers: number, seed: number, pluginOf: PluginOf = pluginFor): Seen => {
  const counts: (readonly number[])[] = [];
  const { late, requests } = runLevel({
    ...RUN_DEFAULTS,
    application: chainApplication({
      tiers,
      startMs: 30_000,
      percentile: 99,
      concurrency: 1,
      peakRate: 400,
      maxFactor: 2,
      policy: () => ({ kind: 'slo', holdMs: 0 }),
    }),
    trace: {
      name: 'step',
      binS: 1,
      rates: Float64Array.from({ length: SECONDS }, (_, second) => (second < STEP_AT ? 60 : 300)),
    },
    seed,
    pluginOf,
    watch: ({ tiers: all }: StepSeen) => counts.push(all.map(({ pool }) => pool.count)),
  });
  return { counts, late: late / requests };
};

/** By tier, how many seconds after the step its target was half as much again as before. */
const raisedAfter = ({ counts }: Seen): readonly number[] => {
  const before = counts[STEP_AT] ?? [];
  return before.map((from, tier) =>
    counts.slice(STEP_AT).findIndex((count) => (count[tier] ?? 0) >= 1.5 * from),
  );
};

describe.each([
  { tiers: 2, seed: 1 },
  { tiers: 2, seed: 2 },
  { tiers: 5, seed: 1 },
  { tiers: 5, seed: 2 },
])('a step ×5 at the entry of $tiers tiers (seed $seed)', { timeout: 180_000 }, ({ tiers, seed }) => {
  it('raises the targets of all tiers in the same or the next second, and fewer requests are late for it', () => {
    const together = play(tiers, seed);
    const seconds = raisedAfter(together);
    expect(seconds[0]).toBeGreaterThan(0);
    for (const second of seconds) expect(Math.abs(second - (seconds[0] ?? 0))).toBeLessThanOrEqual(1);
    expect(together.late).toBeLessThan(play(tiers, seed, alone).late);
  });
});
