/**
 * Told of every leadership of this process, in order: sessions, commits and their outcomes, headers of acts. For a record
 * of who acted; must never decide anything, throw, or be needed for anything to work.
 */
import type { Epoch, FunctionName, LevelId, ReplicaId } from '@mitosis/contracts';
import type { SessionChange } from './session.js';

export interface ObservedSession {
  readonly level: LevelId;
  readonly fn: FunctionName;
  readonly replica: ReplicaId;
  readonly epoch: Epoch;
}

export type CommitOutcome = 'committed' | 'conflict' | 'fenced' | 'unknown';

export interface SessionObserver {
  /** The session is told to nobody before this resolves. `remainingMs`: until the lease's local deadline. */
  began(session: ObservedSession, ttlMs: number, remainingMs: number): Promise<void>;
  ended(session: ObservedSession, reason: string): void;
  /** `commit()` returns nothing before this resolves. `n` counts the commits of a session. */
  committing(session: ObservedSession, n: number, change: SessionChange, remainingMs: number): Promise<void>;
  committed(session: ObservedSession, n: number, outcome: CommitOutcome, revision: number): void;
  madeHeader(session: ObservedSession, decision: string, remainingMs: number): void;
}

/** What holds when nobody observes. */
export const NO_OBSERVER: SessionObserver = {
  began: () => Promise.resolve(),
  ended: () => undefined,
  committing: () => Promise.resolve(),
  committed: () => undefined,
  madeHeader: () => undefined,
};
