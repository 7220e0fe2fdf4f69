/**
 * Latency histogram with logarithmic buckets: mergeable, sparse on the wire, quantiles within 2.5 % of the value.
 * Sits in the request path of every router: recording is one logarithm and one array increment.
 */
import type { Histogram } from './generated/mitosis/v1/common.js';

/** Ratio of neighbouring bucket bounds; a value reported as the bucket's middle is off by at most half of 5 %. */
const GAMMA = 1.05;
const LOG_GAMMA = Math.log(GAMMA);
/** Bucket 0 ends here; everything faster counts as this. */
const LOWEST_MS = 0.01;
/** 0.01 ms · 1.05^400 ≈ 3,000 s: longer than any request that is let live. */
const BUCKETS = 400;

const bucketOf = (ms: number): number =>
  ms <= LOWEST_MS ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / LOWEST_MS) / LOG_GAMMA));

const middleOf = (bucket: number): number => (bucket === 0 ? LOWEST_MS : LOWEST_MS * GAMMA ** (bucket - 0.5));

export class LatencyHistogram {
  private readonly counts = new Float64Array(BUCKETS);
  private totalCount = 0;
  private totalMs = 0;
  /** Buckets outside these are empty: most histograms use a few of them, and are read often. */
  private lowest = BUCKETS;
  private highest = -1;

  static from(message: Histogram | undefined): LatencyHistogram {
    const histogram = new LatencyHistogram();
    if (message !== undefined) histogram.merge(message);
    return histogram;
  }

  record(ms: number): void {
    this.add(bucketOf(ms), 1);
    this.totalMs += ms;
  }

  merge(message: Histogram): void {
    message.index.forEach((bucket, i) => {
      const count = message.count[i] ?? 0;
      if (bucket >= 0 && bucket < BUCKETS) this.add(bucket, count);
    });
    this.totalMs += message.sumMs;
  }

  private add(bucket: number, count: number): void {
    this.counts[bucket] = (this.counts[bucket] ?? 0) + count;
    this.totalCount += count;
    if (bucket < this.lowest) this.lowest = bucket;
    if (bucket > this.highest) this.highest = bucket;
  }

  get count(): number {
    return this.totalCount;
  }

  get sumMs(): number {
    return this.totalMs;
  }

  get meanMs(): number {
    return this.totalCount === 0 ? 0 : this.totalMs / this.totalCount;
  }

  /** The value below which `q` (0..1) of the recorded ones lie, in ms; 0 when nothing was recorded. */
  quantile(q: number): number {
    if (this.totalCount === 0) return 0;
    const rank = Math.max(1, Math.ceil(q * this.totalCount));
    let seen = 0;
    for (let bucket = this.lowest; bucket <= this.highest; bucket += 1) {
      seen += this.counts[bucket] ?? 0;
      if (seen >= rank) return middleOf(bucket);
    }
    return middleOf(this.highest);
  }

  /** Share of recorded values above `ms`, 0..1. */
  shareAbove(ms: number): number {
    if (this.totalCount === 0) return 0;
    let above = 0;
    for (let bucket = bucketOf(ms) + 1; bucket <= this.highest; bucket += 1)
      above += this.counts[bucket] ?? 0;
    return above / this.totalCount;
  }

  toMessage(): Histogram {
    const index: number[] = [];
    const count: number[] = [];
    for (let bucket = this.lowest; bucket <= this.highest; bucket += 1) {
      const n = this.counts[bucket] ?? 0;
      if (n === 0) continue;
      index.push(bucket);
      count.push(n);
    }
    return { index, count, sumMs: this.totalMs };
  }

  reset(): void {
    this.counts.fill(0, this.lowest, this.highest + 1);
    this.lowest = BUCKETS;
    this.highest = -1;
    this.totalCount = 0;
    this.totalMs = 0;
  }
}
