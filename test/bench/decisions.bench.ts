/**
 * Time of one scaling decision for a whole level of 1,000 components (goal: 50 ms), beside one of 100, so that growth is seen
 * too: by the clock, and of all processors, which counts what the collector does beside it. One JSON line a size.
 * Node has the young space that managers of a level of 1,000 are started with (`youngSpace` in libs/contracts).
 * Usage: pnpm bench:decisions [passes]
 */
import { EMPTY_LEVEL, stepLevel, type LevelInput, type LevelState } from '@mitosis/autoscaler/decide';
import {
  componentName,
  decisionId,
  instanceId,
  siteId,
  type Component,
  type EndpointsRecord,
  type InstanceRecord,
} from '@mitosis/contracts';
import { aComponent, aTypeGraph, aWindow, calls, p95, someRequests } from '@mitosis/autoscaler/testing';

/**
 * Components that know nothing of each other, that call each other and have bounds of their own, or that call each other and
 * share one bound of the whole level.
 */
type GraphShape = 'apart' | 'calling' | 'one bound';

const PASSES = Number(process.argv[2] ?? 60);
const NOW_MS = 1_000_000;
const COPIES = ['a', 'b', 'c'];

const instancesOf = (component: string): InstanceRecord[] =>
  COPIES.map((copy) => ({
    v: 1,
    id: instanceId(`${component}-${copy}`),
    component: componentName(component),
    class: 'application',
    version: 'v1',
    site: siteId('local'),
    phase: 'ready',
    sinceMs: 900_000,
    createdAtMs: 900_000,
    host: '127.0.0.1',
    ports: {},
    exitCode: null,
    reason: '',
    decision: decisionId('d'),
  }));

const endpointsOf = (component: string): EndpointsRecord => ({
  v: 1,
  component: componentName(component),
  endpoints: COPIES.map((copy) => ({
    instance: instanceId(`${component}-${copy}`),
    host: '127.0.0.1',
    ports: {},
    state: 'ready',
    readySinceMs: 901_000,
  })),
});

/** Those that a component calls: three after it in the list, so that each is called by three as well. */
const calledBy = (i: number, names: readonly string[]): readonly string[] =>
  [1, 2, 5].flatMap((ahead) => names[i + ahead] ?? []);

const levelOf = (components: number, graph: GraphShape): LevelInput => {
  const names = Array.from({ length: components }, (_, i) => `c${i}`);
  const dependsOn = (i: number): Component['dependsOn'] =>
    graph === 'apart' ? [] : calls(...calledBy(i, names));
  const own = graph === 'one bound' ? null : p95(200);
  return {
    nowMs: NOW_MS,
    generation: 1,
    typeGraph: aTypeGraph(
      names.map((name, i) => aComponent(name, { objective: own, dependsOn: dependsOn(i) })),
      graph === 'one bound' ? { entry: componentName('c0') } : {},
    ),
    handedDown: null,
    targets: new Map(),
    overrides: new Map(),
    instances: names.flatMap(instancesOf),
    endpoints: new Map(names.map((name) => [name, endpointsOf(name)])),
    metrics: null,
  };
};

/** Loads differ and change, so that no pass repeats the one before it. */
const metricsAt = (components: number, second: number): LevelInput['metrics'] =>
  new Map(
    Array.from({ length: components }, (_, i) => [
      `c${i}`,
      {
        requests: someRequests(aWindow({ rate: 20 + (i % 50) + 10 * Math.sin(second / 10 + i) })),
        usage: null,
      },
    ]),
  );

const CASES = [
  { components: 100, graph: 'apart' },
  { components: 1_000, graph: 'apart' },
  { components: 1_000, graph: 'calling' },
  { components: 1_000, graph: 'one bound' },
] as const;

for (const { components, graph } of CASES) {
  const level = levelOf(components, graph);
  let state: LevelState = EMPTY_LEVEL;
  const tookMs: number[] = [];
  const busyMs: number[] = [];
  for (let second = 0; second < PASSES; second += 1) {
    const metrics = metricsAt(components, second);
    const before = process.cpuUsage();
    const startMs = performance.now();
    state = stepLevel(state, { ...level, nowMs: NOW_MS + second * 1_000, metrics }, { holdMs: 60_000 }).state;
    tookMs.push(performance.now() - startMs);
    const { user, system } = process.cpuUsage(before);
    busyMs.push((user + system) / 1_000);
  }
  const at = (values: readonly number[], share: number): number =>
    Math.round((values.toSorted((a, b) => a - b)[Math.floor(share * PASSES)] ?? NaN) * 10) / 10;
  console.log(
    JSON.stringify({
      bench: 'scaling-decision',
      components,
      graph,
      passes: PASSES,
      medianMs: at(tookMs, 0.5),
      p99Ms: at(tookMs, 0.99),
      processorMedianMs: at(busyMs, 0.5),
    }),
  );
}
