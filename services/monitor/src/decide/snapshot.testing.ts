/** Messages of routers and agents for the monitor's specs. */
import { LatencyHistogram, router } from '@mitosis/contracts';
import type { AgentSample, RouterSample } from './samples.js';
import type { SnapshotInput } from './snapshot.js';

export const NOW_MS = 1_000_000;

export interface RouteCounts {
  readonly component: string;
  readonly requests: number;
  readonly errors?: number;
  readonly rejected?: number;
  readonly inFlight?: number;
  readonly queued?: number;
  /** One latency for each request, in ms; default 10. */
  readonly latencies?: readonly number[];
  readonly target?: string;
}

export const routeOf = (counts: RouteCounts): router.RouteMetrics => {
  const histogram = new LatencyHistogram();
  const latencies = counts.latencies ?? Array.from({ length: counts.requests }, () => 10);
  for (const ms of latencies) histogram.record(ms);
  const shared = {
    requests: counts.requests,
    errors: counts.errors ?? 0,
    inFlight: counts.inFlight ?? 0,
    latency: histogram.toMessage(),
  };
  return router.RouteMetrics.fromPartial({
    ...shared,
    component: counts.component,
    port: 'default',
    rejected: counts.rejected ?? 0,
    queued: counts.queued ?? 0,
    targets: counts.target === undefined ? [] : [{ ...shared, target: counts.target }],
  });
};

/** `agoMs` before `NOW_MS`. */
export const routerSample = (name: string, agoMs: number, routes: readonly RouteCounts[]): RouterSample => ({
  router: name,
  receivedAtMs: NOW_MS - agoMs,
  metrics: { replica: name, atMs: NOW_MS - agoMs, intervalMs: 1_000, routes: routes.map(routeOf) },
});

export const agentSample = (
  name: string,
  agoMs: number,
  instances: readonly { readonly id: string; readonly cpuCores: number; readonly memoryBytes?: number }[],
): AgentSample => ({
  agent: name,
  receivedAtMs: NOW_MS - agoMs,
  stats: {
    atMs: NOW_MS - agoMs,
    instances: instances.map(({ id, cpuCores, memoryBytes = 1_000 }) => ({
      id,
      cpuCores,
      memoryBytes,
      processes: 1,
    })),
  },
});

export const bySource = <S extends { readonly receivedAtMs: number }>(
  samples: readonly S[],
  source: (sample: S) => string,
): ReadonlyMap<string, readonly S[]> => {
  const grouped = new Map<string, S[]>();
  for (const sample of [...samples].sort((a, b) => a.receivedAtMs - b.receivedAtMs)) {
    grouped.set(source(sample), [...(grouped.get(source(sample)) ?? []), sample]);
  }
  return grouped;
};

export const inputOf = (over: Partial<SnapshotInput> = {}): SnapshotInput => ({
  level: 'shop',
  nowMs: NOW_MS,
  components: [{ name: 'web', routed: true }],
  routers: new Map(),
  agents: new Map(),
  componentOf: new Map(),
  children: new Map(),
  expectedRouters: [],
  expectedAgents: [],
  ...over,
});
