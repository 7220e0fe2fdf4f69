/**
 * The one View: lists a prefix, watches from the revision after, and lists again whenever the server cannot tell what
 * happened since. Its cursor moves only with delivered events. It must never claim a revision that it was not shown:
 * beside events only a listing, or a probe that proves nothing changed, raises it.
 */
import { pause } from './clock.js';
import type { Clock } from './clock.js';
import { Snapshot } from './decide/snapshot.js';
import type { CallOptions, KeyValue, View, ViewChange } from './store.js';
import { Waiters } from './waiters.js';
import type { WatchMux, WatchTarget } from './watch-mux.js';
import { prefixRange } from './wire.js';
import type { KeyRange, WireEvent, WireHeader } from './wire.js';

/** What a view needs of its store. Keys are relative to the store's prefix, `fullPrefix` is not. */
export interface ViewBackend {
  readonly clock: Clock;
  readonly mux: WatchMux;
  readonly fullPrefix: string;
  /** Number of regresses the store has seen. */
  era(): number;
  relative(key: string): string;
  list(signal: AbortSignal): Promise<{ revision: number; entries: readonly KeyValue[]; era: number }>;
  /** Keys below the prefix and how many of them were put after `revision`, both at the answered revision. */
  probe(revision: number): Promise<Probe>;
  onClose(view: WatchedView): void;
}

export interface Probe {
  readonly revision: number;
  readonly count: number;
  readonly newer: number;
  readonly era: number;
}

const WHEN_TIMEOUT_MS = 10_000;
const RETRY_MIN_MS = 20;
const RETRY_MAX_MS = 1_000;
/** So many probes in a row that differ while no event comes: about a second. */
const DIFFERENCES_MAX = 20;
const PROBE_GAP_MS = 50;

/** Whether the snapshot was shown to hold now. `unknown`: no answer, or the view moved meanwhile. */
type Proof = 'proven' | 'differs' | 'unknown';
type Listener = (change: ViewChange) => void;

/** A reason of its own: the default one is an exception with a stack trace, for nobody to read. */
const OVER = 'over';

export class WatchedView implements View, WatchTarget {
  readonly range: KeyRange;
  regressions = 0;
  synced = false;
  readonly #snapshot = new Snapshot();
  /** Revision of the last listing or delivered event. */
  #cursor = 0;
  /** Proven by a probe; never the start of a watch. */
  #provenRevision = 0;
  #era = 0;
  #listing = true;
  #freshAtMs = -Infinity;
  /** False from the creation of a watch until it is known to have caught up: signs of life mean nothing before. */
  #caughtUp = false;
  /** Counts watches, so that what waits for one does not judge its successor. */
  #watch = 0;
  /** Revision of the store when the watch was created: behind it lies everything that was missed. */
  #behindUntil = 0;
  /** One probe at a time serves all who wait. */
  #proving: Promise<Proof> | undefined;
  #changed: Set<string> | undefined;
  #replaced = false;
  #task = new AbortController();
  #closed = false;
  readonly #listeners = new Set<Listener>();
  readonly #waiters: Waiters;

  constructor(
    readonly prefix: string,
    private readonly backend: ViewBackend,
  ) {
    this.range = prefixRange(backend.fullPrefix);
    this.#waiters = new Waiters(backend.clock);
    this.#resync();
  }

  get entries(): ReadonlyMap<string, KeyValue> {
    return this.#snapshot.read();
  }

  get(key: string): KeyValue | undefined {
    return this.#snapshot.get(key);
  }

  get revision(): number {
    return Math.max(this.#cursor, this.#provenRevision);
  }

  staleMs(): number {
    return this.backend.clock.monotonicMs() - this.#freshAtMs;
  }

  whenSynced(options?: CallOptions): Promise<void> {
    return this.#when(() => this.synced, 'a first listing', options);
  }

  async whenAt(revision: number, options?: CallOptions): Promise<void> {
    const done = new AbortController();
    if (this.revision < revision) void this.#proveUntil(() => this.revision >= revision, done.signal);
    try {
      await this.#when(() => this.synced && this.revision >= revision, `revision ${revision}`, options);
    } finally {
      done.abort(OVER);
    }
  }

  /** Waits for events only, asks the server nothing, and gives up silently. */
  async whenDelivered(revision: number, timeoutMs: number): Promise<void> {
    const seen = this.#when(() => this.revision >= revision, `revision ${revision}`, { timeoutMs });
    await seen.catch(() => undefined);
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.synced = false;
    this.#task.abort(OVER);
    this.backend.mux.remove(this);
    this.#listeners.clear();
    this.#waiters.fail(`the view of ${this.prefix} is closed`);
    this.backend.onClose(this);
  }

  /** The store went backwards: nothing here can be continued. */
  onRegress(): void {
    if (!this.#closed) this.#resync();
  }

  // WatchTarget

  nextRevision(): number | undefined {
    return this.#listing || this.#era !== this.backend.era() ? undefined : this.#cursor + 1;
  }

  onCreated(header: WireHeader): void {
    this.#watch++;
    this.#behindUntil = header.revision;
    this.#caughtUp = header.revision === this.#cursor;
    if (!this.#caughtUp) this.#catchUp();
  }

  onEvents(events: readonly WireEvent[]): void {
    for (const { kind, entry } of events) {
      if (entry.modRevision < this.#cursor) continue;
      const key = this.backend.relative(entry.key);
      if (kind === 'put') this.#snapshot.put({ ...entry, key });
      else this.#snapshot.delete(key);
      this.#cursor = Math.max(this.#cursor, entry.modRevision);
      this.#note(key);
    }
    if (this.#cursor >= this.#behindUntil) this.#caughtUp = true;
    if (this.#caughtUp) this.#freshAtMs = Math.max(this.#freshAtMs, this.backend.clock.monotonicMs());
    this.#waiters.wake();
  }

  onLost(): void {
    this.#resync();
  }

  onAlive(sentAtMs: number): void {
    if (this.#caughtUp) this.#freshAtMs = Math.max(this.#freshAtMs, sentAtMs);
  }

  onBroken(): void {
    this.#watch++;
    this.#caughtUp = false;
  }

  // Listing

  #resync(): void {
    this.#task.abort(OVER);
    this.#task = new AbortController();
    this.#caughtUp = false;
    this.#listing = true;
    void this.#listUntilDone(this.#task.signal);
  }

  async #listUntilDone(signal: AbortSignal): Promise<void> {
    for (let waitMs = RETRY_MIN_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      const sentAtMs = this.backend.clock.monotonicMs();
      try {
        const listed = await this.backend.list(signal);
        if (signal.aborted) return;
        if (listed.era === this.backend.era()) {
          this.#replace(listed, sentAtMs);
          this.backend.mux.watch(this);
          return;
        }
      } catch {
        // Unreachable or slow; the snapshot stays as it is and grows stale.
      }
      await pause(this.backend.clock, waitMs, signal);
    }
  }

  #replace(listed: { revision: number; entries: readonly KeyValue[]; era: number }, sentAtMs: number): void {
    if (listed.era !== this.#era && this.#cursor > 0) this.regressions++;
    this.#era = listed.era;
    this.#snapshot.replace(listed.entries);
    this.#cursor = listed.revision;
    this.#listing = false;
    this.#provenRevision = 0;
    this.#freshAtMs = Math.max(this.#freshAtMs, sentAtMs);
    this.synced = true;
    this.#note(undefined);
    this.#waiters.wake();
  }

  // Proof without events

  #catchUp(): void {
    const watch = this.#watch;
    const isOver = (): boolean => this.#caughtUp || watch !== this.#watch;
    void this.#proveUntil(isOver, this.#task.signal);
  }

  /**
   * Probes until `done`, bounded by the signal. A difference that lasts while no event comes means that the watch has
   * lost one, and the view lists again.
   */
  async #proveUntil(done: () => boolean, signal: AbortSignal): Promise<void> {
    for (let differences = 0; !done() && !signal.aborted;) {
      const cursor = this.#cursor;
      const outcome = await this.#prove();
      if (done() || signal.aborted) return;
      differences = outcome === 'differs' && cursor === this.#cursor ? differences + 1 : 0;
      if (differences >= DIFFERENCES_MAX) {
        this.#resync();
        return;
      }
      await pause(this.backend.clock, PROBE_GAP_MS, signal);
    }
  }

  #prove(): Promise<Proof> {
    this.#proving ??= this.#proveOnce(this.#task.signal).finally(() => {
      this.#proving = undefined;
    });
    return this.#proving;
  }

  /**
   * The snapshot holds at the answered revision when no key was put after the cursor and as many exist as it has: without
   * a surviving put only deletions can have happened, and those lower the count.
   */
  async #proveOnce(signal: AbortSignal): Promise<Proof> {
    const cursor = this.#cursor;
    const sentAtMs = this.backend.clock.monotonicMs();
    try {
      const probe = await this.backend.probe(cursor);
      const same = cursor === this.#cursor && probe.era === this.#era && probe.era === this.backend.era();
      if (signal.aborted || !same) return 'unknown';
      if (probe.newer > 0 || probe.count !== this.#snapshot.size) return 'differs';
      this.#provenRevision = Math.max(this.#provenRevision, probe.revision);
      this.#freshAtMs = Math.max(this.#freshAtMs, sentAtMs);
      this.#caughtUp = true;
      this.#waiters.wake();
      return 'proven';
    } catch {
      return 'unknown';
    }
  }

  // Telling others

  #note(key: string | undefined): void {
    if (key === undefined) this.#replaced = true;
    if (this.#changed === undefined) {
      this.#changed = new Set();
      queueMicrotask(() => {
        this.#tell();
      });
    }
    if (key !== undefined) this.#changed.add(key);
  }

  #tell(): void {
    const change = { keys: this.#replaced ? [] : [...(this.#changed ?? [])], revision: this.revision };
    this.#changed = undefined;
    this.#replaced = false;
    for (const listener of Array.from(this.#listeners)) listener(change);
  }

  #when(condition: () => boolean, what: string, options: CallOptions = {}): Promise<void> {
    return this.#waiters.when(condition, `${what} of ${this.prefix}`, {
      timeoutMs: WHEN_TIMEOUT_MS,
      ...options,
    });
  }
}
