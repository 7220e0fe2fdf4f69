/** Waiting for a condition of an object that says when it may have changed; every wait has a bound. */
import { MitosisError } from '@mitosis/contracts';
import type { Clock } from './clock.js';
import type { CallOptions } from './store.js';

interface Waiter {
  readonly check: () => void;
  readonly settle: (error?: MitosisError) => void;
}

export class Waiters {
  readonly #waiting = new Set<Waiter>();

  constructor(private readonly clock: Clock) {}

  /** Something changed. */
  wake(): void {
    for (const { check } of Array.from(this.#waiting)) check();
  }

  /** Nobody needs to wait any longer. */
  fail(message: string): void {
    for (const { settle } of Array.from(this.#waiting)) settle(new MitosisError('unavailable', message));
  }

  /** Rejects with `deadline` after `timeoutMs`, with `unavailable` when the signal aborts or all waiting fails. */
  when(
    condition: () => boolean,
    what: string,
    options: CallOptions & { readonly timeoutMs: number },
  ): Promise<void> {
    if (condition()) return Promise.resolve();
    const { timeoutMs, signal } = options;
    return new Promise((resolve, reject) => {
      const settle = (error?: MitosisError): void => {
        cancel();
        this.#waiting.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const check = (): void => {
        if (condition()) settle();
      };
      const onAbort = (): void => {
        settle(new MitosisError('unavailable', `waiting for ${what} was cancelled`));
      };
      const waiter: Waiter = { check, settle };
      const cancel = this.clock.setTimer(timeoutMs, () => {
        settle(new MitosisError('deadline', `${what}: not within ${timeoutMs} ms`));
      });
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
    });
  }
}
