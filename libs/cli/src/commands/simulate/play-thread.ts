/** A thread that plays once, and tells what came of it. */
import { parentPort, workerData } from 'node:worker_threads';
import { MitosisError } from '@mitosis/contracts';
import { playContender, playHindsight } from '@mitosis/simulation/workload';
import { contenderOf } from './policy-file.js';
import type { PlayAnswer, PlayTask } from './play.js';

const play = async ({ entrant, ...options }: PlayTask): Promise<PlayAnswer> => {
  if (entrant === null) return { best: playHindsight(options) };
  return { played: playContender(options, await contenderOf(entrant)) };
};

const failed = (error: unknown): PlayAnswer => {
  if (!(error instanceof MitosisError)) throw error;
  return { failed: { code: error.code, message: error.message } };
};

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage(await play(workerData as PlayTask).catch(failed));
