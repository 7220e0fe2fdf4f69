/**
 * The plays of a comparison, at the same time on as many cores as there are: policies know nothing of each other. A thread for
 * each play; what goes there is plain data, and a user's own policy is loaded there anew.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { MitosisError, type ErrorCode } from '@mitosis/contracts';
import type { Clairvoyant, CompareOptions, Comparison, Played } from '@mitosis/simulation/workload';
import type { Entrant } from './policy-file.js';

/** null: hindsight. */
export interface PlayTask extends Omit<CompareOptions, 'contenders' | 'pricePerHour'> {
  readonly entrant: Entrant | null;
}

export type PlayAnswer =
  | { readonly played: Played }
  | { readonly best: Clairvoyant }
  | { readonly failed: { readonly code: ErrorCode; readonly message: string } };

/** Plays that have ended, and all. */
export type Progress = (done: number, all: number) => void;

const THREAD = new URL('./play-thread.js', import.meta.url);

type Answered = Exclude<PlayAnswer, { readonly failed: unknown }>;

const playApart = async (task: PlayTask, threads: Set<Worker>): Promise<Answered> => {
  const thread = new Worker(THREAD, { workerData: task });
  threads.add(thread);
  try {
    const answer = await new Promise<PlayAnswer>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', (code) =>
        reject(new MitosisError('internal', `a thread that played ended with exit code ${code}`)),
      );
    });
    if ('failed' in answer) throw new MitosisError(answer.failed.code, answer.failed.message);
    return answer;
  } finally {
    threads.delete(thread);
    await thread.terminate();
  }
};

/** Calls `work` for all of `items`, so many at once; the first failure ends it. */
const atOnce = async <T, R>(
  items: readonly T[],
  most: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> => {
  const results: R[] = [];
  let next = 0;
  const run = async (): Promise<void> => {
    for (let i = next; i < items.length; i = next) {
      next += 1;
      results[i] = await work(items[i] as T, i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, run));
  return results;
};

type Workload = typeof import('@mitosis/simulation/workload');

const compareApart = async (
  options: CompareOptions,
  entrants: readonly Entrant[],
  workload: Workload,
  onProgress: Progress,
): Promise<Comparison> => {
  const { contenders: _, pricePerHour: __, ...shared } = options;
  const tasks = [
    ...entrants.map((entrant): PlayTask => ({ ...shared, entrant })),
    { ...shared, entrant: null },
  ];
  const threads = new Set<Worker>();
  let done = 0;
  onProgress(0, tasks.length);
  try {
    const answers = await atOnce(tasks, availableParallelism(), async (task) => {
      const answer = await playApart(task, threads);
      done += 1;
      onProgress(done, tasks.length);
      return answer;
    });
    const best = answers.flatMap((answer) => ('best' in answer ? [answer.best] : []))[0];
    if (best === undefined) throw new MitosisError('internal', 'nobody played with hindsight');
    const played = answers.flatMap((answer) => ('played' in answer ? [answer.played] : []));
    return workload.comparisonOf(options, best, played);
  } finally {
    await Promise.all([...threads].map((thread) => thread.terminate()));
  }
};

/** `options.contenders` and `entrants` are the same policies in the same order. */
export const compare = async (
  options: CompareOptions,
  entrants: readonly Entrant[],
  workload: Workload,
  onProgress: Progress,
): Promise<Comparison> =>
  // What is run from its sources, as tests are, has no file for threads.
  existsSync(THREAD)
    ? compareApart(options, entrants, workload, onProgress)
    : workload.comparePolicies(options);
