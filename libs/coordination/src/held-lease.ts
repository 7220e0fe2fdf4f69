/**
 * One lease of this process and the one question everything under it asks: may I still act? Answers by the clocks, never
 * by whether a timer has run: after a stop of the process or a blocked event loop timers are late, clocks are not.
 */
import type { Clock } from './clock.js';
import { later, leaseDeadline, remainingMs } from './decide/lease-deadline.js';
import type { Clocks, Deadline } from './decide/lease-deadline.js';
import type { GrantedLease } from './store.js';

export const readClocks = (clock: Clock): Clocks => ({
  monotonicMs: clock.monotonicMs(),
  bootMs: clock.bootMs(),
});

/** What the `level` record said at the time of the grant. */
export interface StoreIncarnation {
  readonly incarnation: number;
  /** Modification revision of the record: every write under the lease compares it. */
  readonly levelRevision: number;
}

export class HeldLease {
  readonly id: string;
  readonly ttlMs: number;
  #deadline: Deadline;
  readonly #abort = new AbortController();
  #cancelTimer: () => void = () => undefined;

  constructor(
    granted: GrantedLease,
    sent: Clocks,
    private readonly store: StoreIncarnation,
    private readonly clock: Clock,
  ) {
    this.id = granted.id;
    this.ttlMs = granted.ttlMs;
    this.#deadline = leaseDeadline(sent, granted.ttlMs);
    this.#arm();
  }

  get levelRevision(): number {
    return this.store.levelRevision;
  }

  /** Of the store this lease is in: part of the epoch of every act under it. */
  get incarnation(): number {
    return this.store.incarnation;
  }

  /** Aborted when the lease ended; its reason says why. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  isLive(): boolean {
    if (this.#abort.signal.aborted) return false;
    if (this.remainingMs() > 0) return true;
    this.end('the local deadline of the lease passed');
    return false;
  }

  remainingMs(): number {
    return remainingMs(readClocks(this.clock), this.#deadline);
  }

  /** The keep-alive sent at `sent` was acknowledged with this TTL. */
  prolong(sent: Clocks, ttlMs: number): void {
    this.#deadline = later(this.#deadline, leaseDeadline(sent, ttlMs));
  }

  end(reason: string): void {
    if (this.#abort.signal.aborted) return;
    this.#cancelTimer();
    this.#abort.abort(new Error(reason));
  }

  /** One timer for the present deadline; a prolonged one is noticed when it fires. */
  #arm(): void {
    this.#cancelTimer = this.clock.setTimer(Math.max(1, this.remainingMs()), () => {
      if (this.isLive()) this.#arm();
    });
  }
}
