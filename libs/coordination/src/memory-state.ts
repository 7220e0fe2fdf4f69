/**
 * The multi-version map inside the in-memory etcd: revisions, history and compaction as etcd 3.4 has them. Knows nothing
 * of leases' time, of connections or of faults.
 */
import { MitosisError } from '@mitosis/contracts';
import type { KeyValue } from './store.js';
import { TXN_OPS_MAX } from './store.js';
import { inRange } from './wire.js';
import type {
  KeyRange,
  RangeRequest,
  RangeResponse,
  WireCompare,
  WireEvent,
  WireOp,
  WireTxn,
} from './wire.js';

export interface Change {
  readonly revision: number;
  readonly events: readonly WireEvent[];
}

/** etcd's default `--max-request-bytes`. */
const REQUEST_BYTES_MAX = 1_536 * 1_024;

export class MemoryState {
  /** As a fresh etcd has it. */
  revision = 1;
  compactRevision = 0;
  #entries = new Map<string, KeyValue>();
  #history: Change[] = [];
  #sortedKeys: string[] | undefined;

  clone(): MemoryState {
    const copy = new MemoryState();
    copy.revision = this.revision;
    copy.compactRevision = this.compactRevision;
    copy.#entries = new Map(this.#entries);
    copy.#history = [...this.#history];
    return copy;
  }

  get(key: string): KeyValue | undefined {
    return this.#entries.get(key);
  }

  range(request: RangeRequest): Omit<RangeResponse, 'header'> {
    if (request.revision !== undefined && request.revision !== 0 && request.revision < this.revision) {
      return this.#past(request.revision).range({ ...request, revision: 0 });
    }
    const keys = this.#keysIn(request);
    const wanted = keys
      .map((key) => this.#entries.get(key))
      .filter((entry) => entry !== undefined)
      .filter((entry) => entry.modRevision >= (request.minModRevision ?? 0));
    const limit = request.limit ?? 0;
    const entries = limit > 0 ? wanted.slice(0, limit) : wanted;
    return {
      entries: request.keysOnly === true ? entries.map((entry) => ({ ...entry, value: '' })) : entries,
      more: entries.length < wanted.length,
      count: keys.length,
    };
  }

  holds(compare: WireCompare): boolean {
    const entry = this.#entries.get(compare.key);
    const actual = compare.target === 'create' ? entry?.createRevision : entry?.modRevision;
    return (actual ?? 0) === compare.revision;
  }

  /** Applies all writes at one new revision, or none at all when nothing changes. */
  apply(writes: readonly WireOp[]): {
    readonly change: Change | undefined;
    readonly deleted: readonly number[];
  } {
    const revision = this.revision + 1;
    const events: WireEvent[] = [];
    const deleted = writes.map((write) => this.#applyOne(write, revision, events));
    if (events.length === 0) return { change: undefined, deleted };
    this.revision = revision;
    const change = { revision, events };
    this.#history.push(change);
    return { change, deleted };
  }

  /** Changes from `startRevision` on; undefined when they are compacted. */
  since(startRevision: number): readonly Change[] | undefined {
    if (startRevision < this.compactRevision) return undefined;
    let from = this.#history.length;
    while (from > 0 && (this.#history[from - 1]?.revision ?? 0) >= startRevision) from--;
    return this.#history.slice(from);
  }

  compact(revision: number): void {
    if (revision <= this.compactRevision || revision > this.revision) return;
    this.compactRevision = revision;
    this.#history = this.#history.filter((change) => change.revision >= revision);
  }

  #keysIn(range: KeyRange): readonly string[] {
    if (range.rangeEnd === undefined) return this.#entries.has(range.key) ? [range.key] : [];
    this.#sortedKeys ??= [...this.#entries.keys()].sort();
    return this.#sortedKeys.filter((key) => inRange(key, range));
  }

  #applyOne(write: WireOp, revision: number, events: WireEvent[]): number {
    if (write.kind === 'put') {
      const before = this.#entries.get(write.key);
      const entry: KeyValue = {
        key: write.key,
        value: write.value,
        createRevision: before?.createRevision ?? revision,
        modRevision: revision,
        lease: write.lease,
      };
      if (before === undefined) this.#sortedKeys = undefined;
      this.#entries.set(write.key, entry);
      events.push({ kind: 'put', entry });
      return 0;
    }
    const keys = this.#keysIn(write.range);
    for (const key of keys) {
      this.#entries.delete(key);
      events.push({
        kind: 'delete',
        entry: { key, value: '', createRevision: 0, modRevision: revision, lease: '0' },
      });
    }
    if (keys.length > 0) this.#sortedKeys = undefined;
    return keys.length;
  }

  /** The map as it was: rebuilt from the history, which reaches back to the last compaction. */
  #past(revision: number): MemoryState {
    if (revision < this.compactRevision) {
      throw new MitosisError('internal', 'mvcc: required revision has been compacted');
    }
    const past = new MemoryState();
    past.revision = revision;
    const changedLater = new Set(
      this.#history
        .filter((change) => change.revision > revision)
        .flatMap((change) => change.events.map((event) => event.entry.key)),
    );
    for (const [key, entry] of this.#entries) if (!changedLater.has(key)) past.#entries.set(key, entry);
    for (const change of this.#history) {
      if (change.revision > revision) break;
      for (const event of change.events) {
        if (!changedLater.has(event.entry.key)) continue;
        if (event.kind === 'put') past.#entries.set(event.entry.key, event.entry);
        else past.#entries.delete(event.entry.key);
      }
    }
    return past;
  }
}

/** Throws what etcd would answer to a malformed transaction. */
export const checkTxn = (txn: WireTxn): void => {
  const sizes = [txn.compares.length, txn.writes.length, txn.readOnFailure.length];
  if (Math.max(...sizes) > TXN_OPS_MAX) {
    throw new MitosisError('invalid_input', 'etcdserver: too many operations in txn request');
  }
  const puts = txn.writes.filter((write) => write.kind === 'put').map((write) => write.key);
  const ranges = txn.writes.filter((write) => write.kind === 'delete').map((write) => write.range);
  const overlap = puts.some((key) => ranges.some((range) => inRange(key, range)));
  if (overlap || new Set(puts).size < puts.length) {
    throw new MitosisError('invalid_input', 'etcdserver: duplicate key given in txn request');
  }
  const bytes = txn.writes.reduce(
    (sum, write) => sum + (write.kind === 'put' ? write.key.length + Buffer.byteLength(write.value) : 32),
    0,
  );
  if (bytes > REQUEST_BYTES_MAX) {
    throw new MitosisError('invalid_input', 'etcdserver: request is too large');
  }
};
