/** Observations and type graphs for tests: everything healthy and quiet unless a test says otherwise. */
import {
  componentName,
  levelId,
  type Component,
  type Objective,
  type ScalingPolicy,
  type TypeGraph,
} from '@mitosis/contracts';
import type { ComponentObservation, RequestMetrics, RequestWindow } from './observation.js';

const NO_RESOURCES = { cpus: 0, memoryBytes: 0, pids: 0 };

export const p95 = (ms: number): Objective => ({
  latency: [{ percentile: 95, ms }],
  errorRatio: null,
  throughput: null,
});

export const aWindow = (overrides: Partial<RequestWindow> = {}): RequestWindow => ({
  seconds: 10,
  rate: 20,
  errorRatio: 0,
  p50Ms: 45,
  p95Ms: 80,
  p99Ms: 90,
  meanMs: 50,
  ...overrides,
});

export const someRequests = (
  window: RequestWindow,
  overrides: Partial<RequestMetrics> = {},
): RequestMetrics => ({
  last1: { ...window, seconds: 1 },
  last10: { ...window, seconds: 10 },
  last60: { ...window, seconds: 60 },
  inFlight: (window.rate * window.meanMs) / 1_000,
  queued: 0,
  rejectedRate: 0,
  ...overrides,
});

export const anObservation = (overrides: Partial<ComponentObservation> = {}): ComponentObservation => ({
  component: componentName('web'),
  nowMs: 1_000_000,
  version: 'v1',
  count: 2,
  countSinceMs: 0,
  ready: 2,
  starting: 0,
  readyStableSinceMs: 0,
  startMs: 2_000,
  scale: { min: 1, max: 10, initial: 2 },
  resources: { limits: NO_RESOURCES, reservations: NO_RESOURCES },
  objective: p95(200),
  requests: someRequests(aWindow()),
  usage: null,
  downstream: null,
  external: {},
  ...overrides,
});

export const aComponent = (name: string, overrides: Partial<Component> = {}): Component => ({
  name: componentName(name),
  kind: 'service',
  version: 'v1',
  run: null,
  ports: [{ name: 'default', target: 0, protocol: 'http', published: [] }],
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
  scale: { min: 1, max: 10, initial: 2 },
  policy: { kind: 'slo', holdMs: 0 },
  objective: null,
  resources: { limits: NO_RESOURCES, reservations: NO_RESOURCES },
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
  runOnce: false,
  alternatives: [],
  rebind: { p95Ms: 0, errorRatio: 0, afterMs: 0, returnAfterMs: 0, trialShare: 0 },
  composition: null,
  drainDeadlineMs: 10_000,
  labels: {},
  ...overrides,
});

export const calls = (...names: readonly string[]): Component['dependsOn'] =>
  names.map((name) => ({
    component: componentName(name),
    condition: 'started',
    required: true,
    restart: false,
  }));

export const aTypeGraph = (
  components: readonly Component[],
  overrides: Partial<TypeGraph> = {},
): TypeGraph => ({
  v: 1,
  level: levelId('shop'),
  name: 'shop',
  entry: components[0]?.name ?? null,
  objective: p95(300),
  budgetPerHour: null,
  components: Object.fromEntries(components.map((component) => [component.name, component])),
  sites: [],
  management: { managers: 2, routers: 2, etcdMembers: 1 },
  digest: 'd1',
  ...overrides,
});

/** One of each kind, with options a composition could have. */
export const POLICY_EXAMPLES: { readonly [K in ScalingPolicy['kind']]: Extract<ScalingPolicy, { kind: K }> } =
  {
    combine: {
      kind: 'combine',
      policies: [
        { kind: 'target', metric: 'rps', value: 10, tolerance: 0.1, downWindowMs: 60_000 },
        {
          kind: 'schedule',
          timezone: 'Europe/Zurich',
          windows: [{ start: '0 8 * * *', end: '0 18 * * *', count: 3 }],
        },
      ],
    },
    external: { kind: 'external', address: '127.0.0.1:9100', options: {} },
    fixed: { kind: 'fixed' },
    schedule: {
      kind: 'schedule',
      timezone: 'Europe/Zurich',
      windows: [{ start: '0 8 * * 1-5', end: '0 18 * * 1-5', count: 4 }],
    },
    slo: { kind: 'slo', holdMs: 20_000 },
    target: { kind: 'target', metric: 'rps', value: 10, tolerance: 0.1, downWindowMs: 60_000 },
    threshold: {
      kind: 'threshold',
      rules: [
        { metric: 'rps', comparator: 'above', threshold: 15, periodMs: 3_000, change: 2, cooldownMs: 5_000 },
        { metric: 'rps', comparator: 'below', threshold: 5, periodMs: 3_000, change: -1, cooldownMs: 10_000 },
      ],
    },
  };
