/** Inputs of tests: a level with one site, and builders for what lies in it. */
import {
  agent,
  bareComponent,
  bareTypeGraph,
  componentName,
  decisionId,
  instanceId,
  levelId,
  siteId,
  type Component,
  type InstanceRecord,
  type PlacementRecord,
  type Release,
  type SpecRecord,
  type TargetRecord,
  type TypeGraph,
} from '@mitosis/contracts';
import type { ActOutcomes, HealthInput, SiteObservation, Versioned } from './input.js';
import { wantedListeners } from './listeners.js';
import { worldOf } from './world.js';
import { routerVersion } from './management.js';

export const LEVEL = levelId('shop');
export const SITE = siteId('local');
export const SELF = instanceId('mitosis-manager-a');
export const NOW = 1_000_000;
export const RELEASE: Release = {
  version: '1',
  node: 'node',
  manager: 'manager.js',
  router: 'router.js',
  agent: 'agent.js',
  etcd: 'etcd',
};

export const service = (name: string, over: Partial<Component> = {}): Component =>
  bareComponent(name, {
    run: {
      driver: 'process',
      image: null,
      command: ['node', `${name}.js`],
      workingDir: '/srv',
      env: {},
      user: '',
      stopSignal: 'SIGTERM',
      stopGraceMs: 10_000,
      container: {},
    },
    update: {
      parallelism: 1,
      delayMs: 0,
      monitorMs: 5_000,
      failureAction: 'pause',
      maxFailureRatio: 0,
      order: 'start-first',
    },
    ...over,
  });

export const typeGraph = (...components: readonly Component[]): TypeGraph => bareTypeGraph(LEVEL, components);

export const versioned = <T>(value: T, modRevision = 10): Versioned<T> => ({ value, modRevision });

export const specOf = (graph: TypeGraph, phase: SpecRecord['phase'] = 'operating'): Versioned<SpecRecord> =>
  versioned({ v: 1, generation: 1, phase, typeGraph: graph, appliedAtMs: NOW });

export const target = (component: string, count: number): Versioned<TargetRecord> =>
  versioned({
    v: 1,
    component: componentName(component),
    count,
    generation: 1,
    atMs: NOW,
    reason: 'wanted',
    decision: decisionId('t'),
  });

export const placement = (
  component: string,
  counts: Readonly<Record<string, number>>,
): Versioned<PlacementRecord> =>
  versioned({
    v: 1,
    component: componentName(component),
    targetRevision: 10,
    counts,
    unplaced: 0,
    reason: 'fits',
    decision: decisionId('p'),
  });

export const instance = (
  id: string,
  component: string,
  over: Partial<InstanceRecord> = {},
): InstanceRecord => ({
  v: 1,
  id: instanceId(id),
  component: componentName(component),
  class: 'application',
  version: 'v1',
  site: SITE,
  phase: 'ready',
  sinceMs: NOW - 60_000,
  createdAtMs: NOW - 60_000,
  host: '127.0.0.1',
  ports: { default: 4_000 },
  exitCode: null,
  reason: '',
  decision: decisionId('i'),
  ...over,
});

export const status = (
  record: InstanceRecord,
  over: Partial<agent.InstanceStatus> = {},
): agent.InstanceStatus =>
  agent.InstanceStatus.fromPartial({
    level: LEVEL,
    id: record.id,
    component: record.component,
    class: record.class,
    version: record.version,
    state: 'running',
    health: 'healthy',
    host: '127.0.0.1',
    ports: { ...record.ports },
    startedAtMs: record.createdAtMs,
    ...over,
  });

export const NO_OUTCOMES: ActOutcomes = {
  stopped: new Set(),
  refused: new Map(),
  listeners: new Map(),
  released: new Set(),
  listenAgain: new Set(),
  born: new Set(),
  purged: new Set(),
};

export interface LevelSetup {
  readonly components: readonly Component[];
  readonly phase?: SpecRecord['phase'];
  /** Wanted per component on the one site; a component without has no target and no placement. */
  readonly wanted?: Readonly<Record<string, number>>;
  readonly instances?: readonly InstanceRecord[];
  /** What the agent reports; default: each instance that is up runs and is healthy. */
  readonly statuses?: readonly agent.InstanceStatus[];
  readonly synced?: boolean;
  readonly over?: Partial<HealthInput>;
}

const UP: ReadonlySet<string> = new Set(['starting', 'running', 'ready', 'draining', 'stopping']);

export const self = (): InstanceRecord =>
  instance(SELF, 'mitosis-manager', { class: 'management', version: '1', ports: { grpc: 1, http: 2 } });

/** A level whose listeners are held and whose management is complete, so that a test sees only its own matter. */
export const level = (setup: LevelSetup): HealthInput => {
  const graph = typeGraph(...setup.components);
  const listeners = wantedListeners(graph).map(({ name, component, port }, index) => ({
    name,
    component: component.name,
    port: port.name,
    protocol: port.protocol,
    host: '127.0.0.1',
    number: 9_000 + index,
    published: false,
  }));
  const bare = baseInput(setup, graph, listeners);
  const router = instance('mitosis-router-a', 'mitosis-router', {
    class: 'management',
    version: routerVersion(worldOf(bare), SITE),
    ports: { grpc: 3, http: 4 },
  });
  const records = [self(), router, ...(setup.instances ?? [])];
  const reported = [
    status(self()),
    status(router),
    ...(setup.statuses ??
      (setup.instances ?? []).filter(({ phase }) => UP.has(phase)).map((record) => status(record))),
  ];
  const site: SiteObservation = {
    synced: setup.synced ?? true,
    host: '127.0.0.1',
    statuses: new Map(reported.map((one) => [instanceId(one.id), one])),
  };
  return {
    ...bare,
    instances: new Map(records.map((record) => [record.id, versioned(record)])),
    agents: new Map([[SITE, site]]),
    ...setup.over,
  };
};

const baseInput = (
  setup: LevelSetup,
  graph: TypeGraph,
  listeners: readonly {
    readonly name: string;
    readonly component: ReturnType<typeof componentName>;
    readonly port: string;
    readonly protocol: 'http' | 'tcp';
    readonly host: string;
    readonly number: number;
    readonly published: boolean;
  }[],
): HealthInput => {
  const wanted = Object.entries(setup.wanted ?? {});
  return {
    nowMs: NOW,
    level: LEVEL,
    self: SELF,
    epoch: { incarnation: 1, revision: 5 },
    random: seeded(7),
    management: { release: RELEASE, etcd: 'http://127.0.0.1:2379', leaseTtlMs: 3_000 },
    spec: specOf(graph, setup.phase),
    targets: new Map(wanted.map(([name, count]) => [name, target(name, count)])),
    placements: new Map(wanted.map(([name, count]) => [name, placement(name, { [SITE]: count })])),
    sites: new Map([
      [
        SITE,
        versioned({
          v: 1 as const,
          site: SITE,
          driver: 'process' as const,
          agent: 'unix:/tmp/agent.sock',
          cpus: 4,
          memoryBytes: 8e9,
          zone: '',
          pricePerCpuHour: 0,
        }),
      ],
    ]),
    instances: new Map(),
    rollouts: new Map(),
    endpoints: new Map(),
    listeners: new Map([[SITE, versioned({ v: 1 as const, site: SITE, listeners })]]),
    children: new Map(),
    births: new Map(),
    agents: new Map(),
    routers: [],
    childHealth: new Map(),
    outcomes: {
      ...NO_OUTCOMES,
      listeners: new Map([
        [SITE, listeners.map(({ name, host, number }) => ({ name, host, port: number, error: '' }))],
      ]),
    },
  };
};

/** mulberry32: small, seeded, good enough for tests. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};
