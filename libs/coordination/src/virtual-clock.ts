/**
 * A clock that moves only when told to: for unit tests and the simulation. Timers run in the order of their time, those
 * of the same time in the order they were set; between two timers all promises that can settle do.
 */
import type { Clock } from './clock.js';

/**
 * The shortest wait. A rest that rounding left over would add nothing to the time: what looks whether it is due, and waits
 * for the rest, would look for ever in one and the same moment.
 */
const FINEST_MS = 0.001;

interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  /** Undefined once cancelled: it stays in the heap until it falls due, which is cheaper than to look for it. */
  run: (() => void) | undefined;
}

/**
 * Lets all promise jobs run that can, those they set included: Node runs the next tick only when none is left. A turn of
 * the event loop (`setImmediate`) would do the same at several times the price, and simulations settle millions of times.
 */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    process.nextTick(resolve);
  });

export class VirtualClock implements Clock {
  #nowMs: number;
  #suspendedMs = 0;
  #sequence = 0;
  /** A binary heap, the earliest first. */
  readonly #timers: Timer[] = [];

  /** `wallStartMs` is what the wall clock shows at the start (default 2026-01-01). */
  constructor(private readonly wallStartMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = 0;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }
  bootMs(): number {
    return this.#nowMs + this.#suspendedMs;
  }
  wallMs(): number {
    return this.wallStartMs + this.bootMs();
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const waitMs = delayMs > 0 ? Math.max(delayMs, FINEST_MS) : 0;
    const timer: Timer = { atMs: this.#nowMs + waitMs, sequence: this.#sequence++, run };
    this.#push(timer);
    return () => {
      timer.run = undefined;
    };
  }

  /** Moves time on by `ms`, running what falls due on the way. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#due(untilMs); next !== undefined; next = this.#due(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run?.();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  /** Time passes and no code runs, as under SIGSTOP or a blocked event loop: timers fire late, at the next `advance`. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  /** The machine sleeps: only the boot and the wall clock move. */
  suspend(ms: number): void {
    this.#suspendedMs += ms;
  }

  /** Advances until `condition` holds; throws after `boundMs` of virtual time. */
  async until(condition: () => boolean, boundMs = 60_000): Promise<void> {
    const endMs = this.#nowMs + boundMs;
    await settle();
    while (!condition()) {
      if (this.#nowMs >= endMs) throw new Error(`condition did not hold within ${boundMs} virtual ms`);
      await this.advance(Math.min(5, endMs - this.#nowMs));
    }
  }

  /** Takes out the earliest timer that is due by then. */
  #due(untilMs: number): Timer | undefined {
    for (let first = this.#timers[0]; first !== undefined; first = this.#timers[0]) {
      if (first.run !== undefined && first.atMs > untilMs) return undefined;
      this.#pop();
      if (first.run !== undefined) return first;
    }
    return undefined;
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isEarlier(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#timers;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const child = this.#earlierChild(at);
      const below = heap[child];
      if (below === undefined || !isEarlier(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }

  #earlierChild(at: number): number {
    const left = this.#timers[2 * at + 1];
    const right = this.#timers[2 * at + 2];
    return left !== undefined && right !== undefined && isEarlier(right, left) ? 2 * at + 2 : 2 * at + 1;
  }
}

const isEarlier = (a: Timer, b: Timer): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
