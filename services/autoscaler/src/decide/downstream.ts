/**
 * How much of a component's latency is spent in its dependencies. Without this a slow third party would look like a want
 * of instances in everything that calls it. Traffic of a dependency with several callers is shared out by their rates,
 * which is exact when they call it equally often per request.
 */
import type { Component, TypeGraph } from '@mitosis/contracts';
import { callersOf, speaksHttp } from './call-graph.js';
import { componentOf, type ComponentMetrics } from './level-input.js';
import type { Downstream, RequestWindow } from './observation.js';

type Metrics = ReadonlyMap<string, ComponentMetrics>;
type WindowName = 'last1' | 'last10';

const windowOf = (metrics: Metrics, name: string, window: WindowName): RequestWindow | null =>
  metrics.get(name)?.requests[window] ?? null;

const callersRate = (
  typeGraph: TypeGraph,
  metrics: Metrics,
  dependency: string,
  window: WindowName,
): number =>
  callersOf(typeGraph, dependency).reduce(
    (sum, name) => sum + (windowOf(metrics, name, window)?.rate ?? 0),
    0,
  );

/** Mean time per request of a caller spent in one dependency; null: unknown. */
const timeIn = (
  typeGraph: TypeGraph,
  metrics: Metrics,
  dependency: string,
  window: WindowName,
): number | null => {
  const seen = windowOf(metrics, dependency, window);
  const rate = callersRate(typeGraph, metrics, dependency, window);
  return seen === null || rate <= 0 ? null : (seen.rate / rate) * seen.meanMs;
};

const sumKnown = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((sum, value) => (value === null ? sum : (sum ?? 0) + value), null);

/** null: no dependency that speaks HTTP, or nothing is known about them. */
export const downstreamOf = (
  typeGraph: TypeGraph,
  metrics: Metrics,
  component: Component,
): Downstream | null => {
  const dependencies = component.dependsOn
    .map((dependency) => componentOf(typeGraph, dependency.component))
    .filter((dependency) => dependency !== undefined && speaksHttp(dependency))
    .flatMap((dependency) => (dependency === undefined ? [] : [dependency.name]));
  if (dependencies.length === 0) return null;
  const own = windowOf(metrics, component.name, 'last10')?.rate ?? 0;
  const inside = (name: string): number => {
    const requests = metrics.get(name)?.requests;
    const all = callersRate(typeGraph, metrics, name, 'last10');
    return requests === undefined || all <= 0 ? 0 : (requests.inFlight + requests.queued) * (own / all);
  };
  return {
    last1Ms: sumKnown(dependencies.map((name) => timeIn(typeGraph, metrics, name, 'last1'))),
    last10Ms: sumKnown(dependencies.map((name) => timeIn(typeGraph, metrics, name, 'last10'))),
    inFlight: dependencies.reduce((sum, name) => sum + inside(name), 0),
  };
};
