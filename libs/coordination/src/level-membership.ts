/**
 * This process in its level: one lease, what is published under it, a candidate per function, and an eye on the other
 * candidates' processes. When the lease is lost everything ends; with the next one everything is put again.
 */
import { KEYS, MitosisError, PREFIXES } from '@mitosis/contracts';
import type { FunctionName, LevelId, MemberRecord, ReplicaId } from '@mitosis/contracts';
import { pause, systemClock } from './clock.js';
import type { Clock } from './clock.js';
import type { SeenCandidate } from './decide/leader-choice.js';
import type { HeldLease } from './held-lease.js';
import { LeaseKeeper } from './lease-keeper.js';
import { LevelCandidate } from './level-candidate.js';
import { PeerWatch } from './peer-watch.js';
import { TcpProcessProbe } from './process-probe.js';
import type { ProcessProbe } from './process-probe.js';
import { PublishedKeys } from './published-keys.js';
import type { Candidate, Membership } from './session.js';
import type { SessionObserver } from './session-observer.js';
import type { CallOptions, Store, View, WriteOp } from './store.js';
import { Waiters } from './waiters.js';

const JOIN_TIMEOUT_MS = 10_000;
const REMOVE_TIMEOUT_MS = 500;
/** Who comes next revokes a lost leader's lease; the others leave it the processor, and do it should that one be gone too. */
const OTHERS_WAIT_MS = 100;

export interface JoinLevelOptions {
  /** Stays the caller's: closing the membership does not close it. */
  readonly store: Store;
  readonly level: LevelId;
  /** The one this process was started for; in a store of another it never gets a lease. */
  readonly incarnation: number;
  readonly replica: ReplicaId;
  /** gRPC address (`host:port`): where other candidates see that this process lives. Must listen already. */
  readonly address: string;
  readonly leaseTtlMs: number;
  /** Published under `members/<replica>` from the start; without it the caller publishes its own. */
  readonly member?: Omit<MemberRecord, 'v' | 'replica'>;
  readonly clock?: Clock;
  /** Default: TCP. Simulations bring their own. */
  readonly probe?: ProcessProbe;
  /** Told of what went wrong and is being retried; for the log. */
  readonly onTrouble?: (error: unknown) => void;
  /** Told who led what when, for the record. */
  readonly observer?: SessionObserver;
}

/** Starts at once and waits for nothing: the lease comes when the store answers. */
export const joinLevel = (options: JoinLevelOptions): LevelMembership => new LevelMembership(options);

export class LevelMembership implements Membership {
  readonly replica: ReplicaId;
  readonly leaseId = (): string | undefined => {
    const lease = this.#keeper.lease;
    return lease?.isLive() === true ? lease.id : undefined;
  };
  readonly #options: JoinLevelOptions;
  readonly #clock: Clock;
  readonly #election: View;
  /** The one record that says which incarnation the store is of. */
  readonly #level: View;
  readonly #keeper: LeaseKeeper;
  readonly #published: PublishedKeys;
  readonly #peers: PeerWatch;
  readonly #candidates = new Map<FunctionName, LevelCandidate>();
  readonly #waiters: Waiters;
  readonly #offChange: () => void;
  readonly #ended = new AbortController();
  #catchingUp: { readonly revision: number; readonly done: Promise<void> } | undefined;

  constructor(options: JoinLevelOptions) {
    this.#options = options;
    this.replica = options.replica;
    this.#clock = options.clock ?? systemClock;
    this.#waiters = new Waiters(this.#clock);
    this.#election = options.store.view(PREFIXES.election);
    this.#level = options.store.view(KEYS.level);
    const onTrouble = (error: unknown): void => {
      options.onTrouble?.(error);
    };
    this.#published = new PublishedKeys({ store: options.store, clock: this.#clock, onTrouble });
    this.#peers = new PeerWatch(options.probe ?? new TcpProcessProbe(), (peer) => void this.#onGone(peer));
    if (options.member !== undefined) {
      const record: MemberRecord = { v: 1, replica: options.replica, ...options.member };
      this.#published.set(KEYS.member(options.replica), JSON.stringify(record));
    }
    this.#keeper = new LeaseKeeper({
      store: options.store,
      clock: this.#clock,
      ttlMs: options.leaseTtlMs,
      level: options.level,
      incarnation: options.incarnation,
      onHeld: (lease) => this.#onHeld(lease),
      onLost: (_, reason) => this.#onLost(reason),
      onTrouble,
    });
    const offElection = this.#election.onChange(() => this.#evaluate());
    const offLevel = this.#level.onChange(() => this.#onLevel());
    this.#offChange = () => {
      offElection();
      offLevel();
    };
  }

  /** Resolves when the process has a lease in its level. */
  whenJoined(options: CallOptions = {}): Promise<void> {
    return this.#waiters.when(() => this.leaseId() !== undefined, 'a lease in the level', {
      timeoutMs: JOIN_TIMEOUT_MS,
      ...options,
    });
  }

  publish(key: string, value: string): Promise<void> {
    return this.#published.publish(key, value);
  }

  stand(fn: FunctionName): Candidate {
    const known = this.#candidates.get(fn);
    if (known !== undefined) return known;
    if (this.#closed) throw new MitosisError('unavailable', 'the process has left the level');
    const { store, level, incarnation, replica, address, onTrouble } = this.#options;
    const candidate = new LevelCandidate(fn, {
      store,
      clock: this.#clock,
      level,
      incarnation,
      replica,
      address,
      election: this.#election,
      catchUp: (revision) => this.#catchUp(revision),
      onDoubt: () => this.#keeper.check(),
      onTrouble: (error) => onTrouble?.(error),
      observer: this.#options.observer,
    });
    this.#candidates.set(fn, candidate);
    this.#evaluate();
    const lease = this.#keeper.lease;
    if (lease?.isLive() === true) candidate.hold(lease);
    return candidate;
  }

  /** One for all candidates: they become leaders by the same end of a lease, and somebody waits for each of them. */
  #catchUp(revision: number): Promise<void> {
    if (this.#catchingUp?.revision === revision) return this.#catchingUp.done;
    const catchingUp = {
      revision,
      done: this.#options.store.catchUp({ revision, signal: this.#ended.signal }).finally(() => {
        if (this.#catchingUp === catchingUp) this.#catchingUp = undefined;
      }),
    };
    this.#catchingUp = catchingUp;
    return catchingUp.done;
  }

  /** One candidate that waits for another's end does once what its session would begin with: the code is the same for all. */
  async rehearse(): Promise<void> {
    for (const candidate of this.#candidates.values()) if (await candidate.rehearse()) return;
  }

  get #closed(): boolean {
    return this.#ended.signal.aborted;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#ended.abort();
    this.#offChange();
    this.#peers.close();
    const candidates = [...this.#candidates.values()];
    const keys = candidates.map((candidate) => candidate.own()).filter((own) => own !== undefined);
    for (const candidate of candidates) candidate.close();
    this.#waiters.fail('the process has left the level');
    this.#published.close();
    await this.#removeKeys(keys);
    await this.#keeper.close();
    this.#election.close();
    this.#level.close();
  }

  /**
   * The revocation of the lease does it, too, but its first use costs several milliseconds, and successors wait. Writes
   * have gone this way before.
   */
  async #removeKeys(
    keys: readonly { readonly key: string; readonly createRevision: number }[],
  ): Promise<void> {
    if (keys.length === 0) return;
    const deletes = keys.map(({ key }): WriteOp => ({ kind: 'delete', key }));
    const { store } = this.#options;
    // Refused when somebody revoked the lease before; unreachable is told by the keeper.
    await store.txn(keys, deletes, { timeoutMs: REMOVE_TIMEOUT_MS }).catch(() => undefined);
  }

  /** The store is of another incarnation now: whatever hangs on a lease of before is over, also for who writes nothing. */
  #onLevel(): void {
    const lease = this.#keeper.lease;
    const revision = this.#level.get(KEYS.level)?.modRevision ?? 0;
    if (lease !== undefined && revision > lease.levelRevision) lease.end('the level has another incarnation');
  }

  #onHeld(lease: HeldLease): void {
    this.#published.hold(lease);
    for (const candidate of this.#candidates.values()) candidate.hold(lease);
    this.#waiters.wake();
  }

  #onLost(reason: string): void {
    this.#published.release();
    for (const candidate of this.#candidates.values()) candidate.release(reason);
  }

  #evaluate(): void {
    const peers = new Map<string, SeenCandidate>();
    for (const candidate of this.#candidates.values()) {
      candidate.evaluate();
      for (const seen of candidate.seen()) if (seen.replica !== this.replica) peers.set(seen.lease, seen);
    }
    this.#peers.set([...peers.values()]);
  }

  #succeeds(peer: SeenCandidate): boolean {
    return [...this.#candidates.values()].some((candidate) => {
      const [leader, next] = candidate.seen();
      return leader?.lease === peer.lease && next?.replica === this.replica;
    });
  }

  /** Its process is gone: its lease is worth nothing any more. Harmless when wrong, for every write and act is fenced. */
  async #onGone(peer: SeenCandidate): Promise<void> {
    if (!this.#succeeds(peer)) await pause(this.#clock, OTHERS_WAIT_MS, this.#ended.signal);
    // Another lease means another process: the record must still be what was watched.
    const isSame = [...this.#election.entries.values()].some((entry) => entry.lease === peer.lease);
    if (this.#closed || !isSame || peer.lease === '0') return;
    try {
      await this.#options.store.revokeLease(peer.lease);
    } catch (error) {
      this.#options.onTrouble?.(error);
    }
  }
}
