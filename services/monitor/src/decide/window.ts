/** Sums of request counts, and the window of a series made of them. Unknown is never zero: see `UNKNOWN_WINDOW`. */
import { LatencyHistogram, type common, type monitor } from '@mitosis/contracts';

/** What routers count, of a route or of one of its targets. */
export interface Counts {
  readonly requests: number;
  readonly errors: number;
  readonly latency: common.Histogram | undefined;
}

export class Tally {
  requests = 0;
  errors = 0;
  rejected = 0;
  private readonly latency = new LatencyHistogram();

  add(counts: Counts, rejected = 0): void {
    this.requests += counts.requests;
    this.errors += counts.errors;
    this.rejected += rejected;
    if (counts.latency !== undefined) this.latency.merge(counts.latency);
  }

  /** `seconds` is the time the counts cover; 0 makes the window unknown. */
  window(seconds: number): monitor.Window {
    if (seconds <= 0) return UNKNOWN_WINDOW;
    const { latency } = this;
    return {
      known: true,
      seconds,
      rate: this.requests / seconds,
      errorRatio: this.requests === 0 ? 0 : Math.min(1, this.errors / this.requests),
      p50Ms: latency.quantile(0.5),
      p95Ms: latency.quantile(0.95),
      p99Ms: latency.quantile(0.99),
      meanMs: latency.meanMs,
      histogram: latency.toMessage(),
    };
  }
}

/** No fresh sample stands behind it: nothing but `known` may be read. */
export const UNKNOWN_WINDOW: monitor.Window = {
  known: false,
  seconds: 0,
  rate: 0,
  errorRatio: 0,
  p50Ms: 0,
  p95Ms: 0,
  p99Ms: 0,
  meanMs: 0,
  histogram: undefined,
};
