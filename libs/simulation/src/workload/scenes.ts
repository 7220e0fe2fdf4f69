/**
 * What a scaling policy must survive, a scene each: an hour's piece of load with a change of the load, of the component
 * or of what the monitor says in the middle of it. Pure: tests judge by it, and `pnpm bench:robustness` prints it.
 */
import type { ComponentMetrics } from '@mitosis/autoscaler/decide';
import type { ScalingPolicy } from '@mitosis/contracts';
import { chainApplication, type TierSeen } from './application.js';
import { RUN_DEFAULTS, runLevel, type Metrics, type RunOptions, type StepSeen } from './level-run.js';

/** One instance serves this much a second. */
export const EACH = 20;
export const START_S = 10;
const PEAK_RATE = 400;

export interface Scene {
  readonly name: string;
  readonly seconds: number;
  /** The change lasts from here until there. */
  readonly fromS: number;
  readonly untilS: number;
  /** From here on everything ought to be as usual again. */
  readonly settledS: number;
  readonly rateAt: (second: number) => number;
  /** Instances that carry the highest load of the settled time at full use. */
  readonly needed: number;
  /** The monitor tells no truth during the change, so that nothing may be taken away on its word. */
  readonly blind: boolean;
  readonly changed: Partial<RunOptions>;
}

/** Second of the plant to second of the scene. */
const judged = (second: number): number => second - RUN_DEFAULTS.warmupS;

const scene = (name: string, given: Partial<Scene> & Pick<Scene, 'rateAt' | 'needed'>): Scene => ({
  name,
  seconds: 1_800,
  fromS: 600,
  untilS: 660,
  settledS: 900,
  blind: false,
  changed: {},
  ...given,
});

const steady = (): number => 240;

/** The load falls just before the monitor fails: who took silence for idleness would scale in. */
const falling = (second: number): number => (second < 595 ? 240 : 40);

const during = (second: number): boolean => judged(second) >= 600 && judged(second) < 660;

type Reports = NonNullable<RunOptions['reports']>;

const while60s =
  (say: (metrics: Metrics) => Metrics | null): Reports =>
  (second, metrics) =>
    during(second) ? say(metrics) : metrics;

const changeOf =
  (change: (one: ComponentMetrics) => ComponentMetrics) =>
  (metrics: Metrics): Metrics =>
    new Map([...metrics].map(([name, one]) => [name, change(one)]));

/** What no working monitor can say, another nonsense in each window. */
const absurd = changeOf(({ requests, usage }) => ({
  requests: {
    ...requests,
    last1: requests.last1 && { ...requests.last1, rate: Number.NaN },
    last10: requests.last10 && { ...requests.last10, p95Ms: -5 },
    last60: requests.last60 && { ...requests.last60, rate: Infinity },
  },
  usage: usage && { ...usage, cpuCores: -1 },
}));

/** The last word before it failed, again and again. */
const frozen = (): Reports => {
  let last: Metrics | null = null;
  return (second, metrics) => {
    if (!during(second)) last = metrics;
    return last;
  };
};

export const scenes = (): readonly Scene[] => [
  scene('sudden step ×5', {
    rateAt: (second) => (second < 600 ? 60 : 300),
    untilS: 1_800,
    needed: 300 / EACH,
  }),
  scene('sawtooth', {
    rateAt: (second) => 60 + (240 * (second % 600)) / 600,
    seconds: 2_400,
    untilS: 2_400,
    settledS: 1_200,
    needed: 300 / EACH,
  }),
  scene('no metrics for 60 s', {
    rateAt: falling,
    needed: 40 / EACH,
    blind: true,
    changed: { reports: while60s(() => null) },
  }),
  scene('absurd metrics for 60 s', {
    rateAt: falling,
    needed: 40 / EACH,
    blind: true,
    changed: { reports: while60s(absurd) },
  }),
  scene('stale metrics for 60 s', {
    rateAt: (second) => (second < 605 ? 240 : 40),
    needed: 40 / EACH,
    blind: true,
    changed: { reports: frozen() },
  }),
  scene('metrics lag 10 s, step ×2', {
    rateAt: (second) => (second < 600 ? 120 : 240),
    untilS: 1_800,
    needed: 240 / EACH,
    changed: { lagS: 10 },
  }),
  scene('decided on every 10 s, load down by half', {
    rateAt: (second) => (second < 600 ? 240 : 120),
    untilS: 1_800,
    needed: 120 / EACH,
    changed: { everyS: 10 },
  }),
  scene('one slow instance', {
    rateAt: steady,
    untilS: 1_800,
    needed: 240 / EACH,
    changed: { slowInstances: (_, second) => (judged(second) < 600 ? null : { count: 1, factor: 3 }) },
  }),
  scene('doubled service time', {
    rateAt: () => 120,
    untilS: 1_800,
    needed: 240 / EACH,
    changed: { slowdown: (_, second) => (judged(second) < 600 ? 1 : 2) },
  }),
];

export interface SceneOutcome {
  /** Per cent of the requests: before the change, in it until all is settled, and after. */
  readonly lateBefore: number;
  readonly lateChange: number;
  readonly lateAfter: number;
  /** Instances: when the change begins, how many of them were taken away while it lasted, and in the settled time. */
  readonly countBefore: number;
  readonly takenAway: number;
  readonly fewestAfter: number;
  readonly mostAfter: number;
  readonly meanAfter: number;
  /** The most that was added to what had been enough before, in the settled time: giving back late is no swing. */
  readonly riseAfter: number;
  /** Changes of direction a quarter of an hour, in the settled time. */
  readonly turnsAfter: number;
}

interface Seen {
  readonly count: number;
  readonly requests: number;
  readonly late: number;
}

const latePercent = (seen: readonly Seen[]): number =>
  (100 * seen.reduce((sum, { late }) => sum + late, 0)) /
  Math.max(
    1,
    seen.reduce((sum, { requests }) => sum + requests, 0),
  );

const riseOf = (counts: readonly number[]): number => {
  let least = Infinity;
  let rise = 0;
  for (const count of counts) {
    least = Math.min(least, count);
    rise = Math.max(rise, count - least);
  }
  return rise;
};

const turnsOf = (counts: readonly number[]): number => {
  let way = 0;
  let turns = 0;
  counts.slice(1).forEach((count, i) => {
    const change = Math.sign(count - (counts[i] ?? count));
    if (change !== 0 && way !== 0 && change !== way) turns += 1;
    if (change !== 0) way = change;
  });
  return turns;
};

export const playScene = (
  { seconds, fromS, untilS, settledS, rateAt, changed }: Scene,
  policy: (tier: TierSeen) => ScalingPolicy,
  seed = 1,
): SceneOutcome => {
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
      policy,
    }),
    trace: { name: 'scene', binS: 1, rates: Float64Array.from({ length: seconds }, (_, i) => rateAt(i)) },
    seed,
    ...changed,
    watch: ({ answered, late, tiers }: StepSeen) =>
      // Those given up were late and never answered.
      seen.push({ requests: Math.max(answered, late), late, count: tiers[0]?.pool.count ?? 0 }),
  });
  const after = seen.slice(settledS);
  const counts = after.map(({ count }) => count);
  const countBefore = seen[fromS]?.count ?? 0;
  return {
    lateBefore: latePercent(seen.slice(0, fromS)),
    lateChange: latePercent(seen.slice(fromS, settledS)),
    lateAfter: latePercent(after),
    countBefore,
    takenAway: countBefore - Math.min(...seen.slice(fromS, untilS).map(({ count }) => count)),
    fewestAfter: Math.min(...counts),
    mostAfter: Math.max(...counts),
    meanAfter: counts.reduce((sum, count) => sum + count, 0) / counts.length,
    riseAfter: riseOf(counts),
    turnsAfter: (turnsOf(counts) * 900) / counts.length,
  };
};
