/**
 * Gets a lease for this process, keeps it alive, and gets a new one when it is lost. One keep-alive is outstanding at a
 * time. Must never believe a lease longer than the server could: deadlines count from sending times.
 */
import { KEYS, MitosisError } from '@mitosis/contracts';
import type { LevelId, LevelRecord } from '@mitosis/contracts';
import { pause } from './clock.js';
import type { Clock } from './clock.js';
import { keepAlivePlan } from './decide/lease-deadline.js';
import { HeldLease, readClocks, type StoreIncarnation } from './held-lease.js';
import type { Store } from './store.js';

export interface LeaseKeeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly level: LevelId;
  /** The one this process was started for. */
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
  /** Of the newest store this process had a part in, or was started for. */
  #incarnation: number;
  /** How often the store went backwards. */
  #regresses = 0;
  /** … since the incarnation was known: epochs of before may be higher than any it gives now. */
  #isBehind = false;

  constructor(private readonly options: LeaseKeeperOptions) {
    this.#incarnation = options.incarnation;
    this.#offRegress = options.store.onRegress(() => {
      this.#regresses += 1;
      this.#isBehind = true;
      this.#lease?.end('the store went backwards');
    });
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

  /** Retries until there is a lease, or the keeper is closed. */
  async #acquire(closing: AbortSignal): Promise<HeldLease | undefined> {
    const { store, clock, ttlMs, onTrouble } = this.options;
    for (let waitMs = RETRY_MIN_MS; !closing.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        const claimed = await this.#claimLevel(closing);
        const sent = readClocks(clock);
        const regresses = this.#regresses;
        const granted = await store.grantLease(ttlMs, { signal: closing });
        const lease = new HeldLease(granted, sent, claimed, clock);
        // What was claimed is gone when the store went backwards meanwhile.
        if (lease.isLive() && regresses === this.#regresses) return lease;
        await this.#revoke(lease, REVOKE_TIMEOUT_MS);
      } catch (error) {
        if (!closing.aborted) onTrouble(error);
      }
      await pause(clock, waitMs, closing);
    }
    return undefined;
  }

  /**
   * The store says which incarnation it is of. A newer one than this process was started for is taken over: a process of
   * another host learns in no other way that the store was made anew. An older one means that it was made anew out of an
   * older snapshot: the record is raised first, which fences everybody who still acts under the old incarnation. So does
   * who sees the store go backwards, or it would lead on under epochs that are lower than those of before.
   */
  async #claimLevel(signal: AbortSignal): Promise<StoreIncarnation> {
    const { store, level } = this.options;
    const entry = await store.get(KEYS.level, { signal });
    // The answer itself may have shown that the store went backwards.
    const regresses = this.#regresses;
    const incarnation = this.#incarnation + (this.#isBehind ? 1 : 0);
    const known = (found: number): void => {
      if (regresses !== this.#regresses) return;
      this.#incarnation = found;
      this.#isBehind = false;
    };
    if (entry !== undefined) {
      const record = JSON.parse(entry.value) as LevelRecord;
      if (record.incarnation >= incarnation) {
        known(record.incarnation);
        return { incarnation: record.incarnation, levelRevision: entry.modRevision };
      }
    }
    const record: LevelRecord = { v: 1, level, incarnation };
    const { succeeded, revision } = await store.txn(
      [{ key: KEYS.level, modRevision: entry?.modRevision ?? 0 }],
      [{ kind: 'put', key: KEYS.level, value: JSON.stringify(record) }],
      { signal },
    );
    if (succeeded) {
      known(incarnation);
      return { incarnation, levelRevision: revision };
    }
    throw new MitosisError('conflict', 'another process claimed the store at the same moment');
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
