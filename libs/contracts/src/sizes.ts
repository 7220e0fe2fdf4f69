/**
 * A component in the size the autoscaler learned, and in the one the composition says. The size is part of the version, so
 * that what runs in another one is replaced as after any other change. Pure; the composer alone writes the result.
 */
import type { SizeRecord } from './records.js';
import type { Component, InstanceSize, ResourceAmount, Resources, TypeGraph } from './type-graph.js';

const MIB = 1024 * 1024;
/** Where the composition names no bounds: this many times less, and more, than it says. */
const FACTOR = 4;

/** As the composition says it. */
export const asSaid = (component: Component): Component => {
  const { said, ...rest } = component;
  return said === undefined ? component : { ...rest, ...said };
};

const bounded = (wanted: number, said: number, least: number, most: number): number =>
  // What the composition does not limit is not limited by what was seen of it.
  said === 0 ? 0 : Math.min(most || said * FACTOR, Math.max(least || said / FACTOR, wanted));

/** The size within the bounds the composition sets; itself says what has none. */
export const boundedSize = (component: Component, { cpus, memoryBytes }: InstanceSize): InstanceSize => {
  const { resources, sizing } = asSaid(component);
  const { limits } = resources;
  return {
    cpus: bounded(cpus, limits.cpus, sizing?.least.cpus ?? 0, sizing?.most.cpus ?? 0),
    memoryBytes: Math.round(
      bounded(memoryBytes, limits.memoryBytes, sizing?.least.memoryBytes ?? 0, sizing?.most.memoryBytes ?? 0),
    ),
  };
};

const within = (amount: ResourceAmount, limits: InstanceSize): ResourceAmount => ({
  ...amount,
  cpus: limits.cpus === 0 ? amount.cpus : Math.min(amount.cpus, limits.cpus),
  memoryBytes:
    limits.memoryBytes === 0 ? amount.memoryBytes : Math.min(amount.memoryBytes, limits.memoryBytes),
});

const holds = (record: SizeRecord | undefined, component: Component): record is SizeRecord =>
  record !== undefined &&
  component.sizing?.mode === 'apply' &&
  record.of.cpus === component.resources.limits.cpus &&
  record.of.memoryBytes === component.resources.limits.memoryBytes;

/** The component itself where nothing changes. A record of other limits than the composition says now is void. */
export const inSize = (component: Component, record: SizeRecord | undefined): Component => {
  const base = asSaid(component);
  if (!holds(record, base)) return base;
  const { limits } = base.resources;
  const size = boundedSize(base, record);
  if (size.cpus === limits.cpus && size.memoryBytes === limits.memoryBytes) return base;
  const version = `${base.version}-${Math.round(1_000 * size.cpus)}m-${Math.round(size.memoryBytes / MIB)}M`;
  if (component.version === version) return component;
  const resources: Resources = {
    limits: { ...limits, ...size },
    reservations: within(base.resources.reservations, size),
  };
  return { ...base, version, resources, said: { version: base.version, resources: base.resources } };
};

/** The graph itself where nothing changes; its digest stays that of what was applied. */
export const graphInSize = (typeGraph: TypeGraph, sizes: ReadonlyMap<string, SizeRecord>): TypeGraph => {
  const changed = Object.entries(typeGraph.components).flatMap(([name, component]) => {
    const sized = inSize(component, sizes.get(name));
    return sized === component ? [] : [[name, sized] as const];
  });
  return changed.length === 0
    ? typeGraph
    : { ...typeGraph, components: { ...typeGraph.components, ...Object.fromEntries(changed) } };
};
