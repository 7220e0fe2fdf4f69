/**
 * The simulated plant: a graph of components under load, in steps of a second or some. Requests enter at the first component and
 * go down its calls one after the other; a component's response time contains those of what it calls, and no worker is
 * occupied meanwhile. Makes metrics as the monitor would; nothing of what it knows beyond them reaches a policy.
 */
import type { ComponentMetrics } from '@mitosis/autoscaler/decide';
import type { Random } from '../random.js';
import { FluidQueue } from './fluid-queue.js';
import { InstancePool } from './instance-pool.js';
import { MetricWindows } from './metric-windows.js';
import { Noise } from './noise.js';
import { OccupancyQueue } from './occupancy-queue.js';
import type { PoolQueue, SlowInstances } from './pool-queue.js';
import type { ServiceTime } from './service-time.js';

export interface PlantCall {
  /** Index of the component called; it must come after the caller. */
  readonly to: number;
  /** Calls per request. */
  readonly visits: number;
}

export interface PlantComponent {
  readonly name: string;
  readonly version: string;
  /** False: third parties and child levels, which answer without a limit and have no instances here. */
  readonly pooled: boolean;
  readonly service: ServiceTime;
  readonly concurrency: number;
  /** Mean time from a decision to a ready instance; each start differs by up to a tenth. */
  readonly startMs: number;
  /** Part of the service time that is spent on the CPU, 0..1. */
  readonly cpuShare: number;
  readonly memoryBytes: number;
  readonly calls: readonly PlantCall[];
  readonly initial: number;
}

/** Requests a component sees per request at the entry, by index. */
export const visitsOf = (components: readonly Pick<PlantComponent, 'calls'>[]): readonly number[] => {
  const visits = components.map((_, i): number => (i === 0 ? 1 : 0));
  components.forEach(({ calls }, i) => {
    for (const call of calls) visits[call.to] = (visits[call.to] ?? 0) + (visits[i] ?? 0) * call.visits;
  });
  return visits;
};

export interface PlantOptions {
  /** Entry first, callers before what they call. */
  readonly components: readonly PlantComponent[];
  readonly objectiveMs: number;
  /** Variance of the arrivals of a second over their mean; 1: Poisson. */
  readonly dispersion: number;
  readonly patienceS: number;
  /** Response times drawn per second and component: a power of two. Of longer steps up to four times as many are drawn. */
  readonly samples: number;
  /** False: nobody asks for metrics, and none are made. */
  readonly observed: boolean;
  /** Factor on the service time of a component at a second. */
  readonly slowdown?: (component: string, second: number) => number;
  /** Instances that serve slower than the others of their component; null: none. */
  readonly slowInstances?: (component: string, second: number) => SlowInstances | null;
}

/** How long routers hold a request for want of an endpoint. */
const HELD_S = 5;
const START_SPREAD = 0.1;
/** Odd, so that a step over a power of two visits every place once. */
const STRIDES = [1, 5, 7, 11, 3, 13, 9, 15];
const CPU_WINDOW_S = 10;
/** Of the samples of a second, those of a step of several at most. */
const SAMPLES_MAX = 4;
/** From this service time on requests are not begun and ended within a second. */
const SLOW_MS = 250;

const queueFor = (
  { pooled, service, concurrency }: PlantComponent,
  patienceS: number,
  noise: Noise,
): PoolQueue => {
  const options = { service, concurrency, patienceS };
  // Where nothing ever waits it does not matter who is at work until when.
  return pooled && service.meanMs >= SLOW_MS
    ? new OccupancyQueue(options, noise)
    : new FluidQueue(options, noise);
};

class PlantTier {
  readonly queue: PoolQueue;
  readonly pool: InstancePool;
  readonly windows = new MetricWindows();
  readonly samples: Float64Array;
  used = 0;
  rate = 0;
  arrivals = 0;
  rejected = 0;
  inFlight = 0;
  slowdown = 1;
  private readonly cpu = new Float64Array(CPU_WINDOW_S);
  private readonly rejections = new Float64Array(CPU_WINDOW_S);
  private cpuSum = 0;
  private rejectedSum = 0;
  private seconds = 0;
  private withoutS = 0;
  private readonly noise: Noise;

  constructor(
    readonly component: PlantComponent,
    private readonly options: PlantOptions,
    random: Random,
  ) {
    const own = random.split(component.name);
    this.noise = new Noise(own.split('requests'));
    const starts = own.split('starts');
    this.queue = queueFor(component, options.patienceS, this.noise);
    this.samples = new Float64Array(SAMPLES_MAX * options.samples);
    this.pool = new InstancePool(
      { component: component.name, version: component.version, count: component.initial, nowMs: 0 },
      () => component.startMs * starts.between(1 - START_SPREAD, 1 + START_SPREAD),
    );
  }

  /** Servers without end stand for what has no instances here. */
  private get servers(): number {
    return this.component.pooled ? this.pool.ready : 1e6;
  }

  /** Instances that `rate` requests a second keep busy; 0 where there are none. */
  busyAt(rate: number): number {
    const { pooled, service, concurrency } = this.component;
    return pooled ? (rate * service.meanMs * this.slowdown) / 1_000 / concurrency : 0;
  }

  serve(second: number, seconds: number): void {
    const { component, options, queue, arrivals, rate, servers } = this;
    this.slowdown = options.slowdown?.(component.name, second) ?? 1;
    const slow = options.slowInstances?.(component.name, second) ?? null;
    queue.step({ seconds, arrivals, rate, ready: servers, slowdown: this.slowdown, slow });
    this.withoutS = servers > 0 ? 0 : this.withoutS + seconds;
    this.rejected = queue.rejected + (this.withoutS > HELD_S ? queue.abandon() : 0);
  }

  /** Response times of what left in this step; called from the last tier up, as each contains those it calls. */
  respond(tiers: readonly PlantTier[], order: number, seconds: number): void {
    const { noise, queue, samples } = this;
    const { calls } = this.component;
    const { samples: perSecond, observed } = this.options;
    // Percentiles of a long step are of this step alone, those of a second are of ten: it needs as many.
    const most = perSecond * (seconds < SAMPLES_MAX || !observed ? 1 : SAMPLES_MAX);
    const all = queue.served;
    this.used = all <= 0 ? 0 : Math.min(most, Math.max(1, Math.round(all)));
    const spread = this.used === most;
    const stride = STRIDES[order % STRIDES.length] ?? 1;
    const shift = Math.floor(noise.uniform() * most);
    for (let i = 0; i < this.used; i += 1) {
      // Many requests in a second are spread evenly over their distribution, as few numbers stand for all of them.
      const u = spread ? (((i * stride + shift) % most) + noise.uniform()) / most : noise.uniform();
      const place = (i + noise.uniform()) / this.used;
      const v = noise.uniform();
      const w = queue.slowShare > 0 ? noise.uniform() : 1;
      const own = queue.draw(place, u, v, w);
      samples[i] = calls.length === 0 ? own : own + this.below(tiers, i);
    }
  }

  private below(tiers: readonly PlantTier[], i: number): number {
    let sum = 0;
    for (const { to, visits } of this.component.calls) {
      const callee = tiers[to];
      if (callee === undefined || callee.used === 0) continue;
      let calls = Math.floor(visits);
      if (visits > calls && this.noise.uniform() < visits - calls) calls += 1;
      // Neighbours in time share a backlog; beyond that one response says nothing about another.
      const near = Math.floor((i * callee.used) / this.used);
      for (let k = 0; k < calls; k += 1) {
        const reach = Math.max(1, callee.used >> 2);
        const at = near - (near % reach) + Math.floor(this.noise.uniform() * reach);
        sum += callee.samples[Math.min(callee.used - 1, at)] ?? 0;
      }
    }
    return sum;
  }

  /** Takes the step into the windows of the monitor. */
  record(tiers: readonly PlantTier[], seconds: number): void {
    const { queue, component } = this;
    const cpu = queue.workedS * component.cpuShare;
    for (let i = 0; i < seconds; i += 1) this.recordSecond(cpu / seconds, this.rejected / seconds);
    const { inside, completed } = queue.count();
    this.windows.add({
      seconds,
      samples: this.samples,
      used: this.used,
      weight: this.used === 0 ? 0 : queue.served / this.used,
      completed,
      rejected: this.rejected,
    });
    this.inFlight = inside + this.insideBelow(tiers);
  }

  private recordSecond(cpu: number, rejected: number): void {
    const slot = this.seconds % CPU_WINDOW_S;
    this.cpuSum += cpu - (this.cpu[slot] ?? 0);
    this.rejectedSum += rejected - (this.rejections[slot] ?? 0);
    this.cpu[slot] = cpu;
    this.rejections[slot] = rejected;
    this.seconds += 1;
  }

  private insideBelow(tiers: readonly PlantTier[]): number {
    let sum = 0;
    for (const { to, visits } of this.component.calls) {
      const callee = tiers[to];
      if (callee === undefined || callee.arrivals <= 0) continue;
      sum += callee.inFlight * Math.min(1, (visits * this.queue.served) / callee.arrivals);
    }
    return Math.round(sum);
  }

  metrics(): ComponentMetrics {
    const { component, pool, queue } = this;
    const held = component.pooled && pool.ready === 0 ? queue.backlog : 0;
    const seconds = Math.min(CPU_WINDOW_S, Math.max(1, this.seconds));
    return {
      requests: {
        ...this.windows.read(),
        inFlight: Math.max(0, this.inFlight - held),
        queued: held,
        rejectedRate: Math.max(0, this.rejectedSum) / seconds,
      },
      usage: component.pooled
        ? {
            cpuCores: Math.max(0, this.cpuSum) / seconds,
            memoryBytes: component.memoryBytes * pool.ready,
            instancesSeen: pool.ready,
          }
        : null,
    };
  }
}

export interface PlantStep {
  readonly arrivals: number;
  readonly answered: number;
  /** Answered after the objective, or not at all. */
  readonly late: number;
}

/** From this load factor on a pool is looked at every second. */
const TIGHT_LOAD = 0.93;

export class Plant {
  readonly tiers: readonly PlantTier[];
  private readonly noise: Noise;
  private readonly visits: readonly number[];

  constructor(
    private readonly options: PlantOptions,
    random: Random,
  ) {
    this.noise = new Noise(random.split('arrivals'));
    this.visits = visitsOf(options.components);
    this.tiers = options.components.map((component) => new PlantTier(component, options, random));
  }

  /** `seconds` from `second` on, with `rate` requests a second arriving at the entry on average. */
  step(second: number, rate: number, seconds = 1): PlantStep {
    const { tiers, noise, options } = this;
    const nowMs = second * 1_000;
    const entry = tiers[0];
    if (entry === undefined) throw new RangeError('a plant has at least one component');
    const dispersed = noise.dispersedRate(rate, options.dispersion, seconds);
    for (const tier of tiers) {
      tier.arrivals = 0;
      tier.rate = 0;
      if (tier.component.pooled) tier.pool.advance(nowMs);
    }
    entry.arrivals = noise.poisson(dispersed * seconds);
    entry.rate = dispersed;
    for (const tier of tiers) this.passOn(tier, second, seconds);
    for (let i = tiers.length - 1; i >= 0; i -= 1) tiers[i]?.respond(tiers, i, seconds);
    if (options.observed) for (let i = tiers.length - 1; i >= 0; i -= 1) tiers[i]?.record(tiers, seconds);
    return this.judge(entry);
  }

  /** Seconds until an instance becomes ready, whole and at least 1; Infinity: none is on its way. */
  untilReady(second: number): number {
    const nextMs = Math.min(...this.tiers.map(({ pool }) => pool.nextReadyMs));
    return Math.max(1, Math.ceil((nextMs - second * 1_000) / 1_000));
  }

  /** Instances that `rate` requests a second at the entry keep busy, of the component where they are most. */
  busyAt(rate: number): number {
    return Math.max(...this.tiers.map((tier, i) => tier.busyAt(rate * (this.visits[i] ?? 0))));
  }

  /** Something waits, or would soon if `rate` requests a second came: what then happens is a matter of seconds. */
  isTight(rate: number): boolean {
    const { tiers, visits } = this;
    return tiers.some(
      (tier, i) =>
        tier.queue.backlog > 0 || tier.busyAt(rate * (visits[i] ?? 0)) > TIGHT_LOAD * tier.pool.ready,
    );
  }

  metrics(): ReadonlyMap<string, ComponentMetrics> {
    return new Map(this.tiers.map((tier) => [tier.component.name, tier.metrics()]));
  }

  private passOn(tier: PlantTier, second: number, seconds: number): void {
    tier.serve(second, seconds);
    for (const { to, visits } of tier.component.calls) {
      const callee = this.tiers[to];
      if (callee === undefined) continue;
      callee.arrivals += tier.queue.served * visits;
      callee.rate += tier.queue.throughRate * visits;
    }
  }

  private judge(entry: PlantTier): PlantStep {
    const { objectiveMs } = this.options;
    let late = 0;
    for (let i = 0; i < entry.used; i += 1) if ((entry.samples[i] ?? 0) > objectiveMs) late += 1;
    const answered = entry.queue.served;
    // A call that is rejected below fails the request that made it.
    const failedBelow = this.tiers.reduce((sum, tier) => (tier === entry ? sum : sum + tier.rejected), 0);
    const lateAnswered = entry.used === 0 ? 0 : (late / entry.used) * answered;
    return {
      arrivals: entry.arrivals,
      answered,
      late: Math.min(answered, lateAnswered + failedBelow) + entry.rejected,
    };
  }
}

export type { PlantTier };
