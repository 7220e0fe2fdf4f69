/** Inputs of tests. */
import {
  bareComponent,
  bareTypeGraph,
  componentName,
  decisionId,
  siteId,
  type Component,
  type SiteRecord,
  type SiteSpec,
  type SpecRecord,
  type TargetRecord,
} from '@mitosis/contracts';
import type { PlacerInput, Versioned } from './input.js';

export const component = (
  name: string,
  resources: {
    readonly cpus?: number;
    readonly memoryBytes?: number;
    readonly limitCpus?: number;
    readonly runOnce?: boolean;
  } = {},
): Component =>
  bareComponent(name, {
    run: {
      driver: 'process',
      image: null,
      command: ['node'],
      workingDir: '/',
      env: {},
      user: '',
      stopSignal: 'SIGTERM',
      stopGraceMs: 1_000,
      container: {},
    },
    ports: [],
    resources: {
      limits: { cpus: resources.limitCpus ?? 0, memoryBytes: 0, pids: 0 },
      reservations: { cpus: resources.cpus ?? 0, memoryBytes: resources.memoryBytes ?? 0, pids: 0 },
    },
    runOnce: resources.runOnce ?? false,
  });

export const site = (name: string, over: Partial<SiteRecord> = {}): SiteRecord => ({
  v: 1,
  site: siteId(name),
  driver: 'process',
  agent: `${name}:1`,
  cpus: 4,
  memoryBytes: 8 * 2 ** 30,
  zone: '',
  pricePerCpuHour: 0,
  ...over,
});

export const versioned = <T>(value: T, modRevision = 10): Versioned<T> => ({ value, modRevision });

export const specOf = (
  components: readonly Component[],
  sites: readonly SiteSpec[] = [],
  phase: SpecRecord['phase'] = 'operating',
): Versioned<SpecRecord> =>
  versioned({
    v: 1,
    generation: 1,
    phase,
    appliedAtMs: 0,
    typeGraph: bareTypeGraph('shop', components, { entry: null, sites }),
  });

export const target = (name: string, count: number, modRevision = 20): Versioned<TargetRecord> =>
  versioned(
    {
      v: 1,
      component: componentName(name),
      count,
      generation: 1,
      atMs: 0,
      reason: '',
      decision: decisionId('t1'),
    },
    modRevision,
  );

export const input = (over: Partial<PlacerInput> = {}): PlacerInput => ({
  nowMs: 1_000,
  epoch: { incarnation: 1, revision: 1 },
  random: () => 0.5,
  own: { site: siteId('local'), agent: 'unix:/a' },
  spec: undefined,
  targets: new Map(),
  sites: new Map(),
  placements: new Map(),
  instances: new Map(),
  budget: null,
  hosts: new Map(),
  childUse: new Map(),
  ...over,
});
