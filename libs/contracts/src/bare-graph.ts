/**
 * A component and a type graph of which nothing is said but the names: what simulations and tests start from, so that a
 * field added to the type graph is given its neutral value in one place.
 */
import { componentName, levelId } from './ids.js';
import type { Component, Resources, TypeGraph } from './type-graph.js';

const NOTHING = { cpus: 0, memoryBytes: 0, pids: 0 };
export const NO_RESOURCES: Resources = { limits: NOTHING, reservations: NOTHING };

/** One instance at first, up to ten; one HTTP port; no dependency, probe, objective or limit. */
export const bareComponent = (name: string, overrides: Partial<Component> = {}): Component => ({
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
  scale: { min: 1, max: 10, initial: 1 },
  policy: { kind: 'fixed' },
  objective: null,
  resources: NO_RESOURCES,
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

/** The first component is the entry; one manager, router and etcd member. */
export const bareTypeGraph = (
  name: string,
  components: readonly Component[],
  overrides: Partial<TypeGraph> = {},
): TypeGraph => ({
  v: 1,
  level: levelId(name),
  name,
  entry: components[0]?.name ?? null,
  objective: null,
  budgetPerHour: null,
  components: Object.fromEntries(components.map((component) => [component.name, component])),
  sites: [],
  management: { managers: 1, routers: 1, etcdMembers: 1 },
  digest: 'd',
  ...overrides,
});
