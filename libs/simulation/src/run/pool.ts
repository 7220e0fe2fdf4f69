/** Seeds over several processes. One seed at a time to each, so that none waits for the slowest. */
import { fork, type ChildProcess } from 'node:child_process';
import type { DefectName } from '../defects/index.js';
import type { CoverageCounts } from './coverage.js';
import { runSeed, type SeedOutcome } from './run-seed.js';
import type { Schedule } from './schedule.js';

/** A worker is replaced after so many seeds: what libraries keep of dead processes does not add up. */
const RECYCLE_SEEDS = 60;

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

/** In a worker: answers each task with its report until the parent disconnects. */
export const serveTasks = (): void => {
  process.on('message', (task: SeedTask) => {
    void reportOn(task).then(
      (report) => process.send?.({ report }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
};

type Answer = { readonly report?: SeedReport; readonly error?: string };

/** Runs all tasks; `onReport` returns false to stop early. Throws what a worker throws. */
export const runTasks = async (
  tasks: Iterator<SeedTask>,
  workers: number,
  onReport: (report: SeedReport) => boolean,
): Promise<void> => {
  const children: ChildProcess[] = [];
  let stopped = false;
  const start = (): ChildProcess => {
    const execArgv = ['--no-warnings', '--max-semi-space-size=32'];
    const child = fork(process.argv[1] ?? '', ['--worker'], { execArgv });
    children.push(child);
    return child;
  };
  const serve = async (): Promise<void> => {
    let child = start();
    for (let done = 1; !stopped; done += 1) {
      const next = tasks.next();
      if (next.done === true) break;
      const answer = await ask(child, next.value);
      if (answer.report === undefined) throw new Error(answer.error ?? 'a worker answered nothing');
      if (!onReport(answer.report)) stopped = true;
      if (done % RECYCLE_SEEDS > 0) continue;
      child.disconnect();
      child = start();
    }
    child.disconnect();
  };
  try {
    await Promise.all(Array.from({ length: workers }, serve));
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
};

const ask = (child: ChildProcess, task: SeedTask): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => {
      reject(new Error(`a worker ended with ${code ?? 'a signal'} while it ran seed ${task.seed}`));
    };
    child.once('exit', onExit);
    child.once('message', (answer: Answer) => {
      child.off('exit', onExit);
      resolve(answer);
    });
    child.send(task);
  });
