/**
 * One pool of servers in steps of a second or some: a fluid backlog carries what lasts longer than a step, Erlang's C with
 * the Allen-Cunneen correction what happens within one. Both together must count no noise twice, so the exponential wait is
 * limited to what a random walk reaches between two looks a step apart: 0.5826 σ (Siegmund's correction for discretely
 * observed walks). Judged against the event-by-event simulation and against M/M/c and M/D/c in its test.
 */
import type { Noise } from './noise.js';
import {
  longerWith,
  NO_SLOW,
  sharesWith,
  type Counted,
  type PoolQueue,
  type QueueOptions,
  type QueueStep,
  type Shares,
} from './pool-queue.js';
import { ServiceSampler } from './service-time.js';
import { waitChance } from './erlang.js';

/** Siegmund 1985, ζ(1/2)/√(2π). */
const WITHIN_STEP = 0.5826;
/** Seconds of arrivals remembered, a power of two above the longest patience. */
const RING = 512;

export class FluidQueue implements PoolQueue {
  backlog = 0;
  served = 0;
  rejected = 0;
  workedS = 0;
  throughRate = 0;
  private readonly sampler: ServiceSampler;
  /** When the last step began, how long it was, and what it was like. */
  private second = 0;
  private seconds = 1;
  private rate = 0;
  private serviceS = 0;
  private slowdown = 1;
  private capacity = 0;
  private completes = 0;
  private chance = 0;
  private waitMs = 0;
  private shares: Shares = NO_SLOW;
  /** Requests arrived before each second, and those that had left before the last one. */
  private readonly arrivedBefore = new Float64Array(RING);
  private arrived = 0;
  private left = 0;
  private oldest = 0;
  /** So many more are inside than on average, by chance. */
  private more = 0;
  /** Completions that are not told yet: nobody counts fewer than none. */
  private owed = 0;
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

  get slowShare(): number {
    return this.shares.slow;
  }

  step({ seconds, arrivals, rate, ready, slowdown = 1, slow = null }: QueueStep): void {
    const servers = ready * this.options.concurrency;
    const serviceS = (this.sampler.meanMs * slowdown) / 1_000;
    // Servers of usual speed that could do the same.
    const offered = (rate * serviceS) / this.options.concurrency;
    this.shares = sharesWith(slow, ready, offered);
    const worth = servers * this.shares.worth;
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
    this.workedS = this.served * serviceS;
    this.backlog = after - this.rejected;
    this.second += this.seconds;
    this.seconds = seconds;
    this.rate = rate;
    this.serviceS = serviceS;
    this.slowdown = slowdown;
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

  draw(x: number, u: number, v: number, w = 1): number {
    const own = this.sampler.draw(u) * this.slowdown;
    const fluidMs = 1_000 * this.fluidWaitS(x);
    const chance = fluidMs > 0 ? 1 : this.chance;
    const wait = v < chance ? -Math.log(1 - v / chance) * this.waitMs : 0;
    if (this.slowShare === 0) return own + wait + fluidMs;
    const factor = w < this.slowShare ? this.shares.factor : 1;
    return factor * (own + this.shares.worth * (wait + fluidMs));
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

  count(): Counted {
    const { noise, seconds } = this;
    const mean = this.meanInside();
    // Of a long step the mean: what a moment of each of its seconds would say on average.
    const spread = Math.sqrt(Math.max(0, mean - this.backlog) / seconds);
    // Of those inside, so many already were a step ago: as many more now have not been completed in between.
    const stay = Math.exp(-seconds / this.serviceS);
    const chance = stay * this.more + Math.sqrt(1 - stay ** 2) * spread * noise.normal();
    const inside = Math.round(Math.max(0, mean + chance));
    const more = inside - mean;
    this.owed += this.served - stay * (more - this.more);
    const completed = Math.max(0, this.owed);
    this.owed -= completed;
    this.more = more;
    return { inside, completed };
  }

  private meanInside(): number {
    const { backlog, capacity, rate, chance, waitMs } = this;
    const serviceS = longerWith(this.shares) * this.serviceS;
    return backlog > 0
      ? backlog + capacity * serviceS
      : Math.min(capacity, rate) * serviceS + (rate * chance * waitMs) / 1_000;
  }
}
