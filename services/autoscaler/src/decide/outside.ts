/**
 * The level's input where another system runs and scales the components: what is there is what was measured, and the
 * figures are Prometheus'. Pure. What was not measured stays unknown.
 */
import {
  decisionId,
  instanceId,
  type Component,
  type ComponentName,
  type Endpoint,
  type EndpointsRecord,
  type SpecRecord,
  type TargetRecord,
} from '@mitosis/contracts';
import { scaledComponents, type ComponentMetrics, type LevelInput } from './level-input.js';
import type { RequestWindow } from './observation.js';

/** Of one component; undefined: not known. Times in seconds. */
export interface Measured {
  readonly instances?: number | undefined;
  readonly rate?: number | undefined;
  readonly errors?: number | undefined;
  readonly p50?: number | undefined;
  readonly p95?: number | undefined;
  readonly p99?: number | undefined;
  readonly mean?: number | undefined;
  readonly inFlight?: number | undefined;
  readonly cpu?: number | undefined;
  readonly memory?: number | undefined;
}

/** How many there are, and since when there are so many. */
export interface Count {
  readonly count: number;
  readonly sinceMs: number;
}

export interface OutsideInput {
  readonly nowMs: number;
  readonly spec: SpecRecord;
  /** null: nothing is known now. */
  readonly measured: ReadonlyMap<string, Measured> | null;
  /** Over which the rates are. */
  readonly windowMs: number;
  readonly endpoints: Readonly<Record<string, readonly Endpoint[]>>;
  /** As `countsOf` had them before. */
  readonly before: ReadonlyMap<string, Count>;
}

/** As far as they are known: what is measured, else what is listed, else what was known before. */
export const countsOf = ({
  nowMs,
  spec,
  measured,
  endpoints,
  before,
}: OutsideInput): ReadonlyMap<string, Count> => {
  const counts = new Map<string, Count>();
  for (const { name } of scaledComponents(spec.typeGraph)) {
    const listed = endpoints[name]?.length ?? 0;
    const known = before.get(name);
    const seen = measured?.get(name)?.instances ?? (listed > 0 ? listed : known?.count);
    if (seen === undefined) continue;
    const count = Math.max(0, Math.round(seen));
    counts.set(name, known?.count === count ? known : { count, sinceMs: nowMs });
  }
  return counts;
};

export const outsideInput = (input: OutsideInput, counts: ReadonlyMap<string, Count>): LevelInput => {
  const { nowMs, spec, measured } = input;
  const components = scaledComponents(spec.typeGraph);
  return {
    nowMs,
    generation: spec.generation,
    typeGraph: spec.typeGraph,
    handedDown: null,
    targets: new Map(
      components.flatMap(({ name }) => {
        const count = counts.get(name);
        return count === undefined ? [] : [[name, targetOf(spec, name, count)] as const];
      }),
    ),
    overrides: new Map(),
    instances: [],
    endpoints: new Map(
      components.flatMap((component) => {
        const count = counts.get(component.name);
        return count === undefined ? [] : [[component.name, endpointsOf(component, count)] as const];
      }),
    ),
    metrics:
      measured &&
      new Map([...measured].map(([name, one]) => [name, metricsOf(one, input.windowMs, counts.get(name))])),
    foreign: true,
  };
};

const targetOf = (spec: SpecRecord, component: ComponentName, { count, sinceMs }: Count): TargetRecord => ({
  v: 1,
  component,
  count,
  generation: spec.generation,
  atMs: sinceMs,
  reason: 'what is there',
  decision: decisionId(''),
});

/** Named by their number: one more or less changes the set, which is all that is asked of it here. */
const endpointsOf = ({ name }: Component, { count, sinceMs }: Count): EndpointsRecord => ({
  v: 1,
  component: name,
  endpoints: Array.from({ length: count }, (_, index) => ({
    instance: instanceId(`${name}#${index}`),
    host: '',
    ports: {},
    state: 'ready',
    readySinceMs: sinceMs,
  })),
});

const metricsOf = (measured: Measured, windowMs: number, count: Count | undefined): ComponentMetrics => {
  const window = windowOf(measured, windowMs);
  const { cpu, memory } = measured;
  return {
    requests: {
      last1: window,
      last10: window,
      last60: window,
      // Little's law where it is not measured.
      inFlight: measured.inFlight ?? (window === null ? 0 : (window.rate * window.meanMs) / 1_000),
      queued: 0,
      rejectedRate: 0,
    },
    usage:
      cpu === undefined || memory === undefined || count === undefined
        ? null
        : { cpuCores: cpu, memoryBytes: memory, instancesSeen: count.count },
  };
};

const windowOf = (measured: Measured, windowMs: number): RequestWindow | null => {
  const { rate, p50, p95, p99, mean } = measured;
  const seconds = windowMs / 1_000;
  if (rate === undefined) return null;
  if (rate === 0) return { seconds, rate, errorRatio: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, meanMs: 0 };
  if (p50 === undefined || p95 === undefined || p99 === undefined || mean === undefined) return null;
  // A counter of errors begins with the first one: until then Prometheus knows of no such series.
  const errorRatio = Math.min(1, (measured.errors ?? 0) / rate);
  return {
    seconds,
    rate,
    errorRatio,
    p50Ms: p50 * 1_000,
    p95Ms: p95 * 1_000,
    p99Ms: p99 * 1_000,
    meanMs: mean * 1_000,
  };
};
