/**
 * What an etcd server offers, as far as Mitosis uses it: one client's calls on full keys. `EtcdWire` carries them to a
 * real cluster, `MemoryEtcd` answers them in the process; everything above (store, views, leases, elections) is the same
 * code over both. Nothing here retries: policy belongs to the callers.
 */
import type { KeyValue } from './store.js';

export interface WireHeader {
  readonly clusterId: string;
  readonly revision: number;
  readonly raftTerm: number;
}

/** `[key, rangeEnd)`; without `rangeEnd` one key. */
export interface KeyRange {
  readonly key: string;
  readonly rangeEnd?: string;
}

export interface RangeRequest extends KeyRange {
  /** 0 or absent: newest. */
  readonly revision?: number;
  /** 0 or absent: all. */
  readonly limit?: number;
  readonly keysOnly?: boolean;
  /** Only entries put at or after this revision are returned; `count` still counts all. */
  readonly minModRevision?: number;
}

export interface RangeResponse {
  readonly header: WireHeader;
  readonly entries: readonly KeyValue[];
  readonly more: boolean;
  /** Keys in the range, also those left out by `limit` and `minModRevision`. */
  readonly count: number;
}

export interface RangesResponse {
  readonly header: WireHeader;
  /** In the order of the requests. */
  readonly ranges: readonly Omit<RangeResponse, 'header'>[];
}

export interface WireCompare {
  readonly key: string;
  readonly target: 'create' | 'mod';
  readonly revision: number;
}

export type WireOp =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease: string }
  | { readonly kind: 'delete'; readonly range: KeyRange };

export interface WireTxn {
  readonly compares: readonly WireCompare[];
  readonly writes: readonly WireOp[];
  /** Single keys read in the same transaction when a compare did not hold. */
  readonly readOnFailure: readonly string[];
}

export interface WireTxnResponse {
  readonly header: WireHeader;
  readonly succeeded: boolean;
  /** Of each write, in order, when it succeeded: keys deleted by it (0 for a put). */
  readonly deleted: readonly number[];
  /** Those of `readOnFailure` that exist. */
  readonly found: readonly KeyValue[];
}

export interface WireLease {
  readonly header: WireHeader;
  readonly id: string;
  /** 0: the lease is gone. */
  readonly ttlMs: number;
}

export interface WireEvent {
  readonly kind: 'put' | 'delete';
  /** Of a delete only `key` and `modRevision` mean anything. */
  readonly entry: KeyValue;
}

export type WatchResponse =
  | { readonly kind: 'created'; readonly watchId: string; readonly header: WireHeader }
  /** `compactRevision` 0: cancelled for another reason. */
  | {
      readonly kind: 'canceled';
      readonly watchId: string;
      readonly header: WireHeader;
      readonly compactRevision: number;
      readonly reason: string;
    }
  | {
      readonly kind: 'events';
      readonly watchId: string;
      readonly header: WireHeader;
      readonly events: readonly WireEvent[];
    }
  /** The stream lives. On etcd before 3.4.25 it may overtake events, so it proves nothing about its revision. */
  | { readonly kind: 'progress'; readonly header: WireHeader };

export interface WatchStream {
  create(watchId: string, range: KeyRange, startRevision: number): void;
  cancel(watchId: string): void;
  requestProgress(): void;
  /** Ends it from this side; `onEnd` is not called any more. */
  close(): void;
}

export interface WatchHandlers {
  readonly onResponse: (response: WatchResponse) => void;
  /** Called once, when the stream broke; nothing comes after it. */
  readonly onEnd: (error: Error) => void;
}

export interface WireCall {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Rejections are `MitosisError`: `deadline`, `unavailable` (both: the outcome is unknown), `exhausted` (no space),
 * `not_found` (a put under a lease that is gone), `invalid_input`, `internal`.
 */
export interface Wire {
  range(request: RangeRequest, call: WireCall): Promise<RangeResponse>;
  /** All at one revision; at most `TXN_OPS_MAX`. */
  ranges(requests: readonly RangeRequest[], call: WireCall): Promise<RangesResponse>;
  txn(request: WireTxn, call: WireCall): Promise<WireTxnResponse>;
  grantLease(ttlMs: number, call: WireCall): Promise<WireLease>;
  keepAlive(leaseId: string, call: WireCall): Promise<WireLease>;
  /** Succeeds when the lease is gone already. */
  revokeLease(leaseId: string, call: WireCall): Promise<WireHeader>;
  /** Also broken streams report through `onEnd`; never throws. */
  watch(handlers: WatchHandlers): WatchStream;
  close(): void;
}

/** The end of the range of all keys with this prefix. The last character must be ASCII, so that bytes and characters agree. */
export const prefixEnd = (prefix: string): string => {
  const last = prefix.charCodeAt(prefix.length - 1);
  if (Number.isNaN(last)) return '\0';
  if (last >= 0x7f) throw new RangeError(`a prefix must end with an ASCII character: ${prefix}`);
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
};

/** All keys that start with `prefix`; of the empty prefix all keys there are. */
export const prefixRange = (prefix: string): KeyRange => ({
  key: prefix === '' ? '\0' : prefix,
  rangeEnd: prefixEnd(prefix),
});

/** etcd's convention: an end of `\0` means no end. */
export const inRange = (key: string, range: KeyRange): boolean =>
  range.rangeEnd === undefined
    ? key === range.key
    : key >= range.key && (range.rangeEnd === '\0' || key < range.rangeEnd);
