/**
 * Where requests wait: for an endpoint to appear, for a pause between tries to pass, or for their turn in the budget of
 * retries. Bounded in number and time; nobody waits who can be served.
 */
export type WaitEnd = 'called' | 'passed';

interface Waiter {
  readonly done: (end: WaitEnd) => void;
  readonly timer: NodeJS.Timeout;
}

export class WaitingRoom {
  private readonly waiters = new Set<Waiter>();

  constructor(private readonly max: number) {}

  get size(): number {
    return this.waiters.size;
  }

  /**
   * Calls `done` once: when called, or after `ms`. Answers how to leave early (then `done` is not called), or undefined
   * when the room is full.
   */
  wait(ms: number, done: (end: WaitEnd) => void): (() => void) | undefined {
    if (this.waiters.size >= this.max) return undefined;
    const waiter: Waiter = {
      done,
      timer: setTimeout(() => {
        this.waiters.delete(waiter);
        done('passed');
      }, ms),
    };
    this.waiters.add(waiter);
    return () => {
      clearTimeout(waiter.timer);
      this.waiters.delete(waiter);
    };
  }

  /** Calls the `count` that waited longest. */
  call(count = Infinity): void {
    // Those here now: who is called may come back to wait.
    const called = Array.from(this.waiters).slice(0, count);
    for (const waiter of called) {
      if (!this.waiters.delete(waiter)) continue;
      clearTimeout(waiter.timer);
      waiter.done('called');
    }
  }
}
