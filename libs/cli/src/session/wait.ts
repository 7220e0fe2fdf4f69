/** Waiting with a bound: the only place of the command line that sleeps. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Bound {
  /** Monotonic time (performance.now) at which waiting ends. */
  readonly endsAtMs: number;
  readonly signal?: AbortSignal;
}

export const boundOf = (ms: number, signal?: AbortSignal): Bound => ({
  endsAtMs: performance.now() + ms,
  ...(signal === undefined ? {} : { signal }),
});

export const leftMs = (bound: Bound): number => Math.max(0, bound.endsAtMs - performance.now());
export const isOver = (bound: Bound): boolean => leftMs(bound) === 0 || bound.signal?.aborted === true;

/** Pauses, but never beyond the bound; returns early (without error) when the signal aborts. */
export const pause = async (ms: number, bound: Bound): Promise<void> => {
  const options = bound.signal === undefined ? {} : { signal: bound.signal };
  try {
    await sleep(Math.min(ms, leftMs(bound)), undefined, options);
  } catch {
    // Aborted: the caller looks at its bound.
  }
};

/** Tries until it succeeds, the error is not worth another try, or the bound is over (then the last error is thrown). */
export const retry = async <T>(
  attempt: () => Promise<T>,
  bound: Bound,
  worthRetrying: (error: unknown) => boolean,
  everyMs = 100,
): Promise<T> => {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!worthRetrying(error) || isOver(bound)) throw error;
    }
    await pause(everyMs, bound);
  }
};
