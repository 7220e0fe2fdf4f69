/**
 * The one interface to a level's shared state. Two implementations pass one contract suite: etcd and in-memory.
 * Keys are relative to the level's prefix; the implementation adds it. Lease deadlines are the business of
 * lease-keeper.ts.
 */

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Decimal lease id, '0' when none. */
  readonly lease: string;
}

export type Compare =
  | { readonly key: string; readonly createRevision: number }
  | { readonly key: string; readonly modRevision: number };

export type WriteOp =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'deletePrefix'; readonly prefix: string };

/** One write too many, and the whole transaction is refused (`invalid_input`): it is never split. Set on etcd by `--max-txn-ops`. */
export const TXN_OPS_MAX = 512;

export interface TxnResult {
  readonly succeeded: boolean;
  /** Revision of the store after the transaction. */
  readonly revision: number;
  /** When a compare did not hold: what the compared keys were in that moment; those that do not exist are missing. */
  readonly current: ReadonlyMap<string, KeyValue>;
}

export interface ListResult {
  readonly revision: number;
  readonly entries: readonly KeyValue[];
}

export interface GrantedLease {
  readonly id: string;
  /** What the server granted, which may be more than was asked. */
  readonly ttlMs: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Default 2,000 ms. */
  readonly timeoutMs?: number;
}

export interface ListOptions extends CallOptions {
  /** Values come back empty; spares the transfer where only keys are wanted. */
  readonly keysOnly?: boolean;
}

export interface TxnOptions extends CallOptions {
  /**
   * Waits, at most one second, until this store's views show what was written: read your own writes. Without it the next
   * pass over a view may decide the same again.
   */
  readonly untilSeen?: boolean;
}

export interface CatchUpOptions extends CallOptions {
  /** One this store has shown already; spares asking for the newest. */
  readonly revision?: number;
}

export interface Store {
  get(key: string, options?: CallOptions): Promise<KeyValue | undefined>;
  /** All entries below `prefix` at one revision, sorted by key. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  /** All compares must hold for the writes to happen; never half of them. No key may be written twice in one transaction. */
  txn(compares: readonly Compare[], writes: readonly WriteOp[], options?: TxnOptions): Promise<TxnResult>;
  grantLease(ttlMs: number, options?: CallOptions): Promise<GrantedLease>;
  /** Remaining TTL granted by the server in ms; 0 when the lease is gone. One outstanding call per lease is the caller's duty. */
  keepAlive(leaseId: string, options?: CallOptions): Promise<number>;
  /** Succeeds also when the lease is gone. */
  revokeLease(leaseId: string, options?: CallOptions): Promise<void>;
  /** Opens a view of all keys below `prefix`; resolves at once, see `View.synced`. */
  view(prefix: string): View;
  /**
   * Brings every synced view of this store up to a revision, by default that of the store at this call, asking the server
   * where no event tells. A new leader's session begins after it, so that its first pass sees all its predecessor wrote.
   * Rejects with `deadline`.
   */
  catchUp(options?: CatchUpOptions): Promise<void>;
  /**
   * Called when the store was seen to have gone backwards (restored from an older snapshot, emptied, another cluster):
   * nothing learnt from it before holds any more. Returns the unsubscribe function.
   */
  onRegress(listener: () => void): () => void;
  close(): Promise<void>;
}

/**
 * A watched prefix: a consistent snapshot at one revision within one incarnation that loses no event, and knows how
 * stale it is. Its cursor moves only with delivered events; compaction or a regress of the store means listing again.
 */
export interface View {
  readonly prefix: string;
  /** Immutable; a new object after each change. Sorted by key. */
  readonly entries: ReadonlyMap<string, KeyValue>;
  /** One entry, without building the sorted snapshot of a large view. */
  get(key: string): KeyValue | undefined;
  /** Store revision this snapshot is known to be valid at (0: never listed). Rises also without events (see `whenAt`). */
  readonly revision: number;
  /** True once listed, and until the view is closed; a stale view keeps its last snapshot. */
  readonly synced: boolean;
  /** Milliseconds (monotonic) since the server last confirmed this snapshot; Infinity before the first listing. */
  staleMs(): number;
  /** Rises each time the store was seen to have gone backwards (restored, emptied): what was derived from older views is void. */
  readonly regressions: number;
  whenSynced(options?: CallOptions): Promise<void>;
  /**
   * Resolves once the snapshot is known to include everything up to `revision`; asks the server when no event says so.
   */
  whenAt(revision: number, options?: CallOptions): Promise<void>;
  /** Called after each change, coalesced; returns the unsubscribe function. */
  onChange(listener: (change: ViewChange) => void): () => void;
  close(): void;
}

export interface ViewChange {
  /** Keys put or deleted; empty after a listing that replaced everything. */
  readonly keys: readonly string[];
  readonly revision: number;
}
