/** Observations and type graphs for tests: everything healthy and quiet unless a test says otherwise. */
import {
  bareComponent,
  bareTypeGraph,
  componentName,
  NO_RESOURCES,
  type Component,
  type Objective,
  type ScalingPolicy,
  type TypeGraph,
} from '@mitosis/contracts';
import type { ComponentObservation, RequestMetrics, RequestWindow } from './observation.js';

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
  resources: NO_RESOURCES,
  objective: p95(200),
  requests: someRequests(aWindow()),
  usage: null,
  downstream: null,
  heldBack: 0,
  waitMs: null,
  endToEnd: null,
  external: {},
  ...overrides,
});

export const aComponent = (name: string, overrides: Partial<Component> = {}): Component =>
  bareComponent(name, {
    scale: { min: 1, max: 10, initial: 2 },
    policy: { kind: 'slo', holdMs: 0 },
    ...overrides,
  });

export const calls = (...names: readonly string[]): Component['dependsOn'] =>
  names.map((name) => ({
    component: componentName(name),
    condition: 'started',
    required: true,
    restart: false,
  }));

export const aTypeGraph = (components: readonly Component[], overrides: Partial<TypeGraph> = {}): TypeGraph =>
  bareTypeGraph('shop', components, { objective: p95(300), digest: 'd1', ...overrides });

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
    hpa: {
      kind: 'hpa',
      metrics: [{ metric: 'rps', value: 10 }],
      tolerance: 0.1,
      syncMs: 15_000,
      up: {
        windowMs: 0,
        select: 'max',
        limits: [
          { by: 'percent', value: 100, periodMs: 15_000 },
          { by: 'pods', value: 4, periodMs: 15_000 },
        ],
      },
      down: {
        windowMs: 300_000,
        select: 'max',
        limits: [{ by: 'percent', value: 100, periodMs: 15_000 }],
      },
    },
    kpa: {
      kind: 'kpa',
      metric: 'concurrency',
      target: 7,
      stableWindowMs: 60_000,
      panicWindow: 0.1,
      panicThreshold: 2,
      upRateMax: 1_000,
      downRateMax: 2,
      downDelayMs: 0,
    },
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
