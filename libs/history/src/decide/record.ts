/**
 * What a process writes down of who acted as leader of what: one JSON object a line, in the order in which it happened in
 * that process. Fields may be added; a line of an older release must stay readable.
 */
import type { Epoch } from '@mitosis/contracts';

/** Whose leadership a line speaks of. */
export interface Leadership {
  readonly level: string;
  readonly fn: string;
  readonly replica: string;
  readonly epoch: Epoch;
}

/** A process has begun to write. `part` counts the files of one party; 1: nothing was thrown away before. */
export interface OpenEntry {
  readonly k: 'open';
  readonly party: 'agent' | 'replica';
  readonly name: string;
  readonly pid: number;
  readonly part: number;
}

/** A session began: its fence, and how long the lease could be trusted at that moment. */
export interface BeginEntry extends Leadership {
  readonly k: 'begin';
  readonly ttlMs: number;
  readonly remainingMs: number;
}

export interface EndEntry extends Leadership {
  readonly k: 'end';
  readonly reason: string;
}

/** A fenced commit is about to be sent. On disk before its outcome can lead to an act. */
export interface CommitEntry extends Leadership {
  readonly k: 'commit';
  /** Of this session; its outcome carries the same. */
  readonly n: number;
  readonly remainingMs: number;
  /** Relative to the level's prefix; at most `KEYS_MAX`. */
  readonly keys: readonly string[];
  readonly decisions: readonly string[];
  /** Phases this commit gives to instances, each with the decision that the record names. */
  readonly phases: Readonly<Record<string, readonly [phase: string, decision: string]>>;
}

export interface OutcomeEntry extends Leadership {
  readonly k: 'outcome';
  readonly n: number;
  /** `unknown`: no answer came; it may have happened. */
  readonly outcome: 'committed' | 'conflict' | 'fenced' | 'unknown';
  /** Of the store; 0 when unknown. */
  readonly revision: number;
}

/** A header was made out for an act. */
export interface HeaderEntry extends Leadership {
  readonly k: 'header';
  readonly decision: string;
  readonly remainingMs: number;
}

/** An agent judged an act. */
export interface ActEntry extends Leadership {
  readonly k: 'act';
  /** `start`, `stop`, `listen`, `release`, `birth`. */
  readonly verb: string;
  /** The instance; empty for acts on a level. */
  readonly id: string;
  readonly decision: string;
  readonly verdict: 'accepted' | 'refused';
  /** Why it was refused; empty when accepted. */
  readonly reason: string;
}

/** An agent made an instance: its record is on disk. */
export interface CreatedEntry {
  readonly k: 'created';
  readonly level: string;
  readonly id: string;
}

/** An agent has a tombstone for this id on disk. */
export interface TombstoneEntry {
  readonly k: 'tombstone';
  readonly level: string;
  readonly id: string;
}

/** Somebody removed the level by force (`mitosis down`, or its parent): what it ran was stopped. */
export interface PurgeEntry {
  readonly k: 'purge';
  readonly level: string;
}

/** So many lines could not be written. */
export interface LostEntry {
  readonly k: 'lost';
  readonly lines: number;
}

export type HistoryEntry =
  | OpenEntry
  | BeginEntry
  | EndEntry
  | CommitEntry
  | OutcomeEntry
  | HeaderEntry
  | ActEntry
  | CreatedEntry
  | TombstoneEntry
  | PurgeEntry
  | LostEntry;

/** As it lies in the file: `t` machine time since boot in ms, `at` wall clock in ms. */
export type Stamped<E extends HistoryEntry = HistoryEntry> = E & {
  readonly t: number;
  readonly at: number;
};

export const KEYS_MAX = 64;

/** One party's history: a process name with all its lives. */
export interface PartyHistory {
  readonly file: string;
  readonly lines: readonly NumberedLine[];
  /** Lines that are no entries, by number: torn by a kill when followed by an `open` or nothing. */
  readonly unreadable: readonly number[];
}

export interface NumberedLine {
  /** In its file, from 1. */
  readonly number: number;
  readonly file: string;
  readonly entry: Stamped;
}
