/**
 * Instances of components that are no longer in the composition, and all of them when it is disposed of: dependents
 * first, drained as ever. Both follow from a committed spec, never from a missing one.
 */
import { leave, type Reachable } from './leave.js';
import {
  basedOn,
  componentOf,
  deleteInstances,
  isDisposing,
  isGone,
  isUp,
  recordsOf,
  typeGraphOf,
  waitFor,
  type World,
} from './world.js';

export const retire = (world: World): World => {
  const { spec } = world.input;
  if (spec === undefined) return world;
  const names = new Set(
    [...world.instances.values()]
      .filter((record) => record.class === 'application')
      .map(({ component }) => component as string),
  );
  let next = world;
  for (const name of [...names].sort()) {
    if (!isDisposing(world) && componentOf(world, name)?.kind === 'service') continue;
    next = retireComponent(next, name);
  }
  next = next === world ? next : basedOn(next, { key: 'spec/current', modRevision: spec.modRevision });
  return forgetRollouts(next);
};

const retireComponent = (world: World, name: string): World => {
  const disposing = isDisposing(world);
  const dependent = disposing ? remainingDependent(world, name) : undefined;
  if (dependent !== undefined) {
    const reason = `${dependent} depends on it and has not ended`;
    return waitFor(world, { component: name, on: 'dependents', reason });
  }
  const component = world.rollouts.get(name)?.definition ?? componentOf(world, name);
  const reason = disposing ? 'the composition is being disposed of' : 'it is no longer in the composition';
  let next = world;
  for (const record of recordsOf(world, name)) {
    if (record.phase === 'failed') {
      if (isGone(next, record)) next = deleteInstances(next, [record.id]);
    } else if (isUp(record) || record.phase === 'completed') {
      next = leave(next, { component: component ?? UNKNOWN }, record, { action: 'stop', reason });
    }
  }
  return next;
};

/** Stands in for a definition that is lost; its endpoints, if any, are drained all the same. */
const UNKNOWN: Reachable = {
  kind: 'binding',
  ports: [],
  composition: null,
};

/** A component that reaches this one, directly or through a binding, and still has instances. */
const remainingDependent = (world: World, name: string): string | undefined => {
  const components = Object.values(typeGraphOf(world)?.components ?? {});
  const bindings = components
    .filter(({ alternatives }) =>
      alternatives.some(({ target }) => target.kind === 'component' && target.component === name),
    )
    .map(({ name }) => name as string);
  const reached = new Set([name, ...bindings]);
  return components.find(
    (component) =>
      component.name !== name &&
      component.dependsOn.some((dependency) => reached.has(dependency.component)) &&
      recordsOf(world, component.name).some(({ phase }) => phase !== 'failed' && phase !== 'completed'),
  )?.name;
};

const forgetRollouts = (world: World): World => {
  const kept = [...world.rollouts].filter(
    ([name]) =>
      (!isDisposing(world) && componentOf(world, name)?.kind === 'service') ||
      recordsOf(world, name).length > 0,
  );
  return kept.length === world.rollouts.size ? world : { ...world, rollouts: new Map(kept) };
};
