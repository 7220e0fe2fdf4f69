/** What applying a type graph over another would change, level by level. For `mitosis diff`. */
import { asSaid, type Component, type TypeGraph } from '@mitosis/contracts';
import { stableJson } from './graph/hash.js';

export type ChangeKind =
  | 'added'
  | 'removed'
  /** its instances are replaced, one after the other */
  | 'replaced'
  /** bounds or number at birth */
  | 'rescaled'
  /** scaling policy or objective */
  | 'repolicied'
  /** something else that concerns no running instance */
  | 'changed';

export interface Change {
  readonly kind: ChangeKind;
  /** Component, with those that lead to it: `catalog.api`. Empty: the level itself. */
  readonly path: string;
  readonly fields: readonly FieldChange[];
}

export interface FieldChange {
  /** `run.env.PORT` */
  readonly field: string;
  /** Undefined: not there. */
  readonly from: unknown;
  readonly to: unknown;
}

/** Empty when nothing would change. `null` stands for a level that does not exist. */
export const diffTypeGraphs = (
  from: TypeGraph | null,
  to: TypeGraph | null,
  path = '',
): readonly Change[] => {
  if (from !== null && to !== null && from.digest === to.digest) return [];
  const names = new Set([...Object.keys(from?.components ?? {}), ...Object.keys(to?.components ?? {})]);
  const own = from === null || to === null ? [] : fieldChanges(levelFields(from), levelFields(to));
  return [
    ...(own.length === 0 ? [] : [{ kind: 'changed', path, fields: own } as const]),
    ...[...names]
      .sort()
      .flatMap((name) =>
        diffComponents(said(from, name), said(to, name), path === '' ? name : `${path}.${name}`),
      ),
  ];
};

/** A size that the autoscaler put in force is no difference between two compositions. */
const said = (graph: TypeGraph | null, name: string): Component | undefined => {
  const component = graph?.components[name];
  return component === undefined ? undefined : asSaid(component);
};

const levelFields = ({ entry, name, objective, budgetPerHour, sites, management }: TypeGraph): unknown => ({
  entry,
  name,
  objective,
  budgetPerHour,
  sites,
  management,
});

const diffComponents = (
  from: Component | undefined,
  to: Component | undefined,
  path: string,
): readonly Change[] => {
  const children = diffTypeGraphs(from?.composition ?? null, to?.composition ?? null, path);
  if (from === undefined) return [{ kind: 'added', path, fields: [] }, ...children];
  if (to === undefined) return [{ kind: 'removed', path, fields: [] }, ...children];
  const change = (kind: ChangeKind, before: unknown, after: unknown): readonly Change[] => {
    const fields = fieldChanges(before, after);
    return fields.length === 0 ? [] : [{ kind, path, fields }];
  };
  return [
    ...(from.version === to.version ? [] : change('replaced', versioned(from), versioned(to))),
    ...change('rescaled', { scale: from.scale }, { scale: to.scale }),
    ...change('repolicied', policies(from), policies(to)),
    ...change('changed', others(from), others(to)),
    ...children,
  ];
};

const versioned = ({ kind, run, ports, probe, resources }: Component): unknown => ({
  kind,
  run,
  ports: ports.map(({ name, target, protocol }) => ({ name, target, protocol })),
  probe,
  resources,
});

const policies = ({ policy, objective, sizing }: Component): unknown => ({ policy, objective, sizing });

/** All that is not in the version, the scale or the policy. */
const others = (component: Component): unknown => ({
  dependsOn: component.dependsOn,
  published: component.ports.map(({ name, published }) => ({ name, published })),
  restart: component.restart,
  update: component.update,
  exclusive: component.exclusive,
  runOnce: component.runOnce,
  alternatives: component.alternatives,
  rebind: component.rebind,
  drainDeadlineMs: component.drainDeadlineMs,
  labels: component.labels,
});

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The smallest fields that differ; lists are compared as a whole. */
const fieldChanges = (from: unknown, to: unknown, field = ''): readonly FieldChange[] => {
  if (stableJson(from) === stableJson(to)) return [];
  if (!isRecord(from) || !isRecord(to)) return [{ field, from, to }];
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].sort().flatMap((key) => {
    const below = field === '' ? key : `${field}.${key}`;
    return fieldChanges(from[key], to[key], below);
  });
};
