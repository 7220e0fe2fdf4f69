/** Builders for table inputs in tests: small, readable, complete. */
import {
  componentName,
  decisionId,
  instanceId,
  levelId,
  siteId,
  type BindingTarget,
  type Component,
  type ComponentKind,
  type Endpoint,
  type ListenerRecord,
  type SpecRecord,
  type TypeGraph,
} from '@mitosis/contracts';
import type { ObservedRecords } from './table.js';

export const component = (
  name: string,
  kind: ComponentKind = 'service',
  protocol: 'http' | 'tcp' = 'http',
): Component => ({
  name: componentName(name),
  kind,
  version: 'v1',
  run: null,
  ports: [{ name: 'default', target: 0, protocol, published: [] }],
  dependsOn: [],
  probe: {
    kind: 'none',
    command: [],
    port: 'default',
    path: '/',
    intervalMs: 1_000,
    timeoutMs: 1_000,
    retries: 3,
    startPeriodMs: 0,
    startIntervalMs: 100,
  },
  scale: { min: 1, max: 3, initial: 1 },
  policy: { kind: 'fixed' },
  objective: null,
  resources: {
    limits: { cpus: 0, memoryBytes: 0, pids: 0 },
    reservations: { cpus: 0, memoryBytes: 0, pids: 0 },
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
  runOnce: false,
  alternatives: [],
  rebind: { p95Ms: 0, errorRatio: 0, afterMs: 0, returnAfterMs: 0, trialShare: 0 },
  composition: null,
  drainDeadlineMs: 10_000,
  labels: {},
});

export const spec = (entry: string | null, components: readonly Component[]): SpecRecord => {
  const typeGraph: TypeGraph = {
    v: 1,
    level: levelId('shop'),
    name: 'shop',
    entry: entry === null ? null : componentName(entry),
    objective: null,
    budgetPerHour: null,
    components: Object.fromEntries(components.map((each) => [each.name, each])),
    sites: [],
    management: { managers: 2, routers: 2, etcdMembers: 1 },
    digest: 'digest',
  };
  return { v: 1, generation: 1, phase: 'operating', typeGraph, appliedAtMs: 0 };
};

export const endpoint = (
  id: string,
  port: number,
  state: Endpoint['state'] = 'ready',
  ports: Readonly<Record<string, number>> = { default: port },
): Endpoint => ({ instance: instanceId(id), host: '127.0.0.1', ports, state, readySinceMs: 0 });

export const listener = (
  name: string,
  of: string,
  number = 0,
  protocol: 'http' | 'tcp' = 'http',
  published = false,
): ListenerRecord => ({
  name,
  component: componentName(of),
  port: 'default',
  protocol,
  host: '127.0.0.1',
  number,
  published,
});

export interface Situation {
  readonly spec?: SpecRecord;
  readonly listeners?: readonly ListenerRecord[];
  readonly endpoints?: Readonly<Record<string, readonly Endpoint[]>>;
  readonly bindings?: Readonly<Record<string, readonly BindingTarget[]>>;
  readonly children?: Readonly<
    Record<string, readonly { readonly port: string; readonly host: string; readonly number: number }[]>
  >;
  readonly ejected?: Readonly<
    Record<string, readonly { readonly target: string; readonly untilMs: number }[]>
  >;
}

export const observed = (situation: Situation): ObservedRecords => ({
  spec: situation.spec,
  listeners: situation.listeners && { v: 1, site: siteId('local'), listeners: situation.listeners },
  endpoints: Object.entries(situation.endpoints ?? {}).map(([name, endpoints]) => ({
    v: 1,
    component: componentName(name),
    endpoints,
  })),
  bindings: Object.entries(situation.bindings ?? {}).map(([name, split]) => ({
    v: 1,
    component: componentName(name),
    active: split[0]?.alternative ?? '',
    split,
    sinceMs: 0,
    reason: '',
    decision: decisionId('d'),
  })),
  routes: Object.entries(situation.ejected ?? {}).map(([name, ejected]) => ({
    v: 1,
    component: componentName(name),
    ejected: ejected.map((each) => ({ ...each, reason: '' })),
  })),
  childEntries: Object.entries(situation.children ?? {}).map(([name, endpoints]) => ({
    v: 1,
    component: componentName(name),
    ready: true,
    endpoints,
  })),
});
