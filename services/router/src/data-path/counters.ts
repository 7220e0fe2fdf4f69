/**
 * What the data path counts, per route and per target. Plain fields, incremented in the request path; read and reset
 * once a second by the metrics tick.
 */
import { LatencyHistogram } from '@mitosis/contracts';

export class TargetCounters {
  requests = 0;
  errors = 0;
  retries = 0;
  inFlight = 0;
  readonly latency = new LatencyHistogram();

  reset(): void {
    this.requests = 0;
    this.errors = 0;
    this.retries = 0;
    this.latency.reset();
  }
}

export class RouteCounters {
  requests = 0;
  errors = 0;
  rejected = 0;
  inFlight = 0;
  queued = 0;
  readonly latency = new LatencyHistogram();
  readonly targets = new Map<string, TargetCounters>();

  target(name: string): TargetCounters {
    let counters = this.targets.get(name);
    if (!counters) this.targets.set(name, (counters = new TargetCounters()));
    return counters;
  }

  reset(): void {
    this.requests = 0;
    this.errors = 0;
    this.rejected = 0;
    this.latency.reset();
    for (const target of this.targets.values()) target.reset();
  }
}

/** One answered request (or failed one) as the client saw it. */
export const countRequest = (
  counters: { requests: number; errors: number; latency: LatencyHistogram },
  ok: boolean,
  latencyMs: number,
): void => {
  counters.requests += 1;
  if (!ok) counters.errors += 1;
  counters.latency.record(latencyMs);
};
