/**
 * `pnpm bench:slow`: components whose requests take from 50 ms to 20 s, each request by itself, through a shop's day from eight in the
 * morning on and from one instance: `slo`, which has to find out what a request takes, beside `hpa` on requests per second, which is
 * told; a line of JSON each, then a Markdown table, in some ten minutes.
 * Options: --hours 3   --seed 1
 */
import { parseArgs } from 'node:util';
import type { ScalingPolicy } from '@mitosis/contracts';
import { PoolSimulation } from '@mitosis/autoscaler/testing';
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

const played = (component: SlowComponent, policy: ScalingPolicy): Played => {
  const { workers, serviceMs, objectiveMs, startS, peak } = component;
  const seconds = new PoolSimulation({
    seed: Number(values.seed),
    policy,
    settings: { holdMs: 0 },
    scale: { min: 1, max: 1_000, initial: 1 },
    objective: { latency: [{ percentile: 99, ms: objectiveMs }], errorRatio: null, throughput: null },
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

const told = ({ late, instanceHours }: Played): string => `${late.toFixed(2)} @ ${instanceHours.toFixed(1)}`;

const rows = COMPONENTS.map((component): readonly string[] => {
  const { workers, serviceMs, objectiveMs, startS, peak } = component;
  const capacity = (1_000 * workers) / serviceMs;
  const { slo: own, 'hpa-rps': hpa } = CONTENDERS;
  const slo = played(component, own.policy());
  const peers = hpa.knobs.map((knob) =>
    played(component, hpa.policy(knob, { capacity, concurrency: workers, cpuCores: workers })),
  );
  const [keeping] = peers
    .filter(({ late }) => late <= 1)
    .toSorted((a, b) => a.instanceHours - b.instanceHours);
  console.log(JSON.stringify({ bench: 'slow-requests', component, slo, peers }));
  let busyS = 0;
  for (let second = 0; second < SECONDS; second += 1) busyS += (peak * shareAt(second)) / capacity;
  return [
    `${workers} at once, ${serviceMs / 1_000} s, within ${objectiveMs / 1_000} s, up to ${peak} a second, start ${startS} s`,
    (busyS / HOUR_S).toFixed(1),
    told(slo),
    keeping === undefined ? '–' : told(keeping),
  ];
});

console.log(markdownHead(['component', 'busy h', '`slo`: late % @ h', '`hpa` that keeps 1 %']));
for (const row of rows) console.log(markdownRow(row));
