/** What samples say. Pure; exact percentiles, since a tour has some ten thousand samples only. */
import { isFailed, type Sample } from './sample.js';

export interface Summary {
  readonly sent: number;
  readonly failed: number;
  readonly errorRatio: number;
  /** Milliseconds; null without a sample. Failed requests count with the time they took. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  /** Connection errors at the first try, whatever the retry brought. */
  readonly refused: number;
  readonly resets: number;
  readonly degraded: number;
}

/** Nearest-rank percentile of ascending values, 0 < q ≤ 1. */
export const percentile = (ascending: readonly number[], q: number): number | null =>
  ascending[Math.max(0, Math.ceil(q * ascending.length) - 1)] ?? null;

export const summarise = (samples: readonly Sample[]): Summary => {
  const latencies = samples.map((sample) => sample.latencyMs).sort((a, b) => a - b);
  const count = (test: (sample: Sample) => boolean): number => samples.filter(test).length;
  const failed = count(isFailed);
  return {
    sent: samples.length,
    failed,
    errorRatio: samples.length === 0 ? 0 : failed / samples.length,
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    p99Ms: percentile(latencies, 0.99),
    refused: count((sample) => sample.firstTry === 'refused'),
    resets: count((sample) => sample.firstTry === 'reset'),
    degraded: count((sample) => sample.degraded),
  };
};

/** Samples meant to be sent in `fromMs` ≤ t < `toMs`. */
export const within = (samples: readonly Sample[], fromMs: number, toMs: number): readonly Sample[] =>
  samples.filter((sample) => sample.atMs >= fromMs && sample.atMs < toMs);

export interface Second {
  /** Its begin, wall clock. */
  readonly atMs: number;
  readonly summary: Summary;
}

/** One summary a second from `fromMs` to `toMs`, also for seconds without a sample. */
export const bySecond = (samples: readonly Sample[], fromMs: number, toMs: number): readonly Second[] => {
  const buckets: Sample[][] = Array.from(
    { length: Math.max(0, Math.ceil((toMs - fromMs) / 1_000)) },
    () => [],
  );
  for (const sample of samples) buckets[Math.floor((sample.atMs - fromMs) / 1_000)]?.push(sample);
  return buckets.map((bucket, at) => ({ atMs: fromMs + at * 1_000, summary: summarise(bucket) }));
};
