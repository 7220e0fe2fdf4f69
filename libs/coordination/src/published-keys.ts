/**
 * Keys of this process that live under its lease and are put again under the next one. The newest value of a key wins:
 * writes go out one transaction at a time, so that an older value can never overtake it.
 */
import { pause } from './clock.js';
import type { Clock } from './clock.js';
import type { HeldLease } from './held-lease.js';
import type { Store } from './store.js';
import { Waiters } from './waiters.js';

export interface PublishedKeysOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly onTrouble: (error: unknown) => void;
}

const RETRY_MS = 100;
const PUBLISH_TIMEOUT_MS = 5_000;
const KEYS_PER_TXN = 100;

export class PublishedKeys {
  readonly #values = new Map<string, string>();
  readonly #dirty = new Set<string>();
  readonly #waiters: Waiters;
  /** Counts calls of `publish`. */
  #version = 0;
  /** Everything up to this call has been written at least once. */
  #written = 0;
  #lease: HeldLease | undefined;
  #flushing = false;

  constructor(private readonly options: PublishedKeysOptions) {
    this.#waiters = new Waiters(options.clock);
  }

  /** Without waiting: written with the next lease. */
  set(key: string, value: string): void {
    this.#values.set(key, value);
    this.#dirty.add(key);
  }

  /** Resolves when it is in the store; rejects after five seconds, and goes on trying. */
  publish(key: string, value: string): Promise<void> {
    this.set(key, value);
    const version = ++this.#version;
    void this.#flush();
    return this.#waiters.when(() => this.#written >= version, `publishing ${key}`, {
      timeoutMs: PUBLISH_TIMEOUT_MS,
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
    this.#waiters.fail('the process leaves the level');
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
      if (this.#dirty.size > 0) continue;
      this.#written = version;
      this.#waiters.wake();
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
}
