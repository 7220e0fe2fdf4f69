/**
 * The entries of a watched prefix and their order. A large prefix with few readers must stay cheap: the immutable sorted
 * snapshot is built when somebody reads it after a change, not with each change.
 */
import type { KeyValue } from '../store.js';

export class Snapshot {
  #entries = new Map<string, KeyValue>();
  #built: ReadonlyMap<string, KeyValue> | undefined;
  #orderHolds = true;

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): KeyValue | undefined {
    return this.#entries.get(key);
  }

  put(entry: KeyValue): void {
    if (!this.#entries.has(entry.key)) this.#orderHolds = false;
    this.#entries.set(entry.key, entry);
    this.#built = undefined;
  }

  delete(key: string): void {
    if (this.#entries.delete(key)) this.#built = undefined;
  }

  /** Replaces everything; `entries` must be sorted by key. */
  replace(entries: readonly KeyValue[]): void {
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
    this.#orderHolds = true;
    this.#built = undefined;
  }

  /** Never changes after it was handed out. Sorted by key. */
  read(): ReadonlyMap<string, KeyValue> {
    if (this.#built !== undefined) return this.#built;
    if (!this.#orderHolds) {
      this.#entries = new Map([...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1)));
      this.#orderHolds = true;
    }
    this.#built = new Map(this.#entries);
    return this.#built;
  }
}
