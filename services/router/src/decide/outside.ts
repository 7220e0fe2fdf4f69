/** Routing inputs where another system runs the components: who serves them is written down, what is published is bound. Pure. */
import {
  componentName,
  decisionId,
  type BindingRecord,
  type Component,
  type Endpoint,
  type EndpointsRecord,
  type ListenerRecord,
  type SiteId,
  type SpecRecord,
} from '@mitosis/contracts';
import type { ObservedRecords } from './table.js';

export interface OutsideRecords {
  readonly spec: SpecRecord;
  /** By component; complete. */
  readonly endpoints: Readonly<Record<string, readonly Endpoint[]>>;
  /** Weights of alternatives by component; a binding that is not named goes to its first alternative. */
  readonly split: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export const observedOutside = (
  { spec, endpoints, split }: OutsideRecords,
  site: SiteId,
): ObservedRecords => {
  const components = Object.values(spec.typeGraph.components);
  return {
    spec,
    listeners: { v: 1, site, listeners: components.flatMap(listenersOf) },
    endpoints: components.map(({ name }): EndpointsRecord => ({
      v: 1,
      component: name,
      endpoints: endpoints[name] ?? [],
    })),
    bindings: components
      .filter(({ kind }) => kind === 'binding')
      .map((component) => bindingOf(component, split[component.name])),
    routes: [],
    childEntries: [],
  };
};

const listenersOf = ({ name, ports }: Component): readonly ListenerRecord[] =>
  ports.flatMap((port) =>
    port.published.map(({ host, port: number }) => ({
      name: `${name}/${port.name}@${host}:${number}`,
      component: name,
      port: port.name,
      protocol: port.protocol,
      host: host === '' ? '0.0.0.0' : host,
      number,
      published: true,
    })),
  );

const bindingOf = (
  { name, alternatives }: Component,
  weights: Readonly<Record<string, number>> | undefined,
): BindingRecord => {
  const all = alternatives.map(
    (one, index) => weights?.[one.name] ?? (weights === undefined && index === 0 ? 1 : 0),
  );
  const sum = all.reduce((total, weight) => total + weight, 0);
  const split = alternatives.flatMap(({ name: alternative, target }, index) => {
    const weight = all[index] ?? 0;
    return weight > 0 ? [{ alternative, target, weight: weight / sum }] : [];
  });
  const [active] = split.toSorted((a, b) => b.weight - a.weight);
  return {
    v: 1,
    component: componentName(name),
    active: active?.alternative ?? '',
    split,
    sinceMs: 0,
    reason: 'as written down',
    decision: decisionId(''),
  };
};
