/**
 * The tries of one request or connection, whatever its protocol: picks a lane, waits for one where there is none, goes on
 * to another after a failure. The one place that holds, retries and gives up; never later than `holdMaxMs` (from
 * zero: `zeroHoldMaxMs`) after the first wait or failure.
 */
import { decideRetry, retryPauseMs, type AttemptFailure } from '../decide/retry.js';
import type { Lane } from './live-target.js';
import type { LiveRoute } from './live-route.js';
import type { PathContext } from './path-context.js';

export interface TurnOwner {
  readonly method: string;
  readonly answerBegun: () => boolean;
  readonly bodyReplayable: () => boolean;
  /** Makes one attempt; ends with `failed` or with `settled` of its turn. */
  readonly attempt: (lane: Lane) => void;
  /** No attempt will follow. `failure` is that of the last attempt, undefined when there was none. */
  readonly giveUp: (reason: string, failure: AttemptFailure | undefined) => void;
}

export class Turn {
  private tried: string[] = [];
  private rounds = 0;
  private retries = 0;
  private attempts = 0;
  private waitingSince = 0;
  private holdsBudget = false;
  private lastFailure: AttemptFailure | undefined;
  private leave: (() => void) | undefined;

  constructor(
    private readonly context: PathContext,
    private readonly route: LiveRoute,
    private readonly owner: TurnOwner,
  ) {}

  get isRetry(): boolean {
    return this.attempts > 1;
  }

  next(): void {
    this.leave = undefined;
    const lane = this.route.pick(this.tried, this.context.nowMs());
    if (!lane) return this.hold();
    this.attempts += 1;
    lane.begin(this.attempts > 1);
    this.owner.attempt(lane);
  }

  /** An attempt failed (and has ended): again, later, or never. */
  failed(lane: Lane, failure: AttemptFailure): void {
    this.returnBudget();
    this.lastFailure = failure;
    this.tried.push(lane.key);
    const decision = decideRetry({
      method: this.owner.method,
      failure,
      answerBegun: this.owner.answerBegun(),
      bodyReplayable: this.owner.bodyReplayable(),
      retries: this.retries,
      waitedMs: this.waitedMs(),
      waitMaxMs: this.waitMaxMs(),
    });
    switch (decision.kind) {
      case 'again':
        return this.next();
      case 'budgeted':
        this.retries += 1;
        return this.takeBudget();
      case 'give-up':
        return this.owner.giveUp(decision.reason, failure);
    }
  }

  /** The request is over, well or badly; also when the client went away. Harmless when repeated. */
  close(): void {
    this.leave?.();
    this.leave = undefined;
    this.returnBudget();
  }

  private takeBudget(): void {
    if (this.route.tryRetry()) {
      this.holdsBudget = true;
      return this.next();
    }
    this.leave = this.route.waitForRetry(this.patienceMs(), (end) => {
      if (end === 'called') this.takeBudget();
      else this.owner.giveUp('no room for another retry', this.lastFailure);
    });
    if (!this.leave) this.owner.giveUp('too many retries wait', this.lastFailure);
  }

  private returnBudget(): void {
    if (!this.holdsBudget) return;
    this.holdsBudget = false;
    this.route.endRetry();
  }

  /** No lane: until one appears, or until those that refused may be asked again. */
  private hold(): void {
    const patienceMs = this.patienceMs();
    if (patienceMs <= 0) return this.owner.giveUp('no endpoint', this.lastFailure);
    const pauseMs = this.tried.length === 0 ? patienceMs : retryPauseMs(this.rounds, this.context.random);
    this.leave = this.route.waiting.wait(Math.min(patienceMs, pauseMs), (end) => {
      if (end === 'passed') this.rounds += 1;
      if (end === 'passed') this.tried = [];
      this.next();
    });
    if (!this.leave) this.owner.giveUp('too many requests wait for an endpoint', this.lastFailure);
  }

  /** Only the first attempt waits for a start: where one was made, there is an instance. */
  private waitMaxMs(): number {
    const { holdMaxMs, zeroHoldMaxMs } = this.context.config;
    return this.route.route.fromZero && this.attempts === 0 ? zeroHoldMaxMs : holdMaxMs;
  }

  private waitedMs(): number {
    const now = this.context.monotonicMs();
    if (this.waitingSince === 0) this.waitingSince = now;
    return now - this.waitingSince;
  }

  private patienceMs(): number {
    return this.waitMaxMs() - this.waitedMs();
  }
}
