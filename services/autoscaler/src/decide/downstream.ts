/**
 * How much of a component's latency is spent in its dependencies. Without this a slow third party would look like a want
 * of instances in everything that calls it. Traffic of a dependency with several callers is shared out by their rates,
 * which is exact when they call it equally often per request.
 */
import type { Component, TypeGraph } from '@mitosis/contracts';
import { answersFor, callersOf } from './call-graph.js';
import type { ComponentMetrics } from './level-input.js';
import { isPlausible, soundRequests, type Downstream, type RequestWindow } from './observation.js';
import { perKey, perName } from './per-key.js';
import { P95_DEVIATIONS } from './queueing.js';

type Metrics = ReadonlyMap<string, ComponentMetrics>;
type WindowName = 'last1' | 'last10';

/** null: nothing is known, or what is said cannot be so. */
const windowOf = (metrics: Metrics, name: string, window: WindowName): RequestWindow | null => {
  const seen = metrics.get(name)?.requests[window] ?? null;
  return seen !== null && isPlausible(seen) ? seen : null;
};

interface Called {
  /** Requests per second of all callers together in the last ten seconds; 0: nobody calls, or nothing is known. */
  readonly rate: number;
  /** Mean time per request of a caller spent here; null: unknown. */
  readonly last1Ms: number | null;
  readonly last10Ms: number | null;
  /**
   * Square of the distance between mean and 95th percentile that calls of one request add, the chance to be called once more
   * included; 0: unknown.
   */
  readonly spread2: number;
  /** Requests inside and queued; 0: unknown. */
  readonly inside: number;
}

const callersRate = (callers: readonly string[], metrics: Metrics, window: WindowName): number => {
  let sum = 0;
  for (const name of callers) sum += windowOf(metrics, name, window)?.rate ?? 0;
  return sum;
};

const calledOf = (callers: readonly string[], metrics: Metrics, dependency: string): Called => {
  const rate = callersRate(callers, metrics, 'last10');
  const last1 = windowOf(metrics, dependency, 'last1');
  const last10 = windowOf(metrics, dependency, 'last10');
  const requests = soundRequests(metrics.get(dependency)?.requests ?? null);
  const inside = requests === null ? 0 : requests.inFlight + requests.queued;
  if (last10 === null || rate <= 0) return { rate, last1Ms: null, last10Ms: null, spread2: 0, inside };
  // Of a single second the chance in both counts would be more than what is looked for.
  const visits = last10.rate / rate;
  return {
    rate,
    last1Ms: last1 === null ? null : visits * last1.meanMs,
    last10Ms: visits * last10.meanMs,
    spread2:
      visits * Math.max(0, last10.p95Ms - last10.meanMs) ** 2 +
      P95_DEVIATIONS ** 2 * (visits % 1) * (1 - (visits % 1)) * last10.meanMs ** 2,
    inside,
  };
};

/** Of one graph and one snapshot: each dependency is looked at once, however many call it. */
const calledIn = perKey((typeGraph: TypeGraph) =>
  perKey((metrics: Metrics) =>
    perName((dependency) => calledOf(callersOf(typeGraph, dependency), metrics, dependency)),
  ),
);

const plus = (sum: number | null, ms: number | null): number | null => (ms === null ? sum : (sum ?? 0) + ms);

/** null: no dependency that speaks HTTP, or nothing is known about them. */
export const downstreamOf = (
  typeGraph: TypeGraph,
  metrics: Metrics,
  component: Component,
): Downstream | null => {
  const dependencies = answersFor(typeGraph, component.name);
  if (dependencies === undefined) return null;
  const own = windowOf(metrics, component.name, 'last10')?.rate ?? 0;
  const calledOne = calledIn(typeGraph)(metrics);
  let last1Ms: number | null = null;
  let last10Ms: number | null = null;
  let spread2 = 0;
  let inFlight = 0;
  for (const name of dependencies) {
    const called = calledOne(name);
    last1Ms = plus(last1Ms, called.last1Ms);
    last10Ms = plus(last10Ms, called.last10Ms);
    spread2 += called.spread2;
    if (called.rate > 0) inFlight += called.inside * (own / called.rate);
  }
  return { last1Ms, last10Ms, spreadMs: Math.sqrt(spread2), inFlight };
};
