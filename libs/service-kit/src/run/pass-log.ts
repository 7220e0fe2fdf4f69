/**
 * What a function's last passes said: bounded, with equal neighbours counted instead of repeated, so that twenty entries
 * tell a story. Must never keep an error object alive: only its text.
 */
import type { PassResult } from '../function.js';

/** Enough to see how a function came to what it does now. */
const KEPT = 20;

export interface PassEntry {
  readonly kind: PassResult['kind'];
  readonly reason: string;
  readonly on?: string;
  readonly untilMs?: number;
  readonly changes?: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** Consecutive passes with this result. */
  readonly times: number;
  readonly lastDurationMs: number;
}

export type PassChange = 'same' | 'reason' | 'kind';

export class PassLog {
  private readonly kept: PassEntry[] = [];

  /** Oldest first. */
  get entries(): readonly PassEntry[] {
    return this.kept;
  }

  get last(): PassEntry | undefined {
    return this.kept.at(-1);
  }

  /** Takes a result in and tells how it differs from the one before. */
  add(result: PassResult, atMs: number, durationMs: number): PassChange {
    const last = this.last;
    const entry = toEntry(result, atMs, durationMs);
    if (last !== undefined && last.kind === entry.kind && last.reason === entry.reason) {
      this.kept[this.kept.length - 1] = { ...entry, firstAtMs: last.firstAtMs, times: last.times + 1 };
      return 'same';
    }
    this.kept.push(entry);
    if (this.kept.length > KEPT) this.kept.shift();
    return last?.kind === entry.kind ? 'reason' : 'kind';
  }
}

const toEntry = (result: PassResult, atMs: number, lastDurationMs: number): PassEntry => {
  const shared = {
    kind: result.kind,
    reason: result.reason,
    firstAtMs: atMs,
    lastAtMs: atMs,
    times: 1,
    lastDurationMs,
  };
  if (result.kind === 'acted') return { ...shared, changes: result.changes };
  if (result.kind !== 'waiting') return shared;
  return { ...shared, on: result.on, ...(result.untilMs === undefined ? {} : { untilMs: result.untilMs }) };
};
