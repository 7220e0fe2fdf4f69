/** Figures per component at `/metrics`, computed when they are scraped. Labels: components of the level, nothing else. */
import type { monitor } from '@mitosis/contracts';
import { Gauge, type Registry } from '@mitosis/service-kit';

interface Figure {
  readonly name: string;
  readonly help: string;
  /** Undefined: unknown, so that there is no sample rather than a zero. */
  readonly value: (snapshot: monitor.ComponentSnapshot) => number | undefined;
}

const ifKnown =
  (value: (window: monitor.Window, snapshot: monitor.ComponentSnapshot) => number): Figure['value'] =>
  (snapshot) =>
    snapshot.last10?.known === true ? value(snapshot.last10, snapshot) : undefined;

const FIGURES: readonly Figure[] = [
  {
    name: 'known',
    help: '1 while a fresh router sample stands behind it',
    value: ({ last10 }) => Number(last10?.known ?? false),
  },
  { name: 'requests_per_second', help: 'Requests per second, last 10 s', value: ifKnown(({ rate }) => rate) },
  {
    name: 'error_ratio',
    help: 'Share of failed requests, last 10 s',
    value: ifKnown(({ errorRatio }) => errorRatio),
  },
  {
    name: 'latency_p50_seconds',
    help: 'Median latency, last 10 s',
    value: ifKnown(({ p50Ms }) => p50Ms / 1_000),
  },
  {
    name: 'latency_p95_seconds',
    help: '95th percentile, last 10 s',
    value: ifKnown(({ p95Ms }) => p95Ms / 1_000),
  },
  {
    name: 'latency_p99_seconds',
    help: '99th percentile, last 10 s',
    value: ifKnown(({ p99Ms }) => p99Ms / 1_000),
  },
  {
    name: 'in_flight',
    help: 'Requests in flight now',
    value: ifKnown((_, { inFlight }) => inFlight),
  },
  {
    name: 'queued',
    help: 'Requests held for want of an endpoint',
    value: ifKnown((_, { queued }) => queued),
  },
  {
    name: 'rejected_per_second',
    help: 'Answered by the router itself, last 10 s',
    value: ifKnown((_, { rejectedRate }) => rejectedRate),
  },
  {
    name: 'cpu_cores',
    help: 'Cores used by all instances',
    value: ({ resourcesKnown, cpuCores }) => (resourcesKnown ? cpuCores : undefined),
  },
  {
    name: 'memory_bytes',
    help: 'Memory used by all instances',
    value: ({ resourcesKnown, memoryBytes }) => (resourcesKnown ? memoryBytes : undefined),
  },
];

/** More components than this are not exported: a level is of a size people can look at. */
const COMPONENTS_MAX = 200;

/** All gauges of one scrape share a snapshot this young. */
const SCRAPE_MS = 200;

export const exportFigures = (registry: Registry, snapshot: () => monitor.LevelSnapshot): void => {
  let taken: { readonly atMs: number; readonly components: readonly monitor.ComponentSnapshot[] } | undefined;
  const components = (): readonly monitor.ComponentSnapshot[] => {
    const atMs = performance.now();
    if (taken === undefined || atMs - taken.atMs > SCRAPE_MS) {
      taken = { atMs, components: snapshot().components.slice(0, COMPONENTS_MAX) };
    }
    return taken.components;
  };
  for (const { name, help, value } of FIGURES) {
    const gauge = new Gauge({
      name: `mitosis_component_${name}`,
      help,
      labelNames: ['component'],
      registers: [registry],
      collect: () => {
        gauge.reset();
        for (const one of components()) {
          const known = value(one);
          if (known !== undefined) gauge.set({ component: one.component }, known);
        }
      },
    });
  }
};
