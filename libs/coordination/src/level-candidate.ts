/**
 * One function's candidacy in this process: puts its key under the process's lease, begins a session when that key is the
 * oldest, ends it when it is not there any more, and stands again. Decides nothing by messages between processes: only
 * the keys count.
 */
import { KEYS } from '@mitosis/contracts';
import type { FunctionName, LevelId, ReplicaId } from '@mitosis/contracts';
import { pause } from './clock.js';
import type { Clock } from './clock.js';
import { candidateRecord, candidatesOf } from './decide/leader-choice.js';
import type { SeenCandidate } from './decide/leader-choice.js';
import { FencedSession } from './fenced-session.js';
import type { HeldLease } from './held-lease.js';
import type { Candidate, LeaderInfo, LeaderSession, SessionChange } from './session.js';
import type { SessionObserver } from './session-observer.js';
import type { Store, View } from './store.js';

export interface CandidateContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly level: LevelId;
  readonly incarnation: number;
  readonly replica: ReplicaId;
  readonly address: string;
  /** View of `election/`. */
  readonly election: View;
  /** Resolves when every view shows at least this revision; the candidates of a process wait together. */
  readonly catchUp: (revision: number) => Promise<void>;
  /** The lease may be gone. */
  readonly onDoubt: () => void;
  readonly onTrouble: (error: unknown) => void;
  readonly observer?: SessionObserver | undefined;
}

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;

/** No record has such a revision, and without the level's record the fence fails, too. */
const REFUSED: SessionChange = {
  compares: [{ key: KEYS.level, modRevision: Number.MAX_SAFE_INTEGER }],
  writes: [
    { kind: 'put', key: 'rehearsal/put', value: '{}' },
    { kind: 'delete', key: 'rehearsal/delete' },
  ],
};

export class LevelCandidate implements Candidate {
  readonly #key: string;
  #lease: HeldLease | undefined;
  /** Create-revision of our key; 0: we do not stand. */
  #revision = 0;
  #standing: AbortController | undefined;
  #session: FencedSession | undefined;
  /** The session once listeners were told: not before all views show what the predecessor wrote. */
  #announced: FencedSession | undefined;
  #withdrawing = false;
  #leader: LeaderInfo | undefined;
  #cancelReturn: (() => void) | undefined;
  readonly #sessionListeners = new Set<(session: LeaderSession) => void>();
  readonly #leaderListeners = new Set<(leader: LeaderInfo | undefined) => void>();

  constructor(
    readonly fn: FunctionName,
    private readonly context: CandidateContext,
  ) {
    this.#key = KEYS.candidate(fn, context.replica);
  }

  leader(): LeaderInfo | undefined {
    return this.#leader;
  }

  session(): LeaderSession | undefined {
    return this.#announced?.isLive() === true ? this.#announced : undefined;
  }

  onSession(listener: (session: LeaderSession) => void): () => void {
    this.#sessionListeners.add(listener);
    return () => {
      this.#sessionListeners.delete(listener);
    };
  }

  onLeaderChange(listener: (leader: LeaderInfo | undefined) => void): () => void {
    this.#leaderListeners.add(listener);
    return () => {
      this.#leaderListeners.delete(listener);
    };
  }

  /** The process has a lease: stand under it unless standing aside. */
  hold(lease: HeldLease): void {
    this.#lease = lease;
    if (this.#cancelReturn === undefined) this.#stand(lease);
  }

  /** The lease is over, and with it the session and the key. */
  release(reason: string): void {
    this.#lease = undefined;
    this.#leave(reason);
  }

  async resign(standAsideMs?: number): Promise<void> {
    const lease = this.#lease;
    const revision = this.#revision;
    const standingIn = this.#standing;
    this.#leave('resigned');
    this.#cancelReturn?.();
    const asideMs = standAsideMs ?? lease?.ttlMs ?? RETRY_MAX_MS;
    this.#cancelReturn = this.context.clock.setTimer(asideMs, () => {
      this.#cancelReturn = undefined;
      if (this.#lease !== undefined) this.#stand(this.#lease);
    });
    if (lease !== undefined && (revision > 0 || standingIn !== undefined)) {
      await this.#withdraw(lease, revision);
    }
  }

  /** Where the key is that this candidate stands or leads with; undefined while it does neither. */
  own(): { readonly key: string; readonly createRevision: number } | undefined {
    return this.#revision === 0 ? undefined : { key: this.#key, createRevision: this.#revision };
  }

  /** No more return from standing aside. */
  close(): void {
    this.#cancelReturn?.();
    this.release('the process leaves the level');
  }

  get #incarnation(): number {
    return this.#lease?.incarnation ?? this.context.incarnation;
  }

  /** The candidates as the view shows them, the leader first. */
  seen(): readonly SeenCandidate[] {
    return candidatesOf(this.fn, this.context.election.entries.values(), this.#incarnation);
  }

  /** The view of `election/` changed, or our own key did. */
  evaluate(): void {
    const first = this.seen()[0];
    this.#tellLeader(first);
    const own = this.context.election.get(this.#key);
    const shown = own?.createRevision === this.#revision && this.#revision > 0;
    if (shown && first?.key === this.#key) {
      this.#begin();
      return;
    }
    if (this.#revision === 0) {
      this.#removeLateKey(own?.lease);
      return;
    }
    // A view that has not come to our own key yet says nothing about it.
    if (this.context.election.revision < this.#revision) return;
    if (!shown) this.#onKeyGone();
    else this.#session?.end(new Error('another candidate is older'));
  }

  #begin(): void {
    const lease = this.#lease;
    // One session per epoch: one that has ended is over for good.
    if (this.#session?.epoch.revision === this.#revision || lease?.isLive() !== true) return;
    const session = this.#sessionUnder(lease, this.context.observer);
    this.#session = session;
    void this.#announce(session, this.context.election.revision);
  }

  #sessionUnder(lease: HeldLease, observer: SessionObserver | undefined): FencedSession {
    const { store, clock, level, replica } = this.context;
    return new FencedSession({
      store,
      clock,
      level,
      fn: this.fn,
      replica,
      lease,
      epoch: { incarnation: lease.incarnation, revision: this.#revision },
      onResign: () => this.resign(),
      observer,
    });
  }

  /**
   * What a session begins and ends with, for practice: the wait for all views, and a commit that the store refuses. Nobody
   * gets hold of the session, and nothing comes of it. False: this candidate does not stand behind another.
   */
  async rehearse(): Promise<boolean> {
    const lease = this.#lease;
    if (this.#revision === 0 || this.#session !== undefined || lease?.isLive() !== true) return false;
    const session = this.#sessionUnder(lease, undefined);
    try {
      await this.context.catchUp(this.context.election.revision);
      await session.commit(REFUSED);
    } finally {
      session.end('it was a rehearsal');
    }
    return true;
  }

  /**
   * Only once every view shows what the predecessor wrote. The fence of all that was its key, which was gone at
   * `revision`: nothing of it can be newer.
   */
  async #announce(session: FencedSession, revision: number): Promise<void> {
    while (session.isLive()) {
      try {
        await Promise.all([this.context.catchUp(revision), session.noted]);
        break;
      } catch (error) {
        if (!session.isLive()) return;
        this.context.onTrouble(error);
        await pause(this.context.clock, RETRY_MIN_MS, session.signal);
      }
    }
    if (!session.isLive()) return;
    this.#announced = session;
    for (const listener of Array.from(this.#sessionListeners)) listener(session);
  }

  /** Somebody revoked our lease, or the store lost the key. */
  #onKeyGone(): void {
    this.#leave('the candidate key is gone');
    this.context.onDoubt();
    // With the lease still there (the key alone was deleted) nothing else would bring us back.
    if (this.#lease?.isLive() === true) this.#stand(this.#lease);
  }

  /** A put that we had given up was done after all: a key nobody stands behind blocks everyone. */
  #removeLateKey(leaseOfKey: string | undefined): void {
    const lease = this.#lease;
    const isOurs = lease !== undefined && leaseOfKey === lease.id;
    if (isOurs && this.#standing === undefined && !this.#withdrawing) void this.#withdraw(lease, 0);
  }

  #leave(reason: string): void {
    this.#standing?.abort();
    this.#standing = undefined;
    this.#revision = 0;
    this.#session?.end(new Error(reason));
    this.#session = undefined;
    this.#announced = undefined;
  }

  #stand(lease: HeldLease): void {
    this.#standing?.abort();
    const standing = new AbortController();
    this.#standing = standing;
    void this.#standUntilDone(lease, standing.signal);
  }

  async #standUntilDone(lease: HeldLease, signal: AbortSignal): Promise<void> {
    for (
      let waitMs = RETRY_MIN_MS;
      lease.isLive() && !signal.aborted;
      waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)
    ) {
      try {
        const revision = await this.#tryToStand(lease, signal);
        if (signal.aborted) return;
        if (revision > 0) {
          this.#revision = revision;
          this.#standing = undefined;
          this.evaluate();
          return;
        }
      } catch (error) {
        if (signal.aborted) return;
        this.context.onTrouble(error);
        this.context.onDoubt();
      }
      await pause(this.context.clock, waitMs, signal);
    }
  }

  /** Create-revision of our key; 0: something was in the way and is being removed. */
  async #tryToStand(lease: HeldLease, signal: AbortSignal): Promise<number> {
    const { store, replica, address } = this.context;
    const value = candidateRecord({ replica, address, lease: lease.id });
    const result = await store.txn(
      [{ key: this.#key, createRevision: 0 }],
      [{ kind: 'put', key: this.#key, value, lease: lease.id }],
      { signal },
    );
    if (result.succeeded) return result.revision;
    const other = result.current.get(this.#key);
    if (other === undefined) return 0;
    // An earlier attempt whose answer was lost.
    if (other.lease === lease.id) return other.createRevision;
    // A predecessor of this process with the same id, or our own former lease.
    if (other.lease !== '0') await store.revokeLease(other.lease, { signal });
    await store.txn(
      [{ key: this.#key, modRevision: other.modRevision }],
      [{ kind: 'delete', key: this.#key }],
      {
        signal,
      },
    );
    return 0;
  }

  /** Takes our key away; tried until it is gone or the lease ends, for a key without a leader behind it blocks all. */
  async #withdraw(lease: HeldLease, revision: number): Promise<void> {
    this.#withdrawing = true;
    // A successor waits for this: the known key is taken away without asking first what is there.
    let known = revision;
    for (let waitMs = RETRY_MIN_MS; lease.isLive() && this.#standing === undefined;) {
      try {
        if (known > 0 && (await this.#delete(lease, known))) break;
        known = 0;
        if (await this.#tryToWithdraw(lease)) break;
      } catch (error) {
        if (lease.isLive()) this.context.onTrouble(error);
      }
      await pause(this.context.clock, waitMs, lease.signal);
      waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
    }
    this.#withdrawing = false;
  }

  async #tryToWithdraw(lease: HeldLease): Promise<boolean> {
    const entry = await this.context.store.get(this.#key, { signal: lease.signal });
    return entry?.lease !== lease.id || this.#delete(lease, entry.createRevision);
  }

  async #delete(lease: HeldLease, createRevision: number): Promise<boolean> {
    const result = await this.context.store.txn(
      [{ key: this.#key, createRevision }],
      [{ kind: 'delete', key: this.#key }],
      { signal: lease.signal },
    );
    return result.succeeded;
  }

  #tellLeader(first: SeenCandidate | undefined): void {
    const before = this.#leader;
    const isSame = before?.replica === first?.replica && before?.epoch.revision === first?.epoch.revision;
    if (isSame) return;
    this.#leader =
      first === undefined
        ? undefined
        : { replica: first.replica, address: first.address, epoch: first.epoch };
    for (const listener of Array.from(this.#leaderListeners)) listener(this.#leader);
  }
}
