/**
 * A pool whose requests take so long that they are not begun and ended within a second: who is at work, and until when, is
 * kept from step to step, request by request while they are few. Many that come in one second are kept as 256
 * parcels, as heavy each as chance makes them, so that what ends in a second varies as it would one by one.
 * Judged against the event-by-event simulation in its test.
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

/** Requests that wait, with one time of arrival. */
interface Waiting {
  readonly arrivedS: number;
  weight: number;
}

/** Requests at work that end at one time. */
interface Ending {
  readonly endsS: number;
  readonly tookMs: number;
  readonly weight: number;
}

/** Requests of a second that are kept one by one, and parcels of more: a power of two. */
const PARCELS = 256;
/** Odd, so that a step over a power of two visits every place once. */
const STRIDE = 117;
/** Of a request: what sums of parts of it are rounded by. */
const ROUNDING = 1e-9;

const NOTHING: Ending = { endsS: 0, tookMs: 0, weight: 0 };

const weightOf = (parcels: readonly { readonly weight: number }[]): number =>
  parcels.reduce((sum, { weight }) => sum + weight, 0);

/** Into those sorted by their ends, from place `low` on. */
const insert = (ends: Ending[], end: Ending, low: number): void => {
  let from = low;
  let until = ends.length;
  while (from < until) {
    const middle = (from + until) >> 1;
    if ((ends[middle]?.endsS ?? Infinity) <= end.endsS) from = middle + 1;
    else until = middle;
  }
  ends.splice(from, 0, end);
};

export class OccupancyQueue implements PoolQueue {
  backlog = 0;
  served = 0;
  rejected = 0;
  workedS = 0;
  throughRate = 0;
  private readonly sampler: ServiceSampler;
  private second = 0;
  /** Requests at work. */
  private busy = 0;
  private readonly waiting: Waiting[] = [];
  /** By the second in which they end. */
  private readonly endings = new Map<number, Ending[]>();
  /** Of an arrival that is not a whole one yet. */
  private part = 0;
  private serviceS: number;
  private shares: Shares = NO_SLOW;
  /** What left in the last step, and how far the draws have come in it. */
  private done: Ending[] = [];
  private drawn = 0;
  private before = 0;

  constructor(
    private readonly options: QueueOptions,
    private readonly noise: Noise,
  ) {
    this.sampler = new ServiceSampler(options.service);
    this.serviceS = options.service.meanMs / 1_000;
  }

  get slowShare(): number {
    return this.shares.slow;
  }

  step({ seconds, arrivals, rate, ready, slowdown = 1, slow = null }: QueueStep): void {
    const { concurrency, patienceS } = this.options;
    const servers = ready * concurrency;
    this.serviceS = (this.sampler.meanMs * slowdown) / 1_000;
    this.shares = sharesWith(slow, ready, (rate * this.serviceS) / concurrency);
    this.done = [];
    this.drawn = 0;
    this.before = 0;
    this.workedS = 0;
    let left = arrivals;
    for (let i = 0; i < seconds; i += 1) {
      const all = i === seconds - 1;
      const now = all ? left : Math.min(left, this.noise.poisson(left / (seconds - i)));
      left -= now;
      const busyBefore = this.busy;
      this.playSecond(now, servers);
      this.workedS += (busyBefore + this.busy) / 2;
      this.second += 1;
    }
    this.served = weightOf(this.done);
    this.backlog = this.part + weightOf(this.waiting);
    this.rejected =
      servers === 0 ? 0 : this.reject((servers * this.shares.worth * patienceS) / this.serviceS);
    this.throughRate = this.busy / (this.serviceS * longerWith(this.shares));
  }

  abandon(): number {
    return this.reject(0);
  }

  draw(x: number): number {
    const place = x * this.served;
    for (;;) {
      const one = this.done[this.drawn];
      if (one === undefined) return this.done.at(-1)?.tookMs ?? 0;
      if (place < this.before + one.weight) return one.tookMs;
      this.before += one.weight;
      this.drawn += 1;
    }
  }

  count(): Counted {
    return { inside: Math.round(this.busy + this.backlog), completed: this.served };
  }

  /** First come, first served. Fewer than none are free where servers that leave finish what they have begun. */
  private playSecond(arrivals: number, servers: number): void {
    this.arrive(arrivals);
    const ends = (this.endings.get(this.second) ?? []).toSorted((a, b) => a.endsS - b.endsS);
    this.endings.delete(this.second);
    const { waiting } = this;
    let free = servers - this.busy;
    let freeFromS = this.second;
    let ended = 0;
    let head = 0;
    const shift = Math.floor(this.noise.uniform() * PARCELS);
    for (let begun = 0; head < waiting.length; begun += 1) {
      const first = waiting[head];
      if (first === undefined || servers === 0) break;
      // A parcel heavier than all servers together is begun in parts.
      const weight = Math.min(first.weight, servers);
      for (; free < weight - ROUNDING && ended < ends.length; ended += 1) {
        const { weight: freed, endsS } = ends[ended] ?? NOTHING;
        free += freed;
        freeFromS = Math.max(freeFromS, endsS);
      }
      if (free < weight - ROUNDING) break;
      free -= weight;
      first.weight -= weight;
      if (first.weight <= ROUNDING) head += 1;
      const end = this.begin(
        first.arrivedS,
        Math.max(first.arrivedS, freeFromS),
        weight,
        begun * STRIDE + shift,
      );
      if (end.endsS < this.second + 1) insert(ends, end, ended);
      else this.keep(end);
    }
    waiting.splice(0, head);
    this.done.push(...ends);
    this.busy = servers - free;
    for (; ended < ends.length; ended += 1) this.busy -= ends[ended]?.weight ?? 0;
  }

  private arrive(arrivals: number): void {
    this.part += arrivals;
    const whole = Math.floor(this.part + ROUNDING);
    this.part = Math.max(0, this.part - whole);
    const parcels = Math.min(PARCELS, whole);
    const times = Float64Array.from({ length: parcels }, () => this.noise.uniform()).sort();
    const weights = this.weightsOf(whole, parcels);
    times.forEach((time, i) => {
      const weight = weights[i] ?? 0;
      if (weight > 0) this.waiting.push({ arrivedS: this.second + time, weight });
    });
  }

  /** Of many requests that fall into equal classes by chance, how many are in each; `all` together. */
  private weightsOf(all: number, classes: number): Float64Array {
    const weights = new Float64Array(classes).fill(all / classes);
    if (all === classes) return weights;
    weights.forEach((mean, i) => (weights[i] = this.noise.poisson(mean)));
    const sum = weights.reduce((a, b) => a + b, 0);
    return sum > 0 ? weights.map((weight) => (weight * all) / sum) : weights.fill(all / classes);
  }

  private begin(arrivedS: number, beginsS: number, weight: number, order: number): Ending {
    const { noise, slowShare } = this;
    // Parcels of a second are spread evenly over the distribution: chance is in their weights.
    const u = weight > 1 ? ((order % PARCELS) + noise.uniform()) / PARCELS : noise.uniform();
    const factor = slowShare > 0 && noise.uniform() < slowShare ? this.shares.factor : 1;
    const endsS = beginsS + factor * this.sampler.draw(u) * (this.serviceS / this.sampler.meanMs);
    return { endsS, tookMs: 1_000 * (endsS - arrivedS), weight };
  }

  private keep(end: Ending): void {
    const second = Math.floor(end.endsS);
    const others = this.endings.get(second);
    if (others === undefined) this.endings.set(second, [end]);
    else others.push(end);
  }

  /** Of those waiting no more than `most` are kept; the last to come are turned away. */
  private reject(most: number): number {
    let over = this.backlog - most;
    if (over <= 0) return 0;
    const rejected = over;
    this.backlog = most;
    while (over > ROUNDING) {
      const last = this.waiting.at(-1);
      if (last === undefined) {
        this.part = Math.max(0, this.part - over);
        break;
      }
      const weight = Math.min(over, last.weight);
      last.weight -= weight;
      over -= weight;
      if (last.weight <= ROUNDING) this.waiting.pop();
    }
    return rejected;
  }
}
