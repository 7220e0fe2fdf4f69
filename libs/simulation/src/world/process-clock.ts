/**
 * The clocks of one simulated process: it can be stopped (SIGSTOP), suspended with its machine, have its wall clock set,
 * and die. Everything that reaches a process (timers, messages) comes through here, so that nothing runs in one that is
 * stopped or dead.
 */
import type { Clock, VirtualClock } from '@mitosis/coordination';

export class ProcessClock implements Clock {
  private state: 'running' | 'stopped' | 'dead' = 'running';
  private held: (() => void)[] = [];
  /** What was held is being taken in. */
  private draining = false;
  private wallOffsetMs = 0;
  /** Time this machine has slept: its monotonic clock stood still meanwhile. */
  private sleptMs = 0;
  private asleepSinceMs: number | undefined;

  constructor(private readonly world: VirtualClock) {}

  get isDead(): boolean {
    return this.state === 'dead';
  }
  get isStopped(): boolean {
    return this.state === 'stopped';
  }

  monotonicMs(): number {
    return (this.asleepSinceMs ?? this.world.monotonicMs()) - this.sleptMs;
  }
  bootMs(): number {
    return this.world.monotonicMs();
  }
  wallMs(): number {
    return this.world.wallMs() + this.wallOffsetMs;
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const dueMs = this.monotonicMs() + Math.max(0, delayMs);
    let cancelled = false;
    let cancel: () => void = () => undefined;
    const arm = (ms: number): void => {
      cancel = this.world.setTimer(ms, () => {
        this.receive(() => {
          if (cancelled) return;
          const restMs = dueMs - this.monotonicMs();
          // The machine slept: a timer of the monotonic clock has not moved meanwhile.
          if (restMs > 1e-6) arm(restMs);
          else run();
        });
      });
    };
    arm(delayMs);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** Runs what arrives now, when the process goes on, or never; nothing overtakes what arrived before it. */
  receive(arrive: () => void): void {
    if (this.state === 'dead') return;
    if (this.state === 'running' && !this.draining) arrive();
    else this.held.push(arrive);
  }

  /** SIGSTOP: clocks go on, nothing runs. */
  stop(): void {
    if (this.state === 'running') this.state = 'stopped';
  }

  /** The machine sleeps: nothing runs, and only the boot and the wall clock go on. */
  sleep(): void {
    this.stop();
    this.asleepSinceMs ??= this.world.monotonicMs();
  }

  /** SIGCONT, or the machine wakes: what arrived meanwhile is taken in, one after the other. */
  resume(): void {
    if (this.asleepSinceMs !== undefined) this.sleptMs += this.world.monotonicMs() - this.asleepSinceMs;
    this.asleepSinceMs = undefined;
    if (this.state !== 'stopped') return;
    this.state = 'running';
    if (!this.draining && this.held.length > 0) this.drain();
  }

  /** One at a time, with all that follows from each before the next. */
  private drain(): void {
    this.draining = true;
    this.world.setTimer(0, () => {
      if (this.state === 'running') this.held.shift()?.();
      this.draining = false;
      if (this.state === 'running' && this.held.length > 0) this.drain();
    });
  }

  kill(): void {
    this.state = 'dead';
    this.held = [];
  }

  setWall(offsetMs: number): void {
    this.wallOffsetMs = offsetMs;
  }
}
