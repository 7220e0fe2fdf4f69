/**
 * A pool of servers request by request: exact where the fluid plant approximates, and some hundred times slower. The plant
 * is judged by it, and runs may ask for it where that matters more than time.
 */
import type { Random } from '../random.js';
import { Noise } from './noise.js';
import { ServiceSampler, type ServiceTime } from './service-time.js';

export interface ExactOptions {
  readonly service: ServiceTime;
  /** Servers in a second; a server that leaves finishes what it has begun. */
  readonly servers: (second: number) => number;
  /** Arrivals per second, Poisson. */
  readonly rate: (second: number) => number;
  readonly seconds: number;
  readonly random: Random;
}

export interface Answered {
  readonly arrivedMs: number;
  readonly tookMs: number;
}

/** First come, first served, any server takes the next; in order of arrival. */
export const simulateExactly = (options: ExactOptions): readonly Answered[] => {
  const { service, servers, rate, seconds, random } = options;
  const arrivals = new Noise(random.split('arrivals'));
  const work = new Noise(random.split('service'));
  const sampler = new ServiceSampler(service);
  const answered: Answered[] = [];
  const free = new ServerHeap();
  for (let second = 0; second < seconds; second += 1) {
    const count = servers(second);
    free.resize(count, second * 1_000);
    const perSecond = rate(second);
    if (perSecond <= 0 || count === 0) continue;
    const until = (second + 1) * 1_000;
    // Without memory: beginning anew each second changes nothing.
    for (let t = second * 1_000 + arrivals.exponential(1_000 / perSecond); t < until;) {
      const starts = Math.max(t, free.earliest);
      const ends = starts + sampler.draw(work.uniform());
      free.replaceEarliest(ends);
      answered.push({ arrivedMs: t, tookMs: ends - t });
      t += arrivals.exponential(1_000 / perSecond);
    }
  }
  return answered;
};

export interface RoutedOptions extends Omit<ExactOptions, 'servers'> {
  /** Times the usual service time, an entry an instance; each works on one request at a time and has a queue of its own. */
  readonly factors: readonly number[];
}

/** As our router gives requests out: to the instance with the fewest of them, whatever it does with them. */
export const simulateRouted = (options: RoutedOptions): readonly (Answered & { readonly by: number })[] => {
  const { service, factors, rate, seconds, random } = options;
  const arrivals = new Noise(random.split('arrivals'));
  const work = new Noise(random.split('service'));
  const ties = random.split('ties');
  const sampler = new ServiceSampler(service);
  const answered: (Answered & { readonly by: number })[] = [];
  const leaving = factors.map((): number[] => []);
  for (let t = arrivals.exponential(1_000 / rate(0)); t < seconds * 1_000;) {
    const now = t;
    for (const own of leaving) while ((own[0] ?? Infinity) <= now) own.shift();
    const start = ties.whole(0, factors.length - 1);
    let by = start;
    for (let i = 1; i < factors.length; i += 1) {
      const other = (start + i) % factors.length;
      if ((leaving[other]?.length ?? 0) < (leaving[by]?.length ?? 0)) by = other;
    }
    const own = leaving[by] ?? [];
    const ends = Math.max(now, own.at(-1) ?? 0) + sampler.draw(work.uniform()) * (factors[by] ?? 1);
    own.push(ends);
    answered.push({ arrivedMs: now, tookMs: ends - now, by });
    t += arrivals.exponential(1_000 / rate(Math.floor(now / 1_000)));
  }
  return answered;
};

/** When each server is free, earliest first. */
class ServerHeap {
  private readonly times: number[] = [];

  get earliest(): number {
    return this.times[0] ?? Infinity;
  }

  resize(count: number, nowMs: number): void {
    while (this.times.length < count) {
      this.times.push(nowMs);
      this.up(this.times.length - 1);
    }
    // Those busy longest leave: nothing waits for them in particular.
    if (this.times.length > count) {
      this.times.sort((a, b) => a - b);
      this.times.length = count;
    }
  }

  replaceEarliest(atMs: number): void {
    this.times[0] = atMs;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (this.time(left) < this.time(least)) least = left;
      if (this.time(right) < this.time(least)) least = right;
      if (least === at) return;
      this.swap(at, least);
      at = least;
    }
  }

  private up(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.time(parent) <= this.time(at)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private time(at: number): number {
    return this.times[at] ?? Infinity;
  }

  private swap(a: number, b: number): void {
    const kept = this.time(a);
    this.times[a] = this.time(b);
    this.times[b] = kept;
  }
}
