/**
 * Leadership of one function: every write compares the candidate's own key and the level's record, so that a deposed
 * leader's write fails in the store, whatever this process believes. Must never outlive its lease's local deadline.
 */
import { FencedError, KEYS, MitosisError } from '@mitosis/contracts';
import type { common, Epoch, FunctionName, LevelId, ReplicaId } from '@mitosis/contracts';
import type { Clock } from './clock.js';
import { prunable } from './decide/decision-log.js';
import type { HeldLease } from './held-lease.js';
import type { CommitResult, LeaderSession, SessionChange } from './session.js';
import { NO_OBSERVER } from './session-observer.js';
import type { CommitOutcome, SessionObserver } from './session-observer.js';
import type { Compare, Store, TxnResult, WriteOp } from './store.js';

export interface FencedSessionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly level: LevelId;
  readonly fn: FunctionName;
  readonly replica: ReplicaId;
  readonly epoch: Epoch;
  readonly lease: HeldLease;
  readonly onResign: () => Promise<void>;
  readonly observer?: SessionObserver | undefined;
}

/** How long a commit with an unknown outcome waits for the views to show what became of it. */
const RECOVER_MS = 1_000;
/** After the first commit, for which and for whose acts somebody may wait. */
const LIST_AFTER_MS = 500;

export class FencedSession implements LeaderSession {
  readonly fn: FunctionName;
  readonly replica: ReplicaId;
  readonly epoch: Epoch;
  readonly #abort = new AbortController();
  /** Keys of this function's decisions, oldest first; undefined until they have been listed. */
  #decisions: string[] | undefined;
  #listing = false;
  readonly #fence: readonly Compare[];
  readonly #key: string;
  readonly #observer: SessionObserver;
  #commits = 0;
  /** Resolves when the beginning is on record. */
  readonly noted: Promise<void>;

  constructor(private readonly options: FencedSessionOptions) {
    this.fn = options.fn;
    this.replica = options.replica;
    this.epoch = options.epoch;
    this.#key = KEYS.candidate(options.fn, options.replica);
    this.#fence = [
      { key: this.#key, createRevision: options.epoch.revision },
      { key: KEYS.level, modRevision: options.lease.levelRevision },
    ];
    const { lease, observer = NO_OBSERVER } = options;
    this.#observer = observer;
    this.noted = observer.began(options, lease.ttlMs, lease.remainingMs());
    const { signal } = lease;
    // Not by the option `signal` of addEventListener: Node's register of those keeps a session for ever that never ends.
    const onLeaseEnd = (): void => this.end(signal.reason);
    signal.addEventListener('abort', onLeaseEnd, { once: true });
    this.signal.addEventListener('abort', () => signal.removeEventListener('abort', onLeaseEnd), {
      once: true,
    });
    if (signal.aborted) this.end(signal.reason);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  isLive(): boolean {
    return !this.#abort.signal.aborted && this.options.lease.isLive();
  }

  end(reason: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(reason);
    this.#observer.ended(this.options, reason instanceof Error ? reason.message : String(reason));
  }

  async commit(change: SessionChange): Promise<CommitResult> {
    this.#assertLive();
    const compares = [...this.#fence, ...(change.compares ?? [])];
    const added = (change.decisions ?? []).map((decision) => ({
      kind: 'put' as const,
      key: KEYS.decision(this.fn, decision.id),
      value: JSON.stringify(decision),
    }));
    const pruned = added.length === 0 ? [] : prunable(this.#decisions ?? [], added.length);
    const removals = pruned.map((key): WriteOp => ({ kind: 'delete', key }));
    const result = await this.#noted(change, () =>
      this.#write(compares, [...(change.writes ?? []), ...added, ...removals]),
    );
    if (!result.succeeded) return this.#refused(result);
    if (!this.#listing) this.#listSoon();
    if (this.#decisions !== undefined && added.length > 0) {
      this.#decisions = [...this.#decisions.slice(pruned.length), ...added.map(({ key }) => key)];
    }
    return { kind: 'committed', revision: result.revision };
  }

  actHeader(decision: string): common.ActHeader {
    this.#assertLive();
    const { level, epoch, fn, replica, lease } = this.options;
    this.#observer.madeHeader(this.options, decision, lease.remainingMs());
    return { level, epoch, function: fn, replica, decision };
  }

  resign(): Promise<void> {
    return this.options.onResign();
  }

  #assertLive(): void {
    if (this.isLive()) return;
    throw new FencedError(`the leadership of ${this.fn} is over`, { cause: this.signal.reason });
  }

  /** Its intent is on record before anyone knows that it is done, so that no act can come of an unrecorded commit. */
  async #noted(change: SessionChange, write: () => Promise<TxnResult>): Promise<TxnResult> {
    const n = (this.#commits += 1);
    const tell = (outcome: CommitOutcome, revision: number): void => {
      this.#observer.committed(this.options, n, outcome, revision);
    };
    const noted = this.#observer.committing(this.options, n, change, this.options.lease.remainingMs());
    try {
      const [result] = await Promise.all([write(), noted]);
      const refusal = this.#isFenced(result) ? 'fenced' : 'conflict';
      tell(result.succeeded ? 'committed' : refusal, result.revision);
      return result;
    } catch (error) {
      tell('unknown', 0);
      throw error;
    }
  }

  async #write(compares: readonly Compare[], writes: readonly WriteOp[]): Promise<TxnResult> {
    try {
      return await this.options.store.txn(compares, writes, { signal: this.signal, untilSeen: true });
    } catch (error) {
      if (!this.isLive()) {
        throw new FencedError(`the leadership of ${this.fn} ended during a commit`, { cause: error });
      }
      if (error instanceof MitosisError && error.retryable) await this.#recover();
      throw error;
    }
  }

  /** It may have happened: the next decision must see it if it did. */
  async #recover(): Promise<void> {
    this.#decisions = undefined;
    await this.options.store.catchUp({ timeoutMs: RECOVER_MS, signal: this.signal }).catch(() => undefined);
    void this.#listDecisions();
  }

  #isFenced(result: TxnResult): boolean {
    const holdsKey = result.current.get(this.#key)?.createRevision === this.epoch.revision;
    return !holdsKey || !this.#levelHolds(result);
  }

  #levelHolds(result: TxnResult): boolean {
    return (result.current.get(KEYS.level)?.modRevision ?? 0) === this.options.lease.levelRevision;
  }

  #refused(result: TxnResult): CommitResult {
    if (!this.#isFenced(result)) return { kind: 'conflict', revision: result.revision };
    const levelHolds = this.#levelHolds(result);
    const reason = levelHolds ? 'the candidate key is gone' : 'the level has another incarnation';
    this.end(new Error(reason));
    if (!levelHolds) this.options.lease.end(reason);
    throw new FencedError(`deposed as leader of ${this.fn}: ${reason}`);
  }

  #listSoon(): void {
    this.#listing = true;
    const cancel = this.options.clock.setTimer(LIST_AFTER_MS, () => void this.#listDecisions());
    this.signal.addEventListener('abort', cancel, { once: true });
  }

  async #listDecisions(): Promise<void> {
    try {
      const { store } = this.options;
      const prefix = KEYS.decisions(this.fn);
      const { entries } = await store.list(prefix, { keysOnly: true, signal: this.signal });
      this.#decisions = entries
        .toSorted((a, b) => a.createRevision - b.createRevision)
        .map((entry) => entry.key);
    } catch {
      // Pruning waits for the next session or the next unknown outcome; nothing else depends on it.
    }
  }
}
