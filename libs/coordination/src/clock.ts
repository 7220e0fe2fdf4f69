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

/** A reading of the boot clock opens a file; leases ask before every write. */
const BOOT_REUSED_MS = 100;
/** The wall clock runs on through a suspend, too: with the monotonic one it shows that there was none since the reading. */
const BOOT_DIFFERENCE_MS = 2;

/** CLOCK_BOOTTIME is the only one of Node's clocks that notices a suspend and that nobody sets. `uptimeS` reads it. */
export const bootClock = (uptimeS: () => number = uptime): (() => number) => {
  let read = { monotonicMs: -Infinity, wallMs: 0, bootMs: 0 };
  return () => {
    const monotonicMs = performance.now();
    const wallMs = Date.now();
    const passedMs = monotonicMs - read.monotonicMs;
    const known = read.bootMs + passedMs;
    const isRecent = passedMs < BOOT_REUSED_MS;
    if (isRecent && Math.abs(wallMs - read.wallMs - passedMs) < BOOT_DIFFERENCE_MS) return known;
    // What was said before counts on from a reading that was up to 10 ms old.
    read = { monotonicMs, wallMs, bootMs: Math.max(uptimeS() * 1_000, isRecent ? known : read.bootMs) };
    return read.bootMs;
  };
};

/** The machine's clocks. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  bootMs: bootClock(),
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
