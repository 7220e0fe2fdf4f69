/** What a scaling policy must survive, played with the production decision code and the `slo` policy as it comes. */
import { describe, expect, it } from 'vitest';
import { chainApplication } from './application.js';
import { RUN_DEFAULTS, runLevel, type RunOptions, type SecondSeen } from './level-run.js';

const START_S = 10;
const PEAK_RATE = 400;
/** One instance serves this much a second. */
const EACH = 20;

interface Seen {
  readonly second: number;
  readonly rate: number;
  readonly count: number;
  readonly answered: number;
  readonly late: number;
}

const play = (
  rateAt: (second: number) => number,
  seconds: number,
  changed: Partial<RunOptions> = {},
): readonly Seen[] => {
  const seen: Seen[] = [];
  runLevel({
    ...RUN_DEFAULTS,
    application: chainApplication({
      tiers: 1,
      startMs: START_S * 1_000,
      percentile: 99,
      concurrency: 1,
      peakRate: PEAK_RATE,
      maxFactor: 2,
      policy: () => ({ kind: 'slo', holdMs: 0 }),
    }),
    trace: {
      name: 'made',
      binS: 1,
      rates: Float64Array.from({ length: seconds }, (_, second) => rateAt(second)),
    },
    seed: 1,
    ...changed,
    watch: ({ second, rate, answered, late, tiers }: SecondSeen) =>
      seen.push({ second, rate, answered, late, count: tiers[0]?.pool.count ?? 0 }),
  });
  return seen;
};

const lateShare = (seen: readonly Seen[]): number =>
  seen.reduce((sum, { late }) => sum + late, 0) / seen.reduce((sum, { answered }) => sum + answered, 1);

const turns = (seen: readonly Seen[]): number => {
  let way = 0;
  let turned = 0;
  seen.slice(1).forEach(({ count }, i) => {
    const change = Math.sign(count - (seen[i]?.count ?? count));
    if (change !== 0 && way !== 0 && change !== way) turned += 1;
    if (change !== 0) way = change;
  });
  return turned;
};

const between = (seen: readonly Seen[], from: number, to: number): readonly Seen[] =>
  seen.filter(({ second }) => second >= from && second < to);

/** Generous: these play an hour of load on a machine that may do other things. */
describe('slo in a closed loop', { timeout: 60_000 }, () => {
  it('holds the objective again soon after a sudden step ×5, without swinging', () => {
    const seen = play((second) => (second < 600 ? 60 : 300), 1_500);
    expect(lateShare(between(seen, 0, 600))).toBeLessThan(0.02);
    // Started when the step is believed, ready ten seconds later; then what has piled up is worked off.
    expect(lateShare(between(seen, 600 + 3 * START_S, 1_500))).toBeLessThan(0.02);
    expect(turns(between(seen, 720, 1_500))).toBeLessThanOrEqual(14);
    for (const { count } of between(seen, 800, 1_500)) {
      expect(count).toBeGreaterThan(300 / EACH);
      expect(count).toBeLessThan((2.5 * 300) / EACH);
    }
  });

  it('follows a sawtooth', () => {
    const seen = play((second) => 60 + (240 * (second % 600)) / 600, 2_400);
    expect(lateShare(between(seen, 600, 2_400))).toBeLessThan(0.02);
    const mean = seen.reduce((sum, { count }) => sum + count, 0) / seen.length;
    expect(mean).toBeLessThan((2 * 180) / EACH);
  });

  it('keeps what there is while the monitor says nothing for a minute, though the load falls', () => {
    const seen = play((second) => (second < 595 ? 240 : 40), 900, {
      // Counted with the warm-up.
      silent: (second) => second - RUN_DEFAULTS.warmupS >= 600 && second - RUN_DEFAULTS.warmupS < 660,
    });
    const before = between(seen, 600, 601)[0]?.count ?? 0;
    for (const { count } of between(seen, 600, 660)) expect(count).toBe(before);
    expect(between(seen, 890, 900)[0]?.count).toBeLessThan(before);
  });

  it('buys what a doubled service time needs', () => {
    const seen = play(() => 120, 1_800, {
      slowdown: (_, second) => (second - RUN_DEFAULTS.warmupS < 600 ? 1 : 2),
    });
    expect(lateShare(between(seen, 0, 600))).toBeLessThan(0.02);
    for (const { count } of between(seen, 700, 1_800)) expect(count).toBeGreaterThan(120 / (EACH / 2));
    for (const { count } of between(seen, 1_200, 1_800)) expect(count).toBeLessThan(60);
  });
});
