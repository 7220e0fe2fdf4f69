/**
 * Leadership as an object: a local deadline and a fence (ARCHITECTURE.md, rules 1 and 3).
 */
import type { DecisionRecord, Epoch, FunctionName, ReplicaId } from '@mitosis/contracts';
import type { common } from '@mitosis/contracts';
import type { WriteOp, Compare } from './store.js';

export interface LeaderSession {
  readonly fn: FunctionName;
  readonly replica: ReplicaId;
  readonly epoch: Epoch;
  /** Aborted the moment the session ends for whatever reason; reaches every call made under it. */
  readonly signal: AbortSignal;
  /** False from the local deadline on, also before any timer has run (SIGSTOP, blocked event loop, suspend). */
  isLive(): boolean;
  /** One fenced transaction: writes and decisions together or not at all. Throws FencedError when deposed. */
  commit(change: SessionChange): Promise<CommitResult>;
  /** What an act carries to an agent. Throws FencedError when the session is over. */
  actHeader(decision: string): common.ActHeader;
  resign(): Promise<void>;
}

export interface SessionChange {
  readonly writes?: readonly WriteOp[];
  readonly decisions?: readonly DecisionRecord[];
  /** Further conditions beside the fence, e.g. that an instance record is still what the decision saw. */
  readonly compares?: readonly Compare[];
}

export type CommitResult =
  | { readonly kind: 'committed'; readonly revision: number }
  /** The fence held, one of `compares` did not: read again and decide again. */
  | { readonly kind: 'conflict'; readonly revision: number };

export interface LeaderInfo {
  readonly replica: ReplicaId;
  readonly address: string;
  readonly epoch: Epoch;
}

/** One candidate for one function in this process. All candidates of a process share one lease. */
export interface Candidate {
  readonly fn: FunctionName;
  /** Who leads now as far as this process knows; undefined: nobody. */
  leader(): LeaderInfo | undefined;
  session(): LeaderSession | undefined;
  onSession(listener: (session: LeaderSession) => void): () => void;
  onLeaderChange(listener: (leader: LeaderInfo | undefined) => void): () => void;
  /** Gives leadership up and does not stand again for `standAsideMs` (default one TTL). */
  resign(standAsideMs?: number): Promise<void>;
}

/** The process's membership of a level: one lease, one member record, a candidate per function. */
export interface Membership {
  readonly replica: ReplicaId;
  readonly leaseId: () => string | undefined;
  /** Put under the process's lease, and again after the lease had to be replaced. */
  publish(key: string, value: string): Promise<void>;
  stand(fn: FunctionName): Candidate;
  /** Keeps a standby quick: practises the beginning of a session where this process does not lead. Writes nothing. */
  rehearse(): Promise<void>;
  /** Resigns everything and revokes the lease. */
  close(): Promise<void>;
}
