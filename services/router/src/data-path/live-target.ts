/**
 * A target as the data path sees it: what the table says of it, what its requests showed, and how many it has now. Lives
 * as long as the table names it or a request is there; its identity (`key`) survives table swaps.
 */
import { HEALTHY, judgeAttempt, type AttemptOutcome, type TargetHealth } from '../decide/ejection.js';
import type { Candidate } from '../decide/choose.js';
import type { Target } from '../decide/table.js';
import { countRequest, type RouteCounters, type TargetCounters } from './counters.js';

export class LiveTarget {
  inFlight = 0;
  /** In the table and not draining. */
  serving = true;
  ejectedUntilMs = 0;
  private health: TargetHealth = HEALTHY;

  constructor(
    public target: Target,
    /** Called when the last request of a target that takes no new one has ended. */
    private readonly onDrained: (target: LiveTarget) => void,
  ) {}

  /** Takes over what a new table says; undefined: no longer named. */
  update(target: Target | undefined): void {
    if (target) this.target = target;
    this.serving = target !== undefined && !target.draining;
    this.ejectedUntilMs = Math.max(this.health.ejectedUntilMs, this.target.agreedUntilMs);
  }

  release(): void {
    this.inFlight -= 1;
    if (!this.serving && this.inFlight === 0) this.onDrained(this);
  }

  judge(outcome: AttemptOutcome, pool: readonly Lane[], nowMs: number): void {
    if (outcome === 'ok' && this.health === HEALTHY) return;
    const ready = pool.filter((lane) => !lane.draining);
    const othersEjected = ready.filter((lane) => lane.live !== this && lane.ejectedUntilMs > nowMs).length;
    this.health = judgeAttempt(this.health, outcome, { size: ready.length, othersEjected }, nowMs);
    this.ejectedUntilMs = Math.max(this.health.ejectedUntilMs, this.target.agreedUntilMs);
  }
}

/** One way of a route: a target together with the counters a request on this way belongs to. */
export class Lane implements Candidate {
  constructor(
    readonly live: LiveTarget,
    /** All lanes of the same choice: the pool that ejection is capped in. */
    private readonly pool: readonly Lane[],
    /** Of the route itself and of every route passed on the way. */
    private readonly counters: readonly TargetCounters[],
    /** Routes passed on the way: to them each attempt is a request. */
    private readonly passed: readonly RouteCounters[],
  ) {}

  get key(): string {
    return this.live.target.key;
  }
  get target(): Target {
    return this.live.target;
  }
  get inFlight(): number {
    return this.live.inFlight;
  }
  get draining(): boolean {
    return !this.live.serving;
  }
  get ejectedUntilMs(): number {
    return this.live.ejectedUntilMs;
  }

  begin(isRetry: boolean): void {
    this.live.inFlight += 1;
    for (const counters of this.counters) {
      counters.inFlight += 1;
      if (isRetry) counters.retries += 1;
    }
    for (const route of this.passed) route.inFlight += 1;
  }

  /** Counts an attempt as answered; `ok` false for 5xx, resets, time-outs, failed connects. */
  count(outcome: AttemptOutcome, latencyMs: number, nowMs: number): void {
    const ok = outcome === 'ok';
    for (const counters of this.counters) countRequest(counters, ok, latencyMs);
    for (const route of this.passed) countRequest(route, ok, latencyMs);
    this.live.judge(outcome, this.pool, nowMs);
  }

  /** The attempt is over in every respect: nothing of it is left at the target. */
  end(): void {
    for (const counters of this.counters) counters.inFlight -= 1;
    for (const route of this.passed) route.inFlight -= 1;
    this.live.release();
  }
}
