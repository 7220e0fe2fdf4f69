/**
 * `pnpm bench:month`: how long a month of a load in bins of a minute takes, played second by second and in long steps, and what
 * the long steps make of it: `slo` beside `hpa`, a line of JSON each, then a Markdown table.
 * Options: --data <folder of traces>   --trace nasa   --hours 672   --steps 1,30   --policies slo,hpa-rps@0.65   --tiers 1   --start 60
 */
import { parseArgs } from 'node:util';
import { RUN_DEFAULTS, runLevel } from '@mitosis/simulation/workload';
import { applicationOf, type Setting } from './autoscale/cell.js';
import { CONTENDERS, isContender } from './autoscale/policies.js';
import { loadOf, type TraceName } from './autoscale/scenarios.js';
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

const setting: Setting = {
  trace: values.trace as TraceName,
  seed: 1,
  concurrency: 1,
  hours: Number(values.hours),
  tiers: Number(values.tiers),
  startS: Number(values.start),
  percentile: 99,
  warm: 0,
  patienceS: RUN_DEFAULTS.patienceS,
};
const trace = loadOf(values.data, setting);

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
  const application = applicationOf(setting, { policy, knob: Number(knob) });
  const { everyS } = CONTENDERS[policy];
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
