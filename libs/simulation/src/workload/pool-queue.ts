/** What a pool of servers is in virtual time, whichever way it is played. */
import type { ServiceTime } from './service-time.js';

export interface QueueOptions {
  readonly service: ServiceTime;
  /** Requests one instance works on at once. */
  readonly concurrency: number;
  /** A request that would wait longer is rejected. */
  readonly patienceS: number;
}

/** Instances of a pool that serve slower than the others, which a router that counts requests is not told. */
export interface SlowInstances {
  readonly count: number;
  /** Times the service time of the others; above 1. */
  readonly factor: number;
}

/** One step of a pool. */
export interface QueueStep {
  /** Whole, at least 1. */
  readonly seconds: number;
  readonly arrivals: number;
  /** Arrivals per second on average. */
  readonly rate: number;
  /** Instances that take requests. */
  readonly ready: number;
  /** Multiplies the service time of all. */
  readonly slowdown?: number;
  readonly slow?: SlowInstances | null;
}

/** What a monitor counts of one step. */
export interface Counted {
  /** At work and waiting at its end. */
  readonly inside: number;
  /** Answered in it. */
  readonly completed: number;
}

export interface PoolQueue {
  /** Requests waiting at the end of the last step. */
  readonly backlog: number;
  readonly served: number;
  readonly rejected: number;
  /** Seconds that its servers worked in the last step, together. */
  readonly workedS: number;
  /** Rate at which this pool lets requests through, without the noise of the step: what the next tier sees. */
  readonly throughRate: number;
  /** Share of the requests that slow instances serve. */
  readonly slowShare: number;
  step(step: QueueStep): void;
  /** Gives up what waits, and says how much it was: for want of a server it was held for too long. */
  abandon(): number;
  /**
   * Time in this pool, in ms, of a request that left it in the last step, the `x`th part (0..1, growing over the draws of
   * a step) of all that did; `u`, `v`: uniform numbers for service and wait; `w`: whether a slow instance served it.
   */
  draw(x: number, u: number, v: number, w?: number): number;
  /** Once a step: to those who count no noise is drawn. */
  count(): Counted;
}

export interface Shares {
  /** Of the requests, those that slow instances serve, 0..1. */
  readonly slow: number;
  /** Times the service time there. */
  readonly factor: number;
  /** What the pool can do beside one without slow instances, 0..1. */
  readonly worth: number;
}

export const NO_SLOW: Shares = { slow: 0, factor: 1, worth: 1 };

/** Service time on average, by the usual one. */
export const longerWith = ({ slow, factor }: Shares): number => 1 + slow * (factor - 1);

/**
 * Who serves what where some of `ready` instances are slow and `offered` instances of usual speed would be busy. The
 * router gives a request to whoever has the fewest: while some are idle to one of these, so that each is busy
 * `b / (1 − b) = a · service` of its time with one `a` for all; when none is, queues are equally long, so that each
 * serves by its speed and waiting takes as long as service.
 */
export const sharesWith = (slow: SlowInstances | null, ready: number, offered: number): Shares => {
  if (slow === null) return NO_SLOW;
  const count = Math.min(slow.count, ready);
  const { factor } = slow;
  const usual = ready - count;
  const able = usual + count / factor;
  const worth = ready > 0 ? able / ready : 1;
  if (count === 0 || offered <= 0 || offered >= able)
    return { slow: able > 0 ? count / factor / able : 0, factor, worth };
  // In units of the usual service time: usual · a / (1 + a) + count · a / (1 + a · factor) = offered.
  const square = factor * (able - offered);
  const linear = ready - offered * (1 + factor);
  const a = (Math.sqrt(linear * linear + 4 * square * offered) - linear) / (2 * square);
  return { slow: (count * a) / (1 + a * factor) / offered, factor, worth };
};
