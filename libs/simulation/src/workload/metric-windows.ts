/**
 * What the monitor would say about one component: windows of 1, 10 and 60 seconds over weighted samples of response
 * times, on logarithmic buckets as wide as the routers' (percentiles within 2.5 %). Nothing that only the simulation
 * knows may pass through here: policies must estimate service times themselves.
 */

/** As in the routers' histograms. */
const LOG_GAMMA = Math.log(1.05);
const LOWEST_MS = 0.01;
const BUCKETS = 400;
const MIDDLES = Float64Array.from({ length: BUCKETS }, (_, i) => LOWEST_MS * 1.05 ** Math.max(0, i - 0.5));

const bucketOf = (ms: number): number =>
  ms <= LOWEST_MS ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / LOWEST_MS) / LOG_GAMMA));

export interface WindowFigures {
  readonly seconds: number;
  readonly rate: number;
  readonly errorRatio: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly meanMs: number;
}

/** One step of one component. `weight`: requests each sample stands for. */
export interface StepFigures {
  /** Whole, at least 1. */
  readonly seconds: number;
  readonly samples: Float64Array;
  readonly used: number;
  readonly weight: number;
  readonly completed: number;
  readonly rejected: number;
}

/** A sliding sum over as few of the newest steps as last `length` seconds together. */
class SlidingWindow {
  private readonly counts = new Float64Array(BUCKETS);
  private weight = 0;
  private sumMs = 0;
  private completed = 0;
  private rejected = 0;
  private filled = 0;
  private high = 0;
  /** Place of the oldest step that is in. */
  private oldest = 0;

  constructor(private readonly length: number) {}

  /** Takes out what is not needed any more when a step of `seconds` is added to the `steps` so far. */
  makeRoom(ring: readonly StoredStep[], steps: number, seconds: number): void {
    for (; this.oldest < steps; this.oldest += 1) {
      const step = ring[this.oldest % RING];
      if (step === undefined || this.filled - step.seconds + seconds < this.length) return;
      this.remove(step);
    }
  }

  add(step: StoredStep): void {
    this.change(step, 1);
    for (let i = 0; i < step.used; i += 1) {
      const bucket = step.buckets[i] ?? 0;
      if (bucket > this.high) this.high = bucket;
    }
  }

  private remove(step: StoredStep): void {
    this.change(step, -1);
    while (this.high > 0 && (this.counts[this.high] ?? 0) < 1e-9) this.high -= 1;
  }

  private change(step: StoredStep, sign: number): void {
    const weight = sign * step.weight;
    for (let i = 0; i < step.used; i += 1) {
      const bucket = step.buckets[i] ?? 0;
      this.counts[bucket] = (this.counts[bucket] ?? 0) + weight;
    }
    this.filled += sign * step.seconds;
    this.weight += weight * step.used;
    this.sumMs += sign * step.sumMs;
    this.completed += sign * step.completed;
    this.rejected += sign * step.rejected;
  }

  figures(): WindowFigures {
    const seconds = Math.max(1, this.filled);
    const requests = this.completed + this.rejected;
    const { weight } = this;
    const answered = weight > 1e-6;
    const percentiles = answered ? this.percentiles() : [0, 0, 0];
    return {
      seconds,
      rate: Math.max(0, requests) / seconds,
      errorRatio: requests > 1e-6 ? Math.min(1, Math.max(0, this.rejected / requests)) : 0,
      p50Ms: percentiles[2] ?? 0,
      p95Ms: percentiles[1] ?? 0,
      p99Ms: percentiles[0] ?? 0,
      meanMs: answered ? Math.max(0, this.sumMs / weight) : 0,
    };
  }

  /** 99th, 95th, 50th, in one walk from the slowest bucket down. */
  private percentiles(): readonly [number, number, number] {
    const { weight, counts } = this;
    let above = 0;
    let bucket = this.high;
    const at = (share: number): number => {
      // What lies above a percentile is at most its share; half a unit of rounding is left to sums of floats.
      while (bucket > 0 && above + (counts[bucket] ?? 0) <= share * weight + 1e-9) {
        above += counts[bucket] ?? 0;
        bucket -= 1;
      }
      return MIDDLES[bucket] ?? 0;
    };
    return [at(0.01), at(0.05), at(0.5)];
  }
}

interface StoredStep {
  seconds: number;
  buckets: Uint16Array;
  used: number;
  weight: number;
  sumMs: number;
  completed: number;
  rejected: number;
}

const LONGEST_S = 60;
/** Steps that are remembered: those of the longest window and the one that comes in. */
const RING = LONGEST_S + 1;

export class MetricWindows {
  private readonly ring: StoredStep[] = [];
  private readonly last1 = new SlidingWindow(1);
  private readonly last10 = new SlidingWindow(10);
  private readonly last60 = new SlidingWindow(LONGEST_S);
  private at = 0;

  add(step: StepFigures): void {
    const { last1, last10, last60, ring } = this;
    for (const window of [last1, last10, last60]) window.makeRoom(ring, this.at, step.seconds);
    const stored = this.store(step);
    last1.add(stored);
    last10.add(stored);
    last60.add(stored);
    this.at += 1;
  }

  read(): { readonly last1: WindowFigures; readonly last10: WindowFigures; readonly last60: WindowFigures } {
    return { last1: this.last1.figures(), last10: this.last10.figures(), last60: this.last60.figures() };
  }

  private store(step: StepFigures): StoredStep {
    const stored = (this.ring[this.at % RING] ??= {
      seconds: 1,
      buckets: new Uint16Array(step.samples.length),
      used: 0,
      weight: 0,
      sumMs: 0,
      completed: 0,
      rejected: 0,
    });
    let sumMs = 0;
    for (let i = 0; i < step.used; i += 1) {
      const ms = step.samples[i] ?? 0;
      stored.buckets[i] = bucketOf(ms);
      sumMs += ms;
    }
    stored.seconds = step.seconds;
    stored.used = step.used;
    stored.weight = step.weight;
    stored.sumMs = sumMs * step.weight;
    stored.completed = step.completed;
    stored.rejected = step.rejected;
    return stored;
  }
}
