/**
 * `mitosis record`: what the monitor of a live level says, a line a second, for `mitosis simulate --calibrate`. Only looks.
 * A second that cannot be had is left out, never written as zeros.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { MitosisError, type InstanceGraphView, type monitor } from '@mitosis/contracts';
import type { RecordedComponent, RecordedSecond, RecordingHeader } from '@mitosis/simulation/workload';
import type { Command } from 'commander';
import { levelAndArgs, withContext, type Context, type ExitCode, type SharedOptions } from '../command.js';
import type { LevelSession } from '../session/level.js';
import { boundOf, pause } from '../session/wait.js';
import { parseDuration } from './duration.js';

interface RecordOptions extends SharedOptions {
  readonly output: string;
  readonly for: string;
}

const EVERY_MS = 1_000;
const CALL_MS = 900;

export const registerRecord = (program: Command): void => {
  program
    .command('record')
    .argument('[level]', 'default: the only one of this host')
    .option('-p, --project-name <level>', 'the level meant')
    .option('-o, --output <file>', 'where to write', 'recording.jsonl')
    .option('--for <duration>', 'how long', '10m')
    .description('record what the monitor of a live level says, to calibrate simulations with')
    .action(withContext<RecordOptions>(record));
};

const componentOf = (snapshot: monitor.ComponentSnapshot, instances: number): RecordedComponent | null => {
  const { last1 } = snapshot;
  if (last1?.known !== true) return null;
  return {
    rate: last1.rate,
    meanMs: last1.meanMs,
    p95Ms: last1.p95Ms,
    inFlight: Math.max(0, snapshot.inFlight - snapshot.queued),
    cpuCores: snapshot.resourcesKnown ? snapshot.cpuCores : null,
    memoryBytes:
      snapshot.resourcesKnown && snapshot.instancesSeen > 0
        ? snapshot.memoryBytes / snapshot.instancesSeen
        : null,
    instances,
  };
};

/** Start-up times of instances that became ready since the last look; each is told once. */
export const startsSeen = (
  graph: InstanceGraphView,
  told: Set<string>,
): Readonly<Record<string, readonly number[]>> => {
  const starts: Record<string, number[]> = {};
  for (const { id, component, phase, class: kind, sinceMs, createdAtMs } of graph.instances) {
    if (phase !== 'ready' || kind !== 'application' || told.has(id)) continue;
    told.add(id);
    (starts[component] ??= []).push(Math.max(0, sinceMs - createdAtMs));
  }
  return starts;
};

/** One second as it is written. */
export const secondOf = (
  snapshot: monitor.LevelSnapshot,
  graph: InstanceGraphView,
  told: Set<string>,
): RecordedSecond => {
  const ready = (name: string): number =>
    graph.instances.filter(({ component, phase }) => component === name && phase === 'ready').length;
  return {
    atMs: snapshot.atMs,
    components: Object.fromEntries(
      snapshot.components.flatMap((one) => {
        const recorded = componentOf(one, ready(one.component));
        return recorded === null ? [] : [[one.component, recorded] as const];
      }),
    ),
    starts: startsSeen(graph, told),
  };
};

const observe = async (level: LevelSession, told: Set<string>): Promise<RecordedSecond> => {
  const [snapshot, graph] = await Promise.all([
    level.withLeader(
      'monitor',
      (address) => level.host.rpc.unary('monitor', address, 'snapshot', {}, CALL_MS),
      boundOf(CALL_MS),
    ),
    level.instanceGraph(boundOf(CALL_MS)),
  ]);
  return secondOf(snapshot, graph, told);
};

const write = (file: WriteStream, line: RecordingHeader | RecordedSecond): Promise<void> =>
  new Promise((done, fail) => {
    file.write(`${JSON.stringify(line)}\n`, (error) => (error ? fail(error) : done()));
  });

const record = async (
  context: Context,
  args: readonly string[],
  options: RecordOptions,
): Promise<ExitCode> => {
  const forMs = parseDuration(options.for);
  const { level, rest } = await levelAndArgs(context, args, options);
  if (rest.length > 0) throw new MitosisError('invalid_input', 'expected: mitosis record [level]');
  await level.directory();
  const path = resolve(context.cwd, options.output);
  const file = createWriteStream(path);
  const told = new Set<string>();
  let seconds = 0;
  let missed = 0;
  const startedAtMs = Date.now();
  try {
    await write(file, { recording: 1, level: level.name, startedAtMs });
    while (Date.now() - startedAtMs < forMs && !context.signal.aborted) {
      const dueMs = startedAtMs + (seconds + missed + 1) * EVERY_MS;
      try {
        await write(file, await observe(level, told));
        seconds += 1;
      } catch (error) {
        if (!(error instanceof MitosisError)) throw error;
        missed += 1;
      }
      context.output.progress(`${level.name}: ${seconds} seconds recorded, ${missed} could not be had`);
      const wait = Math.max(0, dueMs - Date.now());
      await pause(wait, boundOf(wait + 1, context.signal));
    }
  } finally {
    await new Promise<void>((done) => file.end(done));
  }
  context.output.result(
    { level: level.name, file: path, seconds, missed },
    () =>
      `${level.name}: ${seconds} seconds in ${options.output}${missed > 0 ? `; ${missed} could not be had` : ''}`,
  );
  return seconds > 0 ? 0 : 1;
};
