/**
 * `pnpm bench:slow`: components whose requests take from 50 ms to 20 s, each request by itself, through a shop's day from eight in the
 * morning on and from one instance: `slo`, which has to find out what a request takes, beside `hpa` on requests per second, which is
 * told; both once more as `mitosis simulate` plays them. A line of JSON each, then a Markdown table, in some ten minutes.
 * Options: --hours 3   --seed 1
 */
import { parseArgs } from 'node:util';
import { bareComponent, bareTypeGraph, type Objective, type ScalingPolicy } from '@mitosis/contracts';
import { PoolSimulation } from '@mitosis/autoscaler/testing';
import { applicationOf, ASSUMED, RUN_DEFAULTS, runLevel } from '@mitosis/simulation/workload';
import { CONTENDERS } from './autoscale/policies.js';
import { markdownHead, markdownRow } from './markdown.js';

const { values } = parseArgs({
  options: { hours: { type: 'string', default: '3' }, seed: { type: 'string', default: '1' } },
});

interface SlowComponent {
  readonly workers: number;
  readonly serviceMs: number;
  readonly objectiveMs: number;
  readonly startS: number;
  /** Requests per second at the highest. */
  readonly peak: number;
}

const COMPONENTS: readonly SlowComponent[] = [
  { workers: 1, serviceMs: 50, objectiveMs: 200, startS: 10, peak: 100 },
  { workers: 2, serviceMs: 500, objectiveMs: 2_000, startS: 10, peak: 10 },
  { workers: 16, serviceMs: 1_000, objectiveMs: 5_000, startS: 20, peak: 30 },
  { workers: 1, serviceMs: 2_000, objectiveMs: 10_000, startS: 30, peak: 4 },
  { workers: 8, serviceMs: 4_000, objectiveMs: 20_000, startS: 60, peak: 8 },
  { workers: 1, serviceMs: 20_000, objectiveMs: 60_000, startS: 60, peak: 0.5 },
];

const HOUR_S = 3_600;
const SECONDS = HOUR_S * Number(values.hours);

const shareAt = (second: number): number =>
  0.25 + 0.75 * Math.max(0, Math.sin(((8 + second / HOUR_S - 6) / 24) * 2 * Math.PI));

interface Played {
  /** Per cent of the requests. */
  readonly late: number;
  readonly instanceHours: number;
}

const SETTINGS = { holdMs: 0 };
const SCALE = { min: 1, max: 1_000, initial: 1 };

const objectiveOf = ({ objectiveMs }: SlowComponent): Objective => ({
  latency: [{ percentile: 99, ms: objectiveMs }],
  errorRatio: null,
  throughput: null,
});

/** Each request by itself. */
const playedExactly = (component: SlowComponent, policy: ScalingPolicy): Played => {
  const { workers, serviceMs, startS, peak } = component;
  const seconds = new PoolSimulation({
    seed: Number(values.seed),
    policy,
    settings: SETTINGS,
    scale: SCALE,
    objective: objectiveOf(component),
    workers,
    serviceMs,
    startMs: 1_000 * startS,
    seconds: SECONDS,
    load: (second) => peak * shareAt(second),
  }).run();
  const sum = (of: (second: (typeof seconds)[number]) => number): number =>
    seconds.reduce((all, second) => all + of(second), 0);
  const completed = sum((second) => second.completed);
  return {
    late: (100 * sum((second) => second.late)) / Math.max(1, completed),
    instanceHours: sum((second) => second.count) / HOUR_S,
  };
};

/** Of the exact simulation's service times a half is constant, a half exponential. */
const SCV = 0.25;
/** It turns nobody away. */
const PATIENCE_S = 300;

/** The same as `mitosis simulate` plays it. */
const playedAsSimulated = (component: SlowComponent, policy: ScalingPolicy): Played => {
  const { workers: concurrency, serviceMs, startS, peak } = component;
  const front = bareComponent('front', { policy, scale: SCALE });
  const service = { meanMs: serviceMs, scv: SCV };
  const traits = { front: { ...ASSUMED, service, concurrency, startMs: 1_000 * startS } };
  // Nothing in the first second, so that it begins with one instance, too.
  const rates = Float64Array.from({ length: SECONDS }, (_, second) =>
    second > 0 ? peak * shareAt(second) : 0,
  );
  const run = runLevel({
    ...RUN_DEFAULTS,
    settings: SETTINGS,
    application: applicationOf(bareTypeGraph('one', [front], { objective: objectiveOf(component) }), traits),
    trace: { name: 'day', binS: 1, rates },
    seed: Number(values.seed),
    warmupS: 0,
    patienceS: PATIENCE_S,
  });
  return { late: (100 * run.late) / run.requests, instanceHours: run.instanceSeconds / HOUR_S };
};

const told = (played: Played | null): string =>
  played === null ? '–' : `${played.late.toFixed(2)} @ ${played.instanceHours.toFixed(1)}`;

const rows = COMPONENTS.map((component): readonly string[] => {
  const { workers, serviceMs, objectiveMs, startS, peak } = component;
  const capacity = (1_000 * workers) / serviceMs;
  const { slo: own, 'hpa-rps': hpa } = CONTENDERS;
  const tier = { capacity, concurrency: workers, cpuCores: workers };
  const policies = {
    slo: own.policy(),
    told: { kind: 'slo', holdMs: 0, concurrency: workers } as const,
  };
  const slo = playedExactly(component, policies.slo);
  const sloTold = playedExactly(component, policies.told);
  const peers = hpa.knobs.map((knob) => {
    const policy = hpa.policy(knob, tier);
    return { knob, policy, ...playedExactly(component, policy) };
  });
  const [keeping] = peers
    .filter(({ late }) => late <= 1)
    .toSorted((a, b) => a.instanceHours - b.instanceHours);
  const simulated = {
    slo: playedAsSimulated(component, policies.slo),
    told: playedAsSimulated(component, policies.told),
    hpa: keeping === undefined ? null : playedAsSimulated(component, keeping.policy),
  };
  console.log(JSON.stringify({ bench: 'slow-requests', component, slo, told: sloTold, peers, simulated }));
  let busyS = 0;
  for (let second = 0; second < SECONDS; second += 1) busyS += (peak * shareAt(second)) / capacity;
  return [
    `${workers} at once, ${serviceMs / 1_000} s, within ${objectiveMs / 1_000} s, up to ${peak} a second, start ${startS} s`,
    (busyS / HOUR_S).toFixed(1),
    told(slo),
    told(sloTold),
    told(keeping ?? null),
    [simulated.slo, simulated.told, simulated.hpa].map(told).join(' · '),
  ];
});

console.log(
  markdownHead([
    'component',
    'busy h',
    '`slo`: late % @ h',
    'told how many at once',
    '`hpa` that keeps 1 %',
    'these three as `simulate` plays them',
  ]),
);
for (const row of rows) console.log(markdownRow(row));
