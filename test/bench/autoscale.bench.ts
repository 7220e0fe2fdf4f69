/**
 * `pnpm bench:autoscale`: replays real load traces against the production decision code, a cell per line of JSON. Options:
 *   --traces worldcup,nasa,azure,nab,alibaba,step,sawtooth   --policies slo,hpa-rps,hpa-cpu,kpa,target,threshold (or name@knob)
 *   --tiers 1,2,5   --startup 3,10,60,180 (s)   --seeds 5 (1..5)   --concurrency 1   --percentile 99
 *   --hours 6   length of a seed's piece of a trace
 *   --warm 0   fewest instances of a tier, as a share of what the peak keeps busy
 *   --patience 10   seconds after which a waiting request is refused; less than the objective: what is late is shed
 *   --given '{"kind":"slo","holdMs":60000}'   a policy with options of its own, named by --as
 *   --results FILE   finished cells are appended and not played again   --workers 2   processes
 *   --data ../shared/traces   folder of the traces (default: MITOSIS_TRACES, then this)
 * `autoscale-frontier.bench.ts` reads such a file and says who is on the frontier.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ScalingPolicy } from '@mitosis/contracts';
import { RUN_DEFAULTS } from '@mitosis/simulation/workload';
import { hindsightOf, playCell, type Contest, type Setting } from './autoscale/cell.js';
import { CONTENDERS, isContender } from './autoscale/policies.js';
import { Results } from './autoscale/results.js';
import { TRACES, type TraceName } from './autoscale/scenarios.js';

const { values } = parseArgs({
  options: {
    traces: { type: 'string', default: Object.keys(TRACES).join(',') },
    policies: { type: 'string', default: Object.keys(CONTENDERS).join(',') },
    tiers: { type: 'string', default: '1,2,5' },
    startup: { type: 'string', default: '3,10,60,180' },
    seeds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '1' },
    percentile: { type: 'string', default: '99' },
    hours: { type: 'string', default: '6' },
    warm: { type: 'string', default: '0' },
    patience: { type: 'string', default: String(RUN_DEFAULTS.patienceS) },
    given: { type: 'string' },
    as: { type: 'string', default: 'given' },
    results: { type: 'string', default: '' },
    workers: { type: 'string', default: '1' },
    worker: { type: 'string', default: '0' },
    data: { type: 'string', default: process.env.MITOSIS_TRACES ?? '../shared/traces' },
  },
});

const numbers = (text: string): readonly number[] => text.split(',').map(Number);

const traceNamed = (name: string): TraceName => {
  if (name === 'step' || name === 'sawtooth') return name;
  const known = Object.keys(TRACES).find((trace) => trace === name);
  if (known === undefined) throw new Error(`no trace ${name}`);
  return known as TraceName;
};

const contestsOf = (text: string): readonly Contest[] => {
  const [policy = '', knob] = text.split('@');
  if (!isContender(policy)) {
    throw new Error(`no policy ${policy}; there are ${Object.keys(CONTENDERS).join(', ')}`);
  }
  if (knob !== undefined) return [{ policy, knob: Number(knob) }];
  return CONTENDERS[policy].knobs.map((value) => ({ policy, knob: value }));
};

const contests: readonly Contest[] =
  values.given === undefined
    ? values.policies.split(',').flatMap(contestsOf)
    : [{ policy: values.as, knob: 0, given: JSON.parse(values.given) as ScalingPolicy }];

const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1);
const settings: readonly Setting[] = values.traces.split(',').flatMap((trace) =>
  numbers(values.tiers).flatMap((tiers) =>
    numbers(values.startup).flatMap((startS) =>
      seeds.map((seed) => ({
        trace: traceNamed(trace),
        tiers,
        startS,
        seed,
        concurrency: Number(values.concurrency),
        percentile: Number(values.percentile),
        hours: Number(values.hours),
        warm: Number(values.warm),
        patienceS: Number(values.patience),
      })),
    ),
  ),
);

const play = (worker: number, workers: number): void => {
  const results = new Results(values.results);
  settings.forEach((setting, i) => {
    if (i % workers !== worker) return;
    const open = contests.filter((contest) => !results.has(setting, contest));
    if (open.length === 0) return;
    const hindsight = hindsightOf(values.data, setting);
    for (const contest of open) {
      results.add(setting, contest, playCell(values.data, setting, contest, hindsight));
    }
  });
};

const workers = Number(values.workers);
if (workers <= 1 || values.worker !== '0') {
  play(Math.max(0, Number(values.worker) - 1), Math.max(1, workers));
} else {
  const ended = Array.from({ length: workers }, (_, i) => {
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--worker', String(i + 1)]);
    return new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  });
  process.exitCode = Math.max(...(await Promise.all(ended)));
}
