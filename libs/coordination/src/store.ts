/**
 * The one interface to a level's shared state. Two implementations pass one contract suite: etcd and in-memory.
 * Keys are relative to the level's prefix; the implementation adds it. Nothing here reads a clock of its own:
 * lease deadlines are the business of leader-session.ts.
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

export interface TxnResult {
  readonly succeeded: boolean;
  /** Revision of the store after the transaction. */
  readonly revision: number;
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

export interface Store {
  get(key: string, options?: CallOptions): Promise<KeyValue | undefined>;
  list(prefix: string, options?: CallOptions): Promise<ListResult>;
  /** All compares must hold for the writes to happen; never half of them. */
  txn(compares: readonly Compare[], writes: readonly WriteOp[], options?: CallOptions): Promise<TxnResult>;
  grantLease(ttlMs: number, options?: CallOptions): Promise<GrantedLease>;
  /** Remaining TTL granted by the server in ms; 0 when the lease is gone. One outstanding call per lease is the caller's duty. */
  keepAlive(leaseId: string, options?: CallOptions): Promise<number>;
  /** Succeeds also when the lease is gone. */
  revokeLease(leaseId: string, options?: CallOptions): Promise<void>;
  /** Opens a view of all keys below `prefix`; resolves at once, see `View.synced`. */
  view(prefix: string): View;
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
  /** Store revision this snapshot is known to be valid at (0: never listed). Rises also without events (progress). */
  readonly revision: number;
  /** True once listed, and until the view is closed; a stale view keeps its last snapshot. */
  readonly synced: boolean;
  /** Milliseconds (monotonic) since the server last confirmed this snapshot; Infinity before the first listing. */
  staleMs(): number;
  /** Rises each time the store was seen to have gone backwards (restored, emptied): what was derived from older views is void. */
  readonly regressions: number;
  whenSynced(options?: CallOptions): Promise<void>;
  /** Called after each change, coalesced; returns the unsubscribe function. */
  onChange(listener: (change: ViewChange) => void): () => void;
  close(): void;
}

export interface ViewChange {
  /** Keys put or deleted; empty after a listing that replaced everything. */
  readonly keys: readonly string[];
  readonly revision: number;
}
