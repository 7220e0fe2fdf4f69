/**
 * All watches of one client over one stream, opened again with a bounded back-off when it breaks or falls silent. Knows
 * nothing of cursors: each target says where it wants to go on, and only delivered events move that.
 */
import type { Clock } from './clock.js';
import type { StoreEra } from './store-era.js';
import type { KeyRange, WatchResponse, WatchStream, Wire, WireEvent, WireHeader } from './wire.js';

export interface WatchTarget {
  readonly range: KeyRange;
  /** First revision not yet delivered; undefined while it has to list first. */
  nextRevision(): number | undefined;
  onCreated(header: WireHeader): void;
  onEvents(events: readonly WireEvent[]): void;
  /** The server forgot the events after the cursor (or refused): list again. */
  onLost(reason: string): void;
  /** The stream was alive for a request sent at this monotonic time. */
  onAlive(sentAtMs: number): void;
  onBroken(): void;
}

/** How often the server is asked for a sign of life: one small message a second each way and client. */
const PROGRESS_MS = 1_000;
/** A stream that answered nothing for this long after a question is replaced. */
const SILENCE_MAX_MS = 2_000;
const BACKOFF_MIN_MS = 20;
const BACKOFF_MAX_MS = 1_000;

export class WatchMux {
  readonly #targets = new Map<WatchTarget, string>();
  readonly #byId = new Map<string, WatchTarget>();
  #stream: WatchStream | undefined;
  #nextId = 1;
  #failures = 0;
  #askedAtMs: number | undefined;
  #cancelTimer: (() => void) | undefined;
  #cancelReopen: (() => void) | undefined;
  #closed = false;

  constructor(
    private readonly wire: Wire,
    private readonly clock: Clock,
    private readonly era: StoreEra,
    private readonly onSuspicion: () => void,
    private readonly random: () => number = Math.random,
  ) {}

  /** Watches (again) from the target's `nextRevision`; call it after every listing. */
  watch(target: WatchTarget): void {
    if (this.#closed) return;
    this.#cancel(target);
    this.#targets.set(target, '');
    if (this.#stream === undefined) this.#open();
    else this.#create(target);
  }

  remove(target: WatchTarget): void {
    this.#cancel(target);
    this.#targets.delete(target);
    if (this.#targets.size === 0) this.#drop();
  }

  close(): void {
    this.#closed = true;
    this.#targets.clear();
    this.#byId.clear();
    this.#drop();
  }

  #open(): void {
    if (this.#stream !== undefined || this.#cancelReopen !== undefined || this.#closed) return;
    const stream: WatchStream = this.wire.watch({
      onResponse: (response) => {
        if (this.#stream === stream) this.#onResponse(response);
      },
      onEnd: () => {
        if (this.#stream === stream) this.#onBroken();
      },
    });
    this.#stream = stream;
    this.#askedAtMs = undefined;
    for (const target of this.#targets.keys()) this.#create(target);
    this.#ask(stream);
  }

  #create(target: WatchTarget): void {
    const startRevision = target.nextRevision();
    if (startRevision === undefined || this.#stream === undefined) return;
    const watchId = String(this.#nextId++);
    this.#targets.set(target, watchId);
    this.#byId.set(watchId, target);
    this.#stream.create(watchId, target.range, startRevision);
  }

  #cancel(target: WatchTarget): void {
    const watchId = this.#targets.get(target);
    if (watchId === undefined || watchId === '') return;
    this.#byId.delete(watchId);
    this.#targets.set(target, '');
    this.#stream?.cancel(watchId);
  }

  #onResponse(response: WatchResponse): void {
    this.#failures = 0;
    if (this.era.isSuspicious(response.header)) this.onSuspicion();
    if (response.kind === 'progress') {
      const sentAtMs = this.#askedAtMs;
      this.#askedAtMs = undefined;
      if (sentAtMs !== undefined) for (const target of this.#byId.values()) target.onAlive(sentAtMs);
      return;
    }
    const target = this.#byId.get(response.watchId);
    if (target === undefined) return;
    switch (response.kind) {
      case 'created':
        target.onCreated(response.header);
        return;
      case 'events':
        target.onEvents(response.events);
        return;
      case 'canceled':
        this.#byId.delete(response.watchId);
        this.#targets.set(target, '');
        target.onLost(response.reason);
    }
  }

  /** Asks for a sign of life now and every second; a question without an answer ends the stream. */
  #ask(stream: WatchStream): void {
    const nowMs = this.clock.monotonicMs();
    if (this.#askedAtMs === undefined) {
      this.#askedAtMs = nowMs;
      stream.requestProgress();
    } else if (nowMs - this.#askedAtMs >= SILENCE_MAX_MS) {
      stream.close();
      this.#onBroken();
      return;
    }
    this.#cancelTimer = this.clock.setTimer(PROGRESS_MS, () => {
      this.#ask(stream);
    });
  }

  #onBroken(): void {
    this.#drop();
    this.#byId.clear();
    for (const target of Array.from(this.#targets.keys())) {
      this.#targets.set(target, '');
      target.onBroken();
    }
    if (this.#closed || this.#targets.size === 0) return;
    const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#cancelReopen = this.clock.setTimer(ceilingMs * (0.5 + this.random() / 2), () => {
      this.#cancelReopen = undefined;
      this.#open();
    });
  }

  #drop(): void {
    this.#cancelTimer?.();
    this.#cancelReopen?.();
    this.#cancelReopen = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
  }
}
