/** Builders for table inputs in tests: small, readable, complete. */
import {
  bareComponent,
  bareTypeGraph,
  componentName,
  decisionId,
  instanceId,
  siteId,
  type BindingTarget,
  type Component,
  type ComponentKind,
  type Endpoint,
  type ListenerRecord,
  type SpecRecord,
} from '@mitosis/contracts';
import type { ObservedRecords } from './table.js';

export const component = (
  name: string,
  kind: ComponentKind = 'service',
  protocol: 'http' | 'tcp' = 'http',
): Component =>
  bareComponent(name, { kind, ports: [{ name: 'default', target: 0, protocol, published: [] }] });

export const spec = (entry: string | null, components: readonly Component[]): SpecRecord => ({
  v: 1,
  generation: 1,
  phase: 'operating',
  typeGraph: bareTypeGraph('shop', components, { entry: entry === null ? null : componentName(entry) }),
  appliedAtMs: 0,
});

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
