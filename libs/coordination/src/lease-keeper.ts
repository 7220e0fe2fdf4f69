/**
 * Gets a lease for this process, keeps it alive, and gets a new one when it is lost. One keep-alive is outstanding at a
 * time. Must never believe a lease longer than the server could: deadlines count from sending times.
 */
import { KEYS, MitosisError } from '@mitosis/contracts';
import type { LevelRecord } from '@mitosis/contracts';
import { pause } from './clock.js';
import type { Clock } from './clock.js';
import { keepAlivePlan } from './decide/lease-deadline.js';
import { HeldLease, readClocks } from './held-lease.js';
import type { Store } from './store.js';

export interface LeaseKeeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly incarnation: number;
  /** Everything that hangs on the lease is put again here; it must end with the lease's signal. */
  readonly onHeld: (lease: HeldLease) => void;
  readonly onLost: (lease: HeldLease, reason: string) => void;
  readonly onTrouble: (error: unknown) => void;
}

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;
const REVOKE_TIMEOUT_MS = 500;
const CLOSE_TIMEOUT_MS = 1_000;

export class LeaseKeeper {
  #lease: HeldLease | undefined;
  readonly #closing = new AbortController();
  #wakeUp: () => void = () => undefined;
  readonly #done: Promise<void>;
  readonly #offRegress: () => void;

  constructor(private readonly options: LeaseKeeperOptions) {
    this.#offRegress = options.store.onRegress(() => this.#lease?.end('the store went backwards'));
    this.#done = this.#run();
  }

  get lease(): HeldLease | undefined {
    return this.#lease;
  }

  /** Something says the lease may be gone: ask now. */
  check(): void {
    this.#wakeUp();
  }

  /** Ends the lease here at once and at the server as soon as it answers, at most a second later. */
  async close(): Promise<void> {
    this.#offRegress();
    const lease = this.#lease;
    this.#closing.abort();
    lease?.end('the process leaves the level');
    await this.#done;
  }

  async #run(): Promise<void> {
    const closing = this.#closing.signal;
    while (!closing.aborted) {
      const lease = await this.#acquire(closing);
      if (lease === undefined) return;
      this.#lease = lease;
      this.options.onHeld(lease);
      await this.#keep(lease);
      this.#lease = undefined;
      this.options.onLost(lease, String(lease.signal.reason));
      await this.#revoke(lease, closing.aborted ? CLOSE_TIMEOUT_MS : REVOKE_TIMEOUT_MS);
    }
  }

  /** Retries until there is a lease in a store of the right incarnation, or the keeper is closed. */
  async #acquire(closing: AbortSignal): Promise<HeldLease | undefined> {
    const { store, clock, ttlMs, onTrouble } = this.options;
    for (let waitMs = RETRY_MIN_MS; !closing.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        const levelRevision = await this.#levelRevision(closing);
        const sent = readClocks(clock);
        const granted = await store.grantLease(ttlMs, { signal: closing });
        const lease = new HeldLease(granted, sent, levelRevision, clock);
        if (lease.isLive()) return lease;
        await this.#revoke(lease, REVOKE_TIMEOUT_MS);
      } catch (error) {
        if (!closing.aborted) onTrouble(error);
      }
      await pause(clock, waitMs, closing);
    }
    return undefined;
  }

  /** Throws when the store is of another incarnation than this process was started for: it must not act there. */
  async #levelRevision(signal: AbortSignal): Promise<number> {
    const entry = await this.options.store.get(KEYS.level, { signal });
    if (entry === undefined) return 0;
    const { incarnation } = JSON.parse(entry.value) as LevelRecord;
    if (incarnation === this.options.incarnation) return entry.modRevision;
    throw new MitosisError(
      'conflict',
      `this process is of incarnation ${this.options.incarnation}, the store of ${incarnation}`,
    );
  }

  /** Returns when the lease has ended, for whatever reason. */
  async #keep(lease: HeldLease): Promise<void> {
    const { store, clock, onTrouble } = this.options;
    const plan = keepAlivePlan(lease.ttlMs);
    let nextMs = plan.intervalMs;
    while (lease.isLive()) {
      await this.#rest(nextMs, lease.signal);
      if (!lease.isLive()) return;
      const sent = readClocks(clock);
      const timeoutMs = Math.max(1, Math.min(plan.attemptMs, lease.remainingMs()));
      try {
        const ttlMs = await store.keepAlive(lease.id, { timeoutMs, signal: lease.signal });
        if (ttlMs <= 0) lease.end('the server does not have the lease any more');
        else lease.prolong(sent, ttlMs);
        nextMs = plan.intervalMs - (clock.monotonicMs() - sent.monotonicMs);
      } catch (error) {
        if (!lease.signal.aborted) onTrouble(error);
        nextMs = plan.retryMs;
      }
    }
  }

  /** A pause that `check` cuts short. */
  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const wake = new AbortController();
    const onEnd = (): void => {
      wake.abort();
    };
    this.#wakeUp = onEnd;
    signal.addEventListener('abort', onEnd, { once: true });
    await pause(this.options.clock, Math.max(0, ms), wake.signal);
    signal.removeEventListener('abort', onEnd);
    this.#wakeUp = () => undefined;
  }

  async #revoke(lease: HeldLease, timeoutMs: number): Promise<void> {
    try {
      await this.options.store.revokeLease(lease.id, { timeoutMs });
    } catch (error) {
      // It ends by itself; until then its keys are in the way of nobody but their successor.
      this.options.onTrouble(error);
    }
  }
}
