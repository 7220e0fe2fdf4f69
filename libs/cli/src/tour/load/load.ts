/** The load as the tour plays it: a handle on the generator's thread. */
import { Worker } from 'node:worker_threads';
import type { LoadPiece, RequestKind } from './profile.js';
import type { Sample } from './sample.js';

export interface ThreadInput {
  readonly target: string;
  readonly kinds: readonly RequestKind[];
}
export type ThreadOrder = { readonly kind: 'play'; readonly piece: LoadPiece } | { readonly kind: 'stop' };
export type ThreadMessage =
  | { readonly kind: 'samples'; readonly samples: readonly Sample[] }
  | { readonly kind: 'stopped' };

export interface Load {
  play(piece: LoadPiece): void;
  /** Resolves when everything that was sent is answered or given up. */
  stop(): Promise<void>;
}

/** Longer than a request and its retry may take. */
const STOP_MS = 20_000;

export const startLoad = (input: ThreadInput, onSamples: (samples: readonly Sample[]) => void): Load => {
  const thread = new Worker(new URL('./load-thread.js', import.meta.url), { workerData: input });
  let failure: Error | undefined;
  let stopped = (): void => undefined;
  const ended = new Promise<void>((resolve) => (stopped = resolve));
  thread.on('message', (message: ThreadMessage) => {
    if (message.kind === 'samples') onSamples(message.samples);
    else stopped();
  });
  thread.on('error', (error: Error) => {
    failure = error;
    stopped();
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  const order = (what: ThreadOrder): void => thread.postMessage(what);
  return {
    play: (piece) => order({ kind: 'play', piece }),
    stop: async () => {
      order({ kind: 'stop' });
      const late = setTimeout(stopped, STOP_MS);
      await ended;
      clearTimeout(late);
      await thread.terminate();
      if (failure !== undefined) throw failure;
    },
  };
};
