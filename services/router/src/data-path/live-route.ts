/**
 * A route as the data path sees it: its lanes from the table in force, and what outlives a table: counters, the requests
 * that wait, and the budget of retries.
 */
import { chooseByWeight, chooseTarget } from '../decide/choose.js';
import { retryBudget } from '../decide/retry.js';
import type { Route } from '../decide/table.js';
import { RouteCounters } from './counters.js';
import type { Lane } from './live-target.js';
import { WaitingRoom } from './waiting-room.js';

export interface LiveChoice {
  readonly weight: number;
  readonly targets: readonly Lane[];
}

export class LiveRoute {
  readonly counters = new RouteCounters();
  readonly waiting: WaitingRoom;
  private readonly retryQueue: WaitingRoom;
  private choices: readonly LiveChoice[] = [];
  private retrying = 0;

  constructor(
    public route: Route,
    queueMax: number,
    private readonly random: () => number,
  ) {
    this.waiting = new WaitingRoom(queueMax);
    this.retryQueue = new WaitingRoom(queueMax);
  }

  /** Takes over what a new table says and lets those go on who waited for an endpoint. */
  update(route: Route, choices: readonly LiveChoice[]): void {
    this.route = route;
    this.choices = choices;
    if (this.waiting.size > 0 && this.canServe()) this.waiting.call();
  }

  get queued(): number {
    return this.waiting.size + this.retryQueue.size;
  }

  pick(tried: readonly string[], nowMs: number): Lane | undefined {
    const choice = chooseByWeight<Lane, LiveChoice>(this.choices, tried, nowMs, this.random);
    return choice && chooseTarget(choice.targets, tried, nowMs, this.random);
  }

  /** Some target takes requests, ejected or not. */
  canServe(): boolean {
    return this.choices.some(({ weight, targets }) => weight > 0 && targets.some((lane) => !lane.draining));
  }

  /** Takes a place in the budget at once; false: `waitForRetry` for it. */
  tryRetry(): boolean {
    if (this.retrying >= retryBudget(this.counters.inFlight)) return false;
    this.retrying += 1;
    return true;
  }

  waitForRetry(ms: number, done: (end: 'called' | 'passed') => void): (() => void) | undefined {
    return this.retryQueue.wait(ms, done);
  }

  endRetry(): void {
    this.retrying -= 1;
    this.retryQueue.call(1);
  }
}
