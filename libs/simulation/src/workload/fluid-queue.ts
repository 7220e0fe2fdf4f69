/**
 * One pool of servers in steps of a second or some: a fluid backlog carries what lasts longer than a step, Erlang's C with
 * the Allen-Cunneen correction what happens within one. Both together must count no noise twice, so the exponential wait is
 * limited to what a random walk reaches between two looks a step apart: 0.5826 σ (Siegmund's correction for discretely
 * observed walks). Judged against the event-by-event simulation and against M/M/c and M/D/c in its test.
 */
import type { Noise } from './noise.js';
import { ServiceSampler, type ServiceTime } from './service-time.js';
import { waitChance } from './erlang.js';

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

/** Siegmund 1985, ζ(1/2)/√(2π). */
const WITHIN_STEP = 0.5826;
/** Seconds of arrivals remembered, a power of two above the longest patience. */
const RING = 512;
export const PATIENCE_MAX_S = 300;

export class FluidQueue {
  readonly sampler: ServiceSampler;
  /** Requests waiting at the end of the last step. */
  backlog = 0;
  served = 0;
  rejected = 0;
  /** Rate at which this pool let requests through, without the noise of the step: what the next tier sees. */
  throughRate = 0;
  /** When the last step began, and how long it was. */
  private second = 0;
  private seconds = 1;
  private capacity = 0;
  private completes = 0;
  private chance = 0;
  private waitMs = 0;
  /** Share of the requests that slow instances serve, their factor, and what waiting is there and elsewhere. */
  slowShare = 0;
  private slowFactor = 1;
  private waitFactor = 1;
  /** Requests arrived before each second, and those that had left before the last one. */
  private readonly arrivedBefore = new Float64Array(RING);
  private arrived = 0;
  private left = 0;
  private oldest = 0;
  private readonly scv: number;
  private readonly variability: number;
  private readonly walkMs: number;

  constructor(
    private readonly options: QueueOptions,
    private readonly noise: Noise,
  ) {
    this.sampler = new ServiceSampler(options.service);
    this.scv = options.service.scv;
    this.variability = (1 + this.scv) / 2;
    this.walkMs = 1_000 * WITHIN_STEP * Math.sqrt(2 * this.variability);
  }

  step({ seconds, arrivals, rate, ready, slowdown = 1, slow = null }: QueueStep): void {
    const servers = ready * this.options.concurrency;
    const serviceS = (this.sampler.meanMs * slowdown) / 1_000;
    // Servers of usual speed that could do the same.
    const worth = slow === null ? servers : servers * this.slowed(slow, ready, rate * serviceS);
    if (slow === null) this.slowShare = 0;
    const capacity = worth / serviceS;
    // Only where the pool is busy throughout does the spread of service times show in what it completes.
    const most = capacity * seconds;
    const busy = this.backlog > 0 || arrivals > 0.8 * most;
    const spread = busy && this.scv > 0 ? Math.sqrt(this.scv * most) * this.noise.normal() : 0;
    this.capacity = capacity;
    this.completes = Math.max(0, most + spread);
    const after = Math.max(0, this.backlog + arrivals - this.completes);
    this.rejected = servers === 0 ? 0 : Math.max(0, after - capacity * this.options.patienceS);
    this.left = this.arrived - this.backlog;
    this.served = this.backlog + arrivals - after;
    this.backlog = after - this.rejected;
    this.second += this.seconds;
    this.seconds = seconds;
    this.remember(arrivals - this.rejected);
    this.throughRate = Math.min(capacity, this.backlog > 0 ? rate + this.backlog / seconds : rate);
    if (servers > 0) this.waitsWithin(rate, (serviceS * servers) / worth, servers);
  }

  /** When the requests of this step arrived: evenly over its seconds. */
  private remember(arrivals: number): void {
    for (let i = 0; i < this.seconds; i += 1)
      this.arrivedBefore[(this.second + i) % RING] = this.arrived + (i / this.seconds) * arrivals;
    this.arrived += arrivals;
  }

  /**
   * What the pool can do beside one without slow instances, 0..1. The router gives a request to whoever has the fewest:
   * while some are idle to one of these, so that each is busy `b / (1 − b) = a · service` of its time with one `a` for
   * all; when none is, queues are equally long, so that each serves by its speed and waiting takes as long as service.
   */
  private slowed(slow: SlowInstances, ready: number, offered: number): number {
    const count = Math.min(slow.count, ready);
    const { factor } = slow;
    const usual = ready - count;
    const able = usual + count / factor;
    this.slowFactor = factor;
    this.waitFactor = ready > 0 ? able / ready : 1;
    if (count === 0 || offered <= 0 || offered >= able) this.slowShare = able > 0 ? count / factor / able : 0;
    else {
      // In units of the usual service time: usual · a / (1 + a) + count · a / (1 + a · factor) = offered.
      const square = factor * (able - offered);
      const linear = ready - offered * (1 + factor);
      const a = (Math.sqrt(linear * linear + 4 * square * offered) - linear) / (2 * square);
      this.slowShare = (count * a) / (1 + a * factor) / offered;
    }
    return this.waitFactor;
  }

  /** Gives up what waits: for want of a server it was held for too long. */
  abandon(): number {
    const given = this.backlog;
    this.backlog = 0;
    return given;
  }

  private waitsWithin(rate: number, serviceS: number, servers: number): void {
    const { capacity } = this;
    const spare = capacity - rate;
    this.chance = waitChance(rate * serviceS, servers);
    const walk = (this.walkMs * Math.sqrt(Math.min(rate, capacity) * this.seconds)) / capacity;
    // Where both are of a size each sees part of the other's noise: the squares of their rates add.
    const times = spare > 0 ? (walk * spare) / (1_000 * this.variability) : 0;
    this.waitMs = walk / Math.sqrt(1 + times * times);
  }

  /**
   * Time in this pool, in ms, of a request that left it in the last step, the `x`th part (0..1, growing over the draws of
   * a step) of all that did; `u`, `v`: uniform numbers for service and wait; `w`: whether a slow instance served it.
   */
  draw(x: number, u: number, v: number, slowdown: number, w = 1): number {
    const own = this.sampler.draw(u) * slowdown;
    const fluidMs = 1_000 * this.fluidWaitS(x);
    const chance = fluidMs > 0 ? 1 : this.chance;
    const wait = v < chance ? -Math.log(1 - v / chance) * this.waitMs : 0;
    if (this.slowShare === 0) return own + wait + fluidMs;
    const factor = w < this.slowShare ? this.slowFactor : 1;
    return factor * (own + this.waitFactor * (wait + fluidMs));
  }

  /** First come, first served: its place among those that left tells when it came. */
  private fluidWaitS(x: number): number {
    const ahead = x * this.served;
    const place = this.left + ahead;
    const arrivedNow = this.arrivedBefore[this.second % RING] ?? 0;
    const { seconds } = this;
    const leavesS = seconds * (this.completes > 0 ? ahead / this.completes : 1);
    if (place >= arrivedNow) {
      const during = this.arrived + this.rejected - arrivedNow;
      return Math.max(0, leavesS - (during > 0 ? (seconds * (place - arrivedNow)) / during : 0));
    }
    this.oldest = Math.max(this.oldest, this.second - RING + 1, 0);
    while (this.oldest + 1 < this.second && (this.arrivedBefore[(this.oldest + 1) % RING] ?? 0) <= place) {
      this.oldest += 1;
    }
    const from = this.arrivedBefore[this.oldest % RING] ?? 0;
    const until = this.arrivedBefore[(this.oldest + 1) % RING] ?? 0;
    const within = until > from ? Math.min(1, (place - from) / (until - from)) : 0;
    return Math.max(0, this.second + leavesS - (this.oldest + within));
  }

  /** Mean number at work and waiting at the end of the step, at `rate` arrivals a second. */
  inside(rate: number, slowdown = 1): number {
    const longer = 1 + this.slowShare * (this.slowFactor - 1);
    const serviceS = (longer * this.sampler.meanMs * slowdown) / 1_000;
    return this.backlog > 0
      ? this.backlog + this.capacity * serviceS
      : Math.min(this.capacity, rate) * serviceS + (rate * this.chance * this.waitMs) / 1_000;
  }
}
