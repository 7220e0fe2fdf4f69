/**
 * An application instance: boots, serves requests one after the other on a few workers, and can be made slow, sick or
 * flapping from outside.
 */
import { SimChild, type ChildOptions } from './sim-child.js';

export interface AppBehaviour {
  /** From start to the first good probe. */
  readonly bootMs: number;
  readonly serviceMs: number;
  /** Requests worked on at once; more wait. */
  readonly workers: number;
  /** Ends by itself with 0 after this long; 0: never. */
  readonly lifeMs: number;
  /** From SIGTERM to the end. */
  readonly stopMs: number;
}

export class SimApp extends SimChild {
  /** Not healthy before this (monotonic time of the process). */
  private sickUntilMs: number;
  private readonly freeAtMs: number[];
  private ending = false;

  constructor(
    options: ChildOptions,
    private readonly behaviour: AppBehaviour,
  ) {
    super(options);
    const nowMs = this.clock.monotonicMs();
    this.sickUntilMs = nowMs + behaviour.bootMs;
    this.freeAtMs = Array.from({ length: behaviour.workers }, () => nowMs);
    if (behaviour.lifeMs > 0) this.clock.setTimer(behaviour.lifeMs, () => this.end(0));
  }

  get port(): number {
    return this.ports['default'] ?? 0;
  }

  override isHealthy(): boolean {
    return super.isHealthy() && this.clock.monotonicMs() >= this.sickUntilMs;
  }

  sicken(ms: number): void {
    this.sickUntilMs = Math.max(this.sickUntilMs, this.clock.monotonicMs() + ms);
  }

  override terminate(): void {
    if (this.ending) return;
    this.ending = true;
    this.clock.setTimer(this.behaviour.stopMs, () => this.end(0));
  }

  /** Serves one request; `done` tells how it ended. A process that dies takes its requests with it. */
  serve(done: (ok: boolean) => void): void {
    const nowMs = this.clock.monotonicMs();
    const worker = this.freeAtMs.indexOf(Math.min(...this.freeAtMs));
    const startMs = Math.max(nowMs, this.freeAtMs[worker] ?? nowMs);
    this.freeAtMs[worker] = startMs + this.behaviour.serviceMs;
    let over = false;
    const finish = (ok: boolean): void => {
      if (over) return;
      over = true;
      done(ok);
    };
    this.onExit(() => finish(false));
    this.clock.setTimer(startMs + this.behaviour.serviceMs - nowMs, () => finish(this.isHealthy()));
  }
}
