/** Seeds over several processes. One seed at a time to each, so that none waits for the slowest. */
import { fork, type ChildProcess } from 'node:child_process';
import type { DefectName } from '../defects/index.js';
import type { CoverageCounts } from './coverage.js';
import { runSeed, type SeedOutcome } from './run-seed.js';
import type { Schedule } from './schedule.js';

/**
 * A seed that needs longer hangs: its virtual time stands still. One needs about a second while code is cold, and a
 * machine may be a hundred times slower.
 */
const HANG_MS = 180_000;
/**
 * Objects of a run die together, mostly before the next scavenge; and with as many workers as cores, helper threads of the
 * collector only take time from other workers.
 */
const WORKER_FLAGS = ['--max-semi-space-size=32', '--single-threaded-gc'];

export interface SeedTask {
  readonly seed: number;
  readonly seconds: number;
  readonly defect?: DefectName;
  readonly schedule?: Schedule;
}

/** An outcome as it goes from process to process. */
export interface SeedReport extends Omit<SeedOutcome, 'coverage'> {
  readonly counts: CoverageCounts;
  readonly cpuMs: number;
}

export const reportOn = async (task: SeedTask): Promise<SeedReport> => {
  const before = process.cpuUsage();
  const { coverage, ...outcome } = await runSeed(task);
  const { user, system } = process.cpuUsage(before);
  return { ...outcome, counts: coverage.counts, cpuMs: (user + system) / 1_000 };
};

/** What ends a run of many: no worker is left that could answer. */
export class WorkerError extends Error {}

/** In a worker: answers each task with its report until the parent disconnects, or is killed: the channel ends with it. */
export const serveTasks = (): void => {
  process.once('disconnect', () => process.exit(0));
  process.on('message', (task: SeedTask) => {
    void reportOn(task).then(
      (report) => process.send?.({ report }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
};

type Answer = { readonly report?: SeedReport; readonly error?: string };

/** Runs all tasks; `onReport` returns false to stop early. Throws WorkerError when a worker fails or dies. */
export const runTasks = async (
  tasks: Iterator<SeedTask>,
  workers: number,
  onReport: (report: SeedReport, task: SeedTask) => boolean,
): Promise<void> => {
  const children: ChildProcess[] = [];
  let stopped = false;
  // One worker for all its seeds: it runs them several times as fast once their code is compiled.
  const serve = async (): Promise<void> => {
    const child = fork(process.argv[1] ?? '', ['--worker'], { execArgv: WORKER_FLAGS });
    children.push(child);
    while (!stopped) {
      const next = tasks.next();
      if (next.done === true) break;
      const answer = await ask(child, next.value);
      if (answer.report === undefined)
        throw new WorkerError(`seed ${next.value.seed} failed in its worker: ${answer.error ?? 'no answer'}`);
      if (!onReport(answer.report, next.value)) stopped = true;
    }
    leave(child);
  };
  try {
    await Promise.all(Array.from({ length: workers }, serve));
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
};

/** Its end is a failure only while it is asked something. */
const leave = (child: ChildProcess): void => {
  if (child.connected) child.disconnect();
};

const ask = (child: ChildProcess, task: SeedTask): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const died = (how: string): void => {
      off();
      reject(new WorkerError(`a worker ${how} while it was to run seed ${task.seed}: run that seed alone`));
    };
    const onExit = (code: number | null, signal: string | null): void =>
      died(code === null ? `was ended by ${signal ?? 'a signal'}` : `ended with ${code}`);
    const onError = (error: Error): void => died(`could not be reached (${error.message})`);
    const onMessage = (answer: Answer): void => {
      off();
      resolve(answer);
    };
    const hangs = setTimeout(() => died(`did not answer for ${HANG_MS / 1_000} s`), HANG_MS);
    const off = (): void => {
      clearTimeout(hangs);
      child.off('exit', onExit);
      child.off('error', onError);
      child.off('message', onMessage);
    };
    child.once('exit', onExit);
    child.once('error', onError);
    child.once('message', onMessage);
    // One that ended between two seeds says no 'exit' any more.
    if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
    else child.send(task);
  });
