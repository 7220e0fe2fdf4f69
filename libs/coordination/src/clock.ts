/**
 * Time as an argument, so that leases, back-offs and the in-memory etcd run on virtual time in tests and simulation.
 * Never used for ordering between processes: only revisions order those.
 */
import { uptime } from 'node:os';

export interface Clock {
  /** Milliseconds that never go back. On Linux it stands still while the machine is suspended. */
  monotonicMs(): number;
  /** Milliseconds that never go back and run on through a suspend (resolution about 10 ms). */
  bootMs(): number;
  /** Wall clock, for records only. */
  wallMs(): number;
  /**
   * Runs `run` once after `delayMs` (0: in the next turn of the event loop); the returned function cancels it. Never keeps
   * the process alive by itself.
   */
  setTimer(delayMs: number, run: () => void): () => void;
}

/** The machine's clocks. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  // CLOCK_BOOTTIME is the only one of Node's clocks that notices a suspend.
  bootMs: () => uptime() * 1_000,
  wallMs: () => Date.now(),
  setTimer: (delayMs, run) => {
    if (delayMs <= 0) {
      const turn = setImmediate(run);
      return () => {
        clearImmediate(turn);
      };
    }
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Runs `run` every `periodMs` until the returned function is called; late when the clock was, never twice at once. */
export const every = (clock: Clock, periodMs: number, run: () => void): (() => void) => {
  let cancel: () => void = () => undefined;
  const arm = (): void => {
    cancel = clock.setTimer(periodMs, () => {
      arm();
      run();
    });
  };
  arm();
  return () => {
    cancel();
  };
};

/** Resolves after `delayMs` on the given clock, or at once when the signal aborts. Never rejects. */
export const pause = (clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.setTimer(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
