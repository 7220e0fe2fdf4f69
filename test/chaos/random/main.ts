/**
 * `pnpm chaos --seed N --minutes M`: a chaos run, in a network namespace of its own where that is allowed (partitions are
 * left out where not). Interrupted, it heals and judges what happened so far.
 * Prints the schedule as JSON lines; ends with 1 and keeps everything when a rule was violated.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { runChaos } from './chaos-run.js';
import { hasOwnNetwork, inOwnNetwork } from './network.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    minutes: { type: 'string', default: '15' },
  },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isInteger(seed) || !(minutes > 0)) {
  process.stderr.write('usage: pnpm chaos [--seed <whole number>] [--minutes <number>]\n');
  process.exit(2);
}

const prefix = hasOwnNetwork() ? undefined : inOwnNetwork();
if (prefix === undefined) {
  const enough = new AbortController();
  process.once('SIGINT', () => enough.abort());
  const { problems } = await runChaos({
    seed,
    lengthMs: minutes * 60_000,
    enough: enough.signal,
    print: (line) => process.stdout.write(`${JSON.stringify(line)}\n`),
  });
  if (problems.length > 0)
    process.stderr.write(`${problems.join('\n')}\nagain: pnpm chaos --seed ${seed} --minutes ${minutes}\n`);
  process.exit(problems.length === 0 ? 0 : 1);
}
const [program = '', ...args] = prefix;
const child = spawnSync(
  program,
  [
    ...args,
    process.execPath,
    ...process.execArgv,
    import.meta.filename,
    '--seed',
    String(seed),
    '--minutes',
    String(minutes),
  ],
  { stdio: 'inherit' },
);
process.exit(child.status ?? 1);
