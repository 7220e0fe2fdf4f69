/**
 * A clock that moves only when told to: for unit tests and the simulation. Timers run in the order of their time, those
 * of the same time in the order they were set; between two timers all promises that can settle do.
 */
import type { Clock } from './clock.js';

interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** Lets everything that is ready run: promise jobs, and immediates they set. */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export class VirtualClock implements Clock {
  #nowMs: number;
  #suspendedMs = 0;
  #sequence = 0;
  readonly #timers = new Set<Timer>();

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
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, run };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Moves time on by `ms`, running what falls due on the way. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#due(untilMs); next !== undefined; next = this.#due(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
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

  #due(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > untilMs) continue;
      if (
        first === undefined ||
        timer.atMs < first.atMs ||
        (timer.atMs === first.atMs && timer.sequence < first.sequence)
      ) {
        first = timer;
      }
    }
    return first;
  }
}
