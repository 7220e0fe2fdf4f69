/**
 * What a function is to the process that runs it: views it keeps warm on every replica and one pass that only a live
 * leader session runs. A pass takes no input: it reads the watched state again, decides, applies. Timer and nudge share
 * one path, one pass at a time; the next pass is the retry.
 */
import type { ControlMode, FunctionName, LevelId, ReplicaId, SiteId } from '@mitosis/contracts';
import type { Clock, EtcdMembers, LeaderSession, Membership, Store, View } from '@mitosis/coordination';
import type { Registry } from 'prom-client';
import type { ServiceConfig } from './config.js';
import type { Logger } from './logger.js';
import type { Peers } from './peers/peers.js';

export interface FunctionContext {
  readonly level: LevelId;
  readonly replica: ReplicaId;
  readonly site: SiteId;
  readonly store: Store;
  readonly membership: Membership;
  readonly peers: Peers;
  readonly log: Logger;
  /** Opens (once per process and prefix) a view that stays warm; closed with the process. */
  view(prefix: string): View;
  /** Wall clock, for records and decisions. */
  nowMs(): number;
  /** Timers, and time that never goes back; virtual in the simulation. */
  readonly clock: Clock;
  /** Uniform in [0, 1); seeded in the simulation. */
  readonly random: () => number;
  readonly config: ServiceConfig;
  /** gRPC address of this process: where co-located functions call each other, e.g. the monitor's `Watch`. */
  readonly address: string;
  /** The members of the level's etcd; absent where the store is none. */
  readonly etcdMembers?: EtcdMembers;
  /** Served at `/metrics`. Labels must come from bounded sets. */
  readonly metrics: Registry;
  /** What this function may do now: `control/<fn>`, `run` while there is no record. */
  mode(): ControlMode;
  /** The live session of this function. Throws NotLeaderError (code `not_leader`), which names the leader's address. */
  requireSession(): LeaderSession;
  /**
   * Runs something people or a parent asked for under the live session, never at the same time as a pass or another
   * command. Throws NotLeaderError when this replica does not lead, `exhausted` when too many wait already.
   */
  command<T>(run: (session: LeaderSession) => Promise<T>): Promise<T>;
}

/** The one value that is log line, metric labels, status page and explanation. */
export type PassResult =
  | { readonly kind: 'idle'; readonly reason: string }
  | { readonly kind: 'waiting'; readonly on: string; readonly reason: string; readonly untilMs?: number }
  | { readonly kind: 'acted'; readonly reason: string; readonly changes: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly error: unknown };

export interface Pass {
  readonly session: LeaderSession;
  /** `session.signal`, for calls made in the pass. */
  readonly signal: AbortSignal;
  readonly mode: ControlMode;
  readonly nowMs: number;
}

export interface FunctionShell {
  readonly fn: FunctionName;
  /** Longest time between two passes while leading. */
  readonly periodMs: number;
  /** Runs on every replica from start to stop: opens views and streams, calls `nudge` when something changed. */
  start(context: FunctionContext, nudge: () => void): Promise<void>;
  /** One pass; never called concurrently, never without a live session. */
  pass(pass: Pass): Promise<PassResult>;
  stop(): Promise<void>;
  /**
   * On a standby, now and then: decides what its next leader would have to decide first, and throws it away. Writes
   * nothing, calls nobody, returns at once.
   */
  rehearse?(): void;
  /** What `/status` shows of this function beside its last passes. */
  describe(): Readonly<Record<string, unknown>>;
}
