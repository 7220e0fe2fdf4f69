/** Inputs of tests. */
import {
  componentName,
  decisionId,
  levelId,
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
): Component => ({
  name: componentName(name),
  kind: 'service',
  version: 'v1',
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
  dependsOn: [],
  probe: {
    kind: 'none',
    command: [],
    port: '',
    path: '',
    intervalMs: 1_000,
    timeoutMs: 1_000,
    retries: 3,
    startPeriodMs: 0,
    startIntervalMs: 100,
  },
  scale: { min: 1, max: 10, initial: 1 },
  policy: { kind: 'fixed' },
  objective: null,
  resources: {
    limits: { cpus: resources.limitCpus ?? 0, memoryBytes: 0, pids: 0 },
    reservations: { cpus: resources.cpus ?? 0, memoryBytes: resources.memoryBytes ?? 0, pids: 0 },
  },
  restart: { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 },
  update: {
    parallelism: 1,
    delayMs: 0,
    monitorMs: 0,
    failureAction: 'pause',
    maxFailureRatio: 0,
    order: 'start-first',
  },
  exclusive: false,
  runOnce: resources.runOnce ?? false,
  alternatives: [],
  rebind: { p95Ms: 500, errorRatio: 0.05, afterMs: 1_000, returnAfterMs: 5_000, trialShare: 0.01 },
  composition: null,
  drainDeadlineMs: 10_000,
  labels: {},
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
    typeGraph: {
      v: 1,
      level: levelId('shop'),
      name: 'shop',
      entry: null,
      objective: null,
      budgetPerHour: null,
      components: Object.fromEntries(components.map((one) => [one.name, one])),
      sites,
      management: { managers: 1, routers: 1, etcdMembers: 1 },
      digest: '',
    },
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
