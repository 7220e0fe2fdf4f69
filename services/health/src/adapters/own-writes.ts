/**
 * Read your own writes: what this leader committed is seen by its next decision at once, also while the watch event is
 * still on its way. An entry is dropped as soon as the view includes its revision; must be cleared when the store regressed.
 */
import type { KeyValue, View } from '@mitosis/coordination';

interface OwnWrite {
  readonly entry: KeyValue | undefined;
  readonly revision: number;
}

export class OwnWrites {
  private readonly writes = new Map<string, OwnWrite>();
  /** Rises with every write; part of what tells a decision that something changed. */
  version = 0;

  put(key: string, value: string, revision: number): void {
    this.note(key, { key, value, createRevision: revision, modRevision: revision, lease: '0' }, revision);
  }

  delete(key: string, revision: number): void {
    this.note(key, undefined, revision);
  }

  clear(): void {
    this.writes.clear();
    this.version += 1;
  }

  /** The view's entries with the writes it does not include yet. */
  over(view: View): ReadonlyMap<string, KeyValue> {
    const pending: [string, OwnWrite][] = [];
    for (const [key, write] of this.writes) {
      if (!key.startsWith(view.prefix)) continue;
      if (view.revision >= write.revision) this.writes.delete(key);
      else pending.push([key, write]);
    }
    if (pending.length === 0) return view.entries;
    const entries = new Map(view.entries);
    for (const [key, { entry }] of pending) {
      if (entry === undefined) entries.delete(key);
      else entries.set(key, entry);
    }
    return entries;
  }

  private note(key: string, entry: KeyValue | undefined, revision: number): void {
    this.writes.set(key, { entry, revision });
    this.version += 1;
  }
}
