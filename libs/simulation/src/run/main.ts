/** `pnpm sim`: one seed with its trace, many seeds over several processes, or all defects. */
import { setMaxListeners } from 'node:events';
import { parseArgs } from 'node:util';
import type { Defect } from '../defects/defect.js';
import { DEFECTS, type DefectName } from '../defects/index.js';
import { INVARIANT_NAMES, type InvariantName } from '../invariants/index.js';
import { Coverage } from './coverage.js';
import { runTasks, serveTasks, WorkerError, type SeedReport, type SeedTask } from './pool.js';
import { describeCoverage, describeFailure, unreached } from './report.js';
import { runSeed, type SeedOptions } from './run-seed.js';
import { parseSchedule, scheduleFrom, type Schedule } from './schedule.js';
import { shorten } from './shorten.js';

const HELP = `usage: pnpm sim [--seed N | --seeds A..B | --defects] [options]

  --seed N          one seed, with the end of its trace
  --seeds A..B      all of these seeds; fails when one does, or when (from 1,000 seeds on) a fault, a pair of
                    interleaved faults or a state was never reached
  --defects         each deliberate defect with the seed that is known to catch it; with --seeds A..B: on schedules
                    drawn from these seeds, until one catches it
  --seconds S       virtual seconds of a seed (default 60)
  --workers W       processes (default 2)
  --schedule '…'    these faults instead of the seed's own (as a failure prints them)
  --defect NAME     with this deliberate defect
  --trace           the whole trace
`;

/** From so many on a run is large enough to have met everything. */
const COMPLETE_FROM = 1_000;
const FAILURES_MAX = 5;
const SIGNAL_LISTENERS = 200;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    worker: { type: 'boolean', default: false },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    workers: { type: 'string', default: '2' },
    schedule: { type: 'string' },
    defect: { type: 'string' },
    defects: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
});

class UsageError extends Error {}

const whole = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`--${name} ${text}: expected a whole number from 1 on`);
  return value;
};

const rangeOf = (range: string): readonly [number, number] => {
  const match = /^(\d+)\.\.(\d+)$/u.exec(range);
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || to < from) throw new UsageError(`--seeds ${range}: expected A..B, A no more than B`);
  return [from, to];
};

const defectNamed = (name: string | undefined): DefectName | undefined => {
  if (name !== undefined && !Object.hasOwn(DEFECTS, name))
    throw new UsageError(`--defect ${name}: expected one of ${Object.keys(DEFECTS).join(', ')}`);
  return name as DefectName | undefined;
};

const optionsOf = (seed: number, seconds: number, defect: DefectName | undefined): SeedOptions => ({
  seed,
  seconds,
  ...(defect === undefined ? {} : { defect }),
  ...(values.schedule === undefined ? {} : { schedule: parseSchedule(values.schedule) }),
});

const runOne = async (seed: number, seconds: number, defect: DefectName | undefined): Promise<number> => {
  const options = optionsOf(seed, seconds, defect);
  const outcome = await runSeed({ ...options, keepTrace: true });
  for (const line of values.trace ? outcome.trace : outcome.trace.slice(-60)) say(line);
  if (outcome.violation === undefined) {
    say(`seed ${seed}: in order ${outcome.settledAfterMs} ms after the last fault; trace ${outcome.hash}`);
    return 0;
  }
  say(describeFailure(outcome, await shorten(options, outcome), { seconds, defect }));
  return 1;
};

function* tasksOf(
  from: number,
  to: number,
  seconds: number,
  defect: DefectName | undefined,
): Generator<SeedTask> {
  for (let seed = from; seed <= to; seed += 1) yield { ...optionsOf(seed, seconds, defect) };
}

const runMany = async (
  range: string,
  seconds: number,
  workers: number,
  defect: DefectName | undefined,
): Promise<number> => {
  const [from, to] = rangeOf(range);
  const startedAtMs = performance.now();
  const coverage = new Coverage();
  const failed: SeedReport[] = [];
  let done = 0;
  let cpuMs = 0;
  let slowestMs = 0;
  await runTasks(tasksOf(from, to, seconds, defect), workers, (report) => {
    done += 1;
    cpuMs += report.cpuMs;
    slowestMs = Math.max(slowestMs, report.settledAfterMs);
    coverage.add(report.counts);
    if (report.violation !== undefined) failed.push(report);
    if (done % 250 === 0) say(`${done} seeds, ${failed.length} failed`);
    return failed.length < FAILURES_MAX;
  });
  for (const { seed } of failed) {
    const options = optionsOf(seed, seconds, defect);
    const outcome = await runSeed(options);
    say(describeFailure(outcome, await shorten(options, outcome), { seconds, defect }));
  }
  say(describeCoverage(coverage.counts));
  const missing = done >= COMPLETE_FROM ? unreached(coverage.counts) : [];
  for (const what of missing) say(`never reached: ${what}`);
  const wallS = (performance.now() - startedAtMs) / 1_000;
  say(
    JSON.stringify({
      benchmark: 'simulation',
      seeds: done,
      failed: failed.length,
      unreached: missing.length,
      virtualSeconds: seconds,
      wallS: Math.round(wallS),
      cpuMsPerSeed: Math.round(cpuMs / Math.max(1, done)),
      slowestToSettleMs: Math.round(slowestMs),
    }),
  );
  return failed.length > 0 || missing.length > 0 ? 1 : 0;
};

/** Twice as many faults as usual, out of those that provoke it; or the one plan that does. */
const planOf = (seed: number, seconds: number, defect: Defect): Schedule =>
  defect.plan === undefined ? scheduleFrom(seed, seconds, defect.provokedBy, 2) : parseSchedule(defect.plan);

const taskOf = (seed: number, seconds: number, defect: DefectName): SeedTask => ({
  seed,
  seconds,
  defect,
  schedule: planOf(seed, seconds, DEFECTS[defect]),
});

const isCaught = ({ violation }: SeedReport, defect: Defect): boolean =>
  violation !== undefined && defect.brokenBy.includes(violation.invariant);

/** Runs the seeds of these tasks without their defects: what breaks an invariant by itself proves nothing of a defect. */
const withoutDefects = async (
  tasks: readonly SeedTask[],
  workers: number,
): Promise<ReadonlyMap<number, string | undefined>> => {
  const twins = tasks.map(({ seed, seconds, schedule }): SeedTask => ({
    seed,
    seconds,
    ...(schedule === undefined ? {} : { schedule }),
  }));
  const broken = new Map<number, string | undefined>();
  await runTasks(twins.values(), workers, ({ violation }, twin) => {
    broken.set(twins.indexOf(twin), violation && `${violation.invariant}: ${violation.why}`);
    return true;
  });
  return broken;
};

/** Each defect with the seed that is known to catch it, and the same seed without it. */
const proveDefects = async (
  seconds: number,
  workers: number,
  names: readonly DefectName[],
): Promise<number> => {
  const tasks = names.map((name) => taskOf(DEFECTS[name].caughtBySeed, seconds, name));
  const reports = new Map<SeedTask, SeedReport>();
  await runTasks(tasks.values(), workers, (report, task) => {
    reports.set(task, report);
    return true;
  });
  const broken = await withoutDefects(tasks, workers);
  let escaped = 0;
  const able = new Set<InvariantName>();
  for (const [index, task] of tasks.entries()) {
    const report = reports.get(task);
    const name = names[index];
    if (report === undefined || name === undefined) continue;
    const anyway = broken.get(index);
    const caught = isCaught(report, DEFECTS[name]) && anyway === undefined;
    if (!caught) escaped += 1;
    const { violation } = report;
    if (caught && violation !== undefined) able.add(violation.invariant);
    const found = violation === undefined ? 'nothing' : `${violation.invariant}: ${violation.why}`;
    const without = anyway === undefined ? '' : `; without the defect as well: ${anyway}`;
    say(`${name.padEnd(24)} ${caught ? 'caught' : 'NOT caught'} by seed ${report.seed}: ${found}${without}`);
  }
  // With all defects each invariant must have shown that it can fail.
  const isAll = names.length === Object.keys(DEFECTS).length;
  const unable = isAll ? INVARIANT_NAMES.filter((name) => !able.has(name)) : [];
  for (const name of unable) say(`broken by no defect: ${name}`);
  return escaped + unable.length > 0 ? 1 : 0;
};

/** Each defect on schedules of the faults that provoke it, until a seed catches it. */
const searchDefects = async (
  range: string,
  seconds: number,
  workers: number,
  names: readonly DefectName[],
): Promise<number> => {
  const [from, to] = rangeOf(range);
  let escaped = 0;
  for (const name of names) {
    let caughtBy: SeedReport | undefined;
    let tried = 0;
    const tasks = (function* (): Generator<SeedTask> {
      for (let seed = from; seed <= to; seed += 1) yield taskOf(seed, seconds, name);
    })();
    await runTasks(tasks, workers, (report) => {
      tried += 1;
      const caught = isCaught(report, DEFECTS[name]);
      if (caught) caughtBy ??= report;
      return !caught;
    });
    if (caughtBy === undefined) escaped += 1;
    const how =
      caughtBy === undefined
        ? `NOT caught by ${tried} seeds`
        : `caught by seed ${caughtBy.seed}: ${caughtBy.violation?.invariant}: ${caughtBy.violation?.why}`;
    say(`${name.padEnd(24)} ${how}`);
  }
  return escaped > 0 ? 1 : 0;
};

const main = async (): Promise<number> => {
  const seconds = whole('seconds', values.seconds);
  const workers = whole('workers', values.workers);
  const defect = defectNamed(values.defect);
  if (values.help) {
    say(HELP);
    return 0;
  }
  if (values.defects) {
    const names = defect === undefined ? (Object.keys(DEFECTS) as DefectName[]) : [defect];
    return values.seeds === undefined
      ? proveDefects(seconds, workers, names)
      : searchDefects(values.seeds, seconds, workers, names);
  }
  if (values.seeds !== undefined) return runMany(values.seeds, seconds, workers, defect);
  if (values.seed !== undefined) return runOne(whole('seed', values.seed), seconds, defect);
  throw new UsageError('say which seeds');
};

// As in every management process: one session's signal reaches every call made under it.
setMaxListeners(SIGNAL_LISTENERS);
if (values.worker) serveTasks();
else {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (error instanceof WorkerError) {
      process.stderr.write(`the run is incomplete: ${error.message}\n`);
      process.exitCode = 1;
    } else if (error instanceof UsageError || error instanceof RangeError) {
      process.stderr.write(`${error.message}\n\n${HELP}`);
      process.exitCode = 2;
    } else throw error;
  }
}
