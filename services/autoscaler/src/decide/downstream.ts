/**
 * How much of a component's latency is spent in its dependencies. Without this a slow third party would look like a want
 * of instances in everything that calls it. Traffic of a dependency with several callers is shared out by their rates,
 * which is exact when they call it equally often per request.
 */
import type { Component, TypeGraph } from '@mitosis/contracts';
import { componentOf, type ComponentMetrics } from './level-input.js';
import type { Downstream, RequestWindow } from './observation.js';
import { perKey } from './per-key.js';

type Metrics = ReadonlyMap<string, ComponentMetrics>;
type WindowName = 'last1' | 'last10';

/** Connections of other protocols outlive requests: their durations and numbers say nothing about one request. */
const speaksHttp = (component: Component): boolean =>
  component.ports.length > 0 && component.ports.every(({ protocol }) => protocol === 'http');

const windowOf = (metrics: Metrics, name: string, window: WindowName): RequestWindow | null =>
  metrics.get(name)?.requests[window] ?? null;

interface Calls {
  /** Who calls a component, and whose answers a component waits for over HTTP. */
  readonly callers: ReadonlyMap<string, readonly string[]>;
  readonly called: ReadonlyMap<string, readonly string[]>;
}

/** Found once per graph: searched for each component anew, a graph of a thousand would take a second. */
const callsOf = perKey((typeGraph: TypeGraph): Calls => {
  const callers = new Map<string, string[]>();
  const called = new Map<string, readonly string[]>();
  for (const { name, dependsOn } of Object.values(typeGraph.components)) {
    const dependencies = dependsOn.map(({ component }): string => component);
    for (const dependency of new Set(dependencies)) {
      const known = callers.get(dependency);
      if (known === undefined) callers.set(dependency, [name]);
      else known.push(name);
    }
    const answering = dependencies.filter((dependency) => {
      const found = componentOf(typeGraph, dependency);
      return found !== undefined && speaksHttp(found);
    });
    if (answering.length > 0) called.set(name, answering);
  }
  return { callers, called };
});

interface Called {
  /** Requests per second of all callers together in the last ten seconds; 0: nobody calls, or nothing is known. */
  readonly rate: number;
  /** Mean time per request of a caller spent here; null: unknown. */
  readonly last1Ms: number | null;
  readonly last10Ms: number | null;
}

const callersRate = (callers: readonly string[], metrics: Metrics, window: WindowName): number => {
  let sum = 0;
  for (const name of callers) sum += windowOf(metrics, name, window)?.rate ?? 0;
  return sum;
};

const calledOf = (callers: readonly string[], metrics: Metrics, dependency: string): Called => {
  const timeIn = (window: WindowName, rate: number): number | null => {
    const seen = windowOf(metrics, dependency, window);
    return seen === null || rate <= 0 ? null : (seen.rate / rate) * seen.meanMs;
  };
  const rate = callersRate(callers, metrics, 'last10');
  return {
    rate,
    last1Ms: timeIn('last1', callersRate(callers, metrics, 'last1')),
    last10Ms: timeIn('last10', rate),
  };
};

/** Of one graph and one snapshot: each dependency is looked at once, however many call it. */
const calledIn = perKey((typeGraph: TypeGraph) =>
  perKey((metrics: Metrics) => {
    const known = new Map<string, Called>();
    return (dependency: string): Called => {
      let called = known.get(dependency);
      if (called === undefined) {
        called = calledOf(callsOf(typeGraph).callers.get(dependency) ?? [], metrics, dependency);
        known.set(dependency, called);
      }
      return called;
    };
  }),
);

const sumKnown = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((sum, value) => (value === null ? sum : (sum ?? 0) + value), null);

/** null: no dependency that speaks HTTP, or nothing is known about them. */
export const downstreamOf = (
  typeGraph: TypeGraph,
  metrics: Metrics,
  component: Component,
): Downstream | null => {
  const dependencies = callsOf(typeGraph).called.get(component.name);
  if (dependencies === undefined) return null;
  const own = windowOf(metrics, component.name, 'last10')?.rate ?? 0;
  const called = calledIn(typeGraph)(metrics);
  const inside = (name: string): number => {
    const requests = metrics.get(name)?.requests;
    const { rate } = called(name);
    return requests === undefined || rate <= 0 ? 0 : (requests.inFlight + requests.queued) * (own / rate);
  };
  return {
    last1Ms: sumKnown(dependencies.map((name) => called(name).last1Ms)),
    last10Ms: sumKnown(dependencies.map((name) => called(name).last10Ms)),
    inFlight: dependencies.reduce((sum, name) => sum + inside(name), 0),
  };
};
