/**
 * `pnpm bench:live`: the same requests against a real level under `slo` and under `hpa` in turn, with real processes,
 * beside what the simulation says of it. A line of JSON per trace and policy, then a table. Options:
 *   --traces worldcup,step (also nasa)   --policies slo,hpa@0.55,hpa@0.7,hpa@0.85 (share of an instance's capacity)
 *   --start 3000 (ms an instance takes before it listens)   --warmup 45 (s, not judged)   --seed 1   --port 18700
 *   --results FILE   finished ones are appended and not replayed again   --predict   only what the simulation says
 *   --data ../shared/traces   folder of the traces (default: MITOSIS_TRACES, then this)
 * Takes 40 minutes. Other work on the machine shows in the latencies: `sendDelayMaxMs` says whether the client kept up.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { livePolicy } from './live/application.js';
import { predictLive, replayLive, type LiveOptions, type LiveResult } from './live/replay.js';
import { renderLive } from './live/table.js';
import { liveTrace } from './live/traces.js';

const { values } = parseArgs({
  options: {
    traces: { type: 'string', default: 'worldcup,step' },
    policies: { type: 'string', default: 'slo,hpa@0.55,hpa@0.7,hpa@0.85' },
    start: { type: 'string', default: '3000' },
    warmup: { type: 'string', default: '45' },
    seed: { type: 'string', default: '1' },
    port: { type: 'string', default: '18700' },
    results: { type: 'string', default: '' },
    predict: { type: 'boolean', default: false },
    data: { type: 'string', default: process.env.MITOSIS_TRACES ?? '../shared/traces' },
  },
});

const known = new Map<string, LiveResult>();
const keyOf = ({ trace, policy, seed }: Pick<LiveResult, 'trace' | 'policy' | 'seed'>): string =>
  `${trace} ${policy} ${seed}`;
if (values.results !== '' && existsSync(values.results))
  for (const line of readFileSync(values.results, 'utf8').split('\n'))
    if (line.startsWith('{') && line.endsWith('}')) {
      const result = JSON.parse(line) as LiveResult;
      known.set(keyOf(result), result);
    }

const seed = Number(values.seed);
for (const name of values.traces.split(','))
  for (const policy of values.policies.split(',').map(livePolicy)) {
    if (known.has(keyOf({ trace: name, policy: policy.name, seed }))) continue;
    const options: LiveOptions = {
      trace: liveTrace(values.data, name),
      policy,
      startMs: Number(values.start),
      warmupS: Number(values.warmup),
      seed,
      port: Number(values.port),
      recording: join('/tmp', `m-live-${process.pid}.jsonl`),
    };
    const result = values.predict ? predictLive(options) : await replayLive(options);
    known.set(keyOf(result), result);
    const line = JSON.stringify(result);
    console.log(line);
    if (values.results !== '') appendFileSync(values.results, `${line}\n`);
  }
console.log(renderLive([...known.values()]));
