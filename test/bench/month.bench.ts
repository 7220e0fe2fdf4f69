/**
 * `pnpm bench:month`: how long a month of a load in bins of a minute takes, played second by second and in long steps, and what
 * the long steps make of it: `slo` beside `hpa`, a line of JSON each, then a Markdown table.
 * Options: --data <folder of traces>   --trace nasa   --hours 672   --steps 1,30   --policies slo,hpa-rps@0.65   --tiers 1   --start 60
 */
import { parseArgs } from 'node:util';
import { chainApplication, RUN_DEFAULTS, runLevel } from '@mitosis/simulation/workload';
import { CONTENDERS, isContender } from './autoscale/policies.js';
import { FIRST_SERVICE_S, loadOf, PEAK_ERLANG, type TraceName } from './autoscale/scenarios.js';
import { markdownHead, markdownRow } from './markdown.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/traces' },
    trace: { type: 'string', default: 'nasa' },
    hours: { type: 'string', default: '672' },
    steps: { type: 'string', default: '1,30' },
    policies: { type: 'string', default: 'slo,hpa-rps@0.65' },
    tiers: { type: 'string', default: '1' },
    start: { type: 'string', default: '60' },
  },
});

const tiers = Number(values.tiers);
const trace = loadOf(values.data, {
  trace: values.trace as TraceName,
  seed: 1,
  concurrency: 1,
  hours: Number(values.hours),
});

interface Line {
  readonly policy: string;
  readonly longestS: number;
  readonly days: number;
  readonly wallS: number;
  readonly latePercent: number;
  readonly instanceHours: number;
}

const play = (named: string, longestS: number): Line => {
  const [policy = '', knob = '0'] = named.split('@');
  if (!isContender(policy)) throw new RangeError(`--policies: there is no ${policy}`);
  const contender = CONTENDERS[policy];
  const application = chainApplication({
    tiers,
    startMs: Number(values.start) * 1_000,
    percentile: 99,
    concurrency: 1,
    peakRate: PEAK_ERLANG / FIRST_SERVICE_S,
    maxFactor: 2,
    policy: (tier) => contender.policy(Number(knob), tier),
  });
  const { everyS } = contender;
  const begun = performance.now();
  const run = runLevel({ ...RUN_DEFAULTS, application, trace, seed: 1, everyS, longestS });
  return {
    policy: named,
    longestS,
    days: run.seconds / 86_400,
    wallS: (performance.now() - begun) / 1_000,
    latePercent: (100 * run.late) / run.requests,
    instanceHours: run.instanceSeconds / 3_600,
  };
};

const lines = values.policies
  .split(',')
  .flatMap((policy) => values.steps.split(',').map((longestS) => play(policy, Number(longestS))));
for (const line of lines) console.log(JSON.stringify(line));
console.log(markdownHead(['policy', 'longest step s', 'days', 'took s', 'late %', 'instance-hours']));
for (const { policy, longestS, days, wallS, latePercent, instanceHours } of lines)
  console.log(
    markdownRow([
      policy,
      longestS,
      days.toFixed(1),
      wallS.toFixed(1),
      latePercent.toFixed(2),
      instanceHours.toFixed(0),
    ]),
  );
