/**
 * One component in virtual time: instances with a few workers each behind a least-loaded router, random arrivals, and a
 * monitor with the windows of the real one. For closed-loop tests of policies; everything comes from the seed.
 */
import { componentName, type Objective, type ScalingPolicy, type Scale } from '@mitosis/contracts';
import { pluginFor } from '../plugins/index.js';
import type { ComponentObservation, RequestMetrics, RequestWindow } from './observation.js';
import type { PolicySettings } from './policy.js';

/** mulberry32 */
export const seededRandom = (seed: number): (() => number) => {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
};

export interface PoolOptions {
  readonly seed: number;
  readonly policy: ScalingPolicy;
  readonly settings: PolicySettings;
  readonly scale: Scale;
  readonly objective: Objective | null;
  readonly workers: number;
  /** Mean service time; a half of it is constant, a half exponential. */
  readonly serviceMs: number;
  readonly startMs: number;
  /** Arrivals per second. */
  readonly load: (second: number) => number;
  readonly seconds: number;
  /** What the monitor says instead of the truth. */
  readonly distort?: (second: number, metrics: RequestMetrics) => RequestMetrics | null;
  /** Time in dependencies per request, which occupies no worker. */
  readonly downstreamMs?: (second: number) => number;
}

export interface PoolSecond {
  readonly second: number;
  readonly count: number;
  readonly ready: number;
  readonly arrivals: number;
  readonly completed: number;
  readonly p95Ms: number;
  readonly late: number;
  readonly reason: string;
}

interface Instance {
  readonly readyAtMs: number;
  /** Per worker, when it is free. */
  readonly freeAtMs: number[];
  /** Completion times of what is inside. */
  readonly inside: number[];
}

interface Done {
  readonly atMs: number;
  readonly tookMs: number;
}

const STEP_MS = 1_000;

const windowOf = (done: readonly Done[], nowMs: number, seconds: number): RequestWindow => {
  const took = done
    .filter(({ atMs }) => atMs > nowMs - seconds * 1_000 && atMs <= nowMs)
    .map(({ tookMs }) => tookMs)
    .sort((a, b) => a - b);
  const at = (q: number): number => took[Math.max(0, Math.ceil(q * took.length) - 1)] ?? 0;
  return {
    seconds,
    rate: took.length / seconds,
    errorRatio: 0,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    meanMs: took.reduce((sum, ms) => sum + ms, 0) / Math.max(1, took.length),
  };
};

/** Takes out what has ended by then; order does not matter. */
const leave = (inside: number[], atMs: number): void => {
  for (let i = inside.length - 1; i >= 0; i -= 1) {
    if ((inside[i] ?? Infinity) > atMs) continue;
    inside[i] = inside.at(-1) ?? 0;
    inside.pop();
  }
};

export class PoolSimulation {
  private readonly random: () => number;
  private instances: Instance[] = [];
  private readonly leaving: Instance[] = [];
  private done: Done[] = [];
  private outside: number[] = [];
  private count: number;
  private countSinceMs = 0;
  private stableSinceMs = 0;
  private lastReady = 0;

  constructor(private readonly options: PoolOptions) {
    this.random = seededRandom(options.seed);
    this.count = options.scale.initial;
    this.instances = Array.from({ length: this.count }, () => this.instance(0));
  }

  run(): readonly PoolSecond[] {
    const plugin = pluginFor(this.options.policy);
    let state = plugin.initial();
    const seconds: PoolSecond[] = [];
    for (let second = 0; second < this.options.seconds; second += 1) {
      const nowMs = (second + 1) * STEP_MS;
      const arrivals = this.arrive(second * STEP_MS, nowMs);
      const observation = this.observe(second, nowMs);
      const step = plugin.step(state, observation, this.options.policy, this.options.settings);
      // What a standby is sent: it must survive JSON.
      state = JSON.parse(JSON.stringify(step.state)) as typeof state;
      this.scaleTo(step.recommendation.count, nowMs);
      seconds.push(this.report(second, nowMs, arrivals, step.recommendation.reason));
    }
    return seconds;
  }

  private instance(readyAtMs: number): Instance {
    return {
      readyAtMs,
      freeAtMs: Array.from({ length: this.options.workers }, () => 0),
      inside: [],
    };
  }

  private exponential(mean: number): number {
    return -Math.log(1 - this.random()) * mean;
  }

  private arrive(fromMs: number, untilMs: number): number {
    const rate = this.options.load(fromMs / STEP_MS);
    if (rate <= 0) return 0;
    const between = (): number => this.exponential(1_000 / rate);
    let arrivals = 0;
    for (let t = fromMs + between(); t < untilMs; t += between()) {
      this.serve(t);
      arrivals += 1;
    }
    return arrivals;
  }

  private ready(nowMs: number): Instance[] {
    return this.instances.filter(({ readyAtMs }) => readyAtMs <= nowMs);
  }

  private serve(atMs: number): void {
    const outsideMs = this.options.downstreamMs?.(atMs / STEP_MS) ?? 0;
    const ready = this.ready(atMs);
    for (const { inside } of ready) leave(inside, atMs);
    const chosen = ready.reduce<Instance | undefined>(
      (best, one) => (best === undefined || one.inside.length < best.inside.length ? one : best),
      undefined,
    );
    if (chosen === undefined) return;
    const worker = chosen.freeAtMs.indexOf(Math.min(...chosen.freeAtMs));
    const { serviceMs } = this.options;
    const starts = Math.max(atMs, chosen.freeAtMs[worker] ?? 0);
    const ends = starts + serviceMs / 2 + this.exponential(serviceMs / 2);
    chosen.freeAtMs[worker] = ends;
    chosen.inside.push(ends);
    if (outsideMs > 0) this.outside.push(ends + outsideMs);
    this.done.push({ atMs: ends + outsideMs, tookMs: ends + outsideMs - atMs });
  }

  private observe(second: number, nowMs: number): ComponentObservation {
    const ready = this.ready(nowMs);
    const pool = [...this.instances, ...this.leaving];
    for (const { inside } of pool) leave(inside, nowMs);
    this.outside = this.outside.filter((end) => end > nowMs);
    this.done = this.done.filter(({ atMs }) => atMs > nowMs - 60_000);
    const last10 = windowOf(this.done, nowMs, 10);
    if (ready.length !== this.lastReady) this.stableSinceMs = nowMs;
    this.lastReady = ready.length;
    const insideDownstream = this.outside.length;
    const metrics: RequestMetrics = {
      last1: windowOf(this.done, nowMs, 1),
      last10,
      last60: windowOf(this.done, nowMs, 60),
      // `outside` holds a request from its arrival on, so those still at work inside are counted in it.
      inFlight: Math.max(
        insideDownstream,
        pool.reduce((sum, { inside }) => sum + inside.length, 0),
      ),
      queued: 0,
      rejectedRate: 0,
    };
    const atWork = pool.reduce((sum, { inside }) => sum + inside.length, 0);
    const downstreamMs = this.options.downstreamMs?.(second) ?? null;
    return {
      component: componentName('web'),
      nowMs,
      version: 'v1',
      count: this.count,
      countSinceMs: this.countSinceMs,
      ready: ready.length,
      starting: this.instances.length - ready.length,
      readyStableSinceMs: this.stableSinceMs,
      startMs: this.options.startMs,
      scale: this.options.scale,
      resources: {
        limits: { cpus: 0, memoryBytes: 0, pids: 0 },
        reservations: { cpus: 0, memoryBytes: 0, pids: 0 },
      },
      objective: this.options.objective,
      requests: this.options.distort === undefined ? metrics : this.options.distort(second, metrics),
      usage: null,
      heldBack: 0,
      waitMs: null,
      endToEnd: null,
      external: {},
      downstream:
        downstreamMs === null
          ? null
          : {
              last1Ms: downstreamMs,
              last10Ms: downstreamMs,
              spreadMs: 0,
              inFlight: Math.max(0, insideDownstream - atWork),
            },
    };
  }

  private scaleTo(wanted: number, nowMs: number): void {
    const count = Math.min(this.options.scale.max, Math.max(this.options.scale.min, wanted));
    if (count === this.count) return;
    this.count = count;
    this.countSinceMs = nowMs;
    while (this.instances.length < count) this.instances.push(this.instance(nowMs + this.options.startMs));
    // The youngest leave first; what they have begun they finish.
    this.leaving.push(...this.instances.splice(count));
  }

  private report(second: number, nowMs: number, arrivals: number, reason: string): PoolSecond {
    const took = this.done.filter(({ atMs }) => atMs > nowMs - STEP_MS && atMs <= nowMs);
    const bound = this.options.objective?.latency[0]?.ms ?? Infinity;
    return {
      second,
      count: this.count,
      ready: this.ready(nowMs).length,
      arrivals,
      completed: took.length,
      p95Ms: windowOf(this.done, nowMs, 1).p95Ms,
      late: took.filter(({ tookMs }) => tookMs > bound).length,
      reason,
    };
  }
}
