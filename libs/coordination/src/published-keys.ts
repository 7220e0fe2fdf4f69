/**
 * Keys of this process that live under its lease and are put again under the next one. The newest value of a key wins:
 * writes go out one transaction at a time, so that an older value can never overtake it.
 */
import { MitosisError } from '@mitosis/contracts';
import { pause } from './clock.js';
import type { Clock } from './clock.js';
import type { HeldLease } from './held-lease.js';
import type { Store } from './store.js';

export interface PublishedKeysOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly onTrouble: (error: unknown) => void;
}

interface Waiter {
  readonly version: number;
  readonly settle: (error?: MitosisError) => void;
}

const RETRY_MS = 100;
const PUBLISH_TIMEOUT_MS = 5_000;
const KEYS_PER_TXN = 100;

export class PublishedKeys {
  readonly #values = new Map<string, string>();
  readonly #dirty = new Set<string>();
  readonly #waiters = new Set<Waiter>();
  /** Counts calls; a waiter is done when a flush has written everything up to its call. */
  #version = 0;
  #lease: HeldLease | undefined;
  #flushing = false;

  constructor(private readonly options: PublishedKeysOptions) {}

  /** Without waiting: written with the next lease. */
  set(key: string, value: string): void {
    this.#values.set(key, value);
    this.#dirty.add(key);
  }

  /** Resolves when it is in the store; rejects after five seconds, and goes on trying. */
  publish(key: string, value: string): Promise<void> {
    this.set(key, value);
    const version = ++this.#version;
    return new Promise((resolve, reject) => {
      const settle = (error?: MitosisError): void => {
        cancel();
        this.#waiters.delete(waiter);
        if (error === undefined) resolve();
        else reject(error);
      };
      const waiter: Waiter = { version, settle };
      const cancel = this.options.clock.setTimer(PUBLISH_TIMEOUT_MS, () =>
        settle(new MitosisError('deadline', `${key} could not be published within ${PUBLISH_TIMEOUT_MS} ms`)),
      );
      this.#waiters.add(waiter);
      void this.#flush();
    });
  }

  hold(lease: HeldLease): void {
    this.#lease = lease;
    for (const key of this.#values.keys()) this.#dirty.add(key);
    void this.#flush();
  }

  release(): void {
    this.#lease = undefined;
  }

  close(): void {
    this.release();
    this.#values.clear();
    this.#dirty.clear();
    for (const waiter of Array.from(this.#waiters)) {
      waiter.settle(new MitosisError('unavailable', 'the process leaves the level'));
    }
  }

  async #flush(): Promise<void> {
    if (this.#flushing) return;
    this.#flushing = true;
    while (this.#dirty.size > 0 && this.#lease?.isLive() === true) {
      const lease = this.#lease;
      const version = this.#version;
      const keys = [...this.#dirty].slice(0, KEYS_PER_TXN);
      for (const key of keys) this.#dirty.delete(key);
      try {
        await this.#put(keys, lease);
      } catch (error) {
        for (const key of keys) if (this.#values.has(key)) this.#dirty.add(key);
        if (lease.isLive()) this.options.onTrouble(error);
        await pause(this.options.clock, RETRY_MS, lease.signal);
        continue;
      }
      if (this.#dirty.size === 0) this.#settle(version);
    }
    this.#flushing = false;
  }

  async #put(keys: readonly string[], lease: HeldLease): Promise<void> {
    const writes = keys.map((key) => ({
      kind: 'put' as const,
      key,
      value: this.#values.get(key) ?? '',
      lease: lease.id,
    }));
    await this.options.store.txn([], writes, { signal: lease.signal });
  }

  #settle(version: number): void {
    for (const waiter of Array.from(this.#waiters)) if (waiter.version <= version) waiter.settle();
  }
}
