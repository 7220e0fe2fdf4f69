/**
 * `depends_on`: what a component's first instance of a version waits for. Order is a matter of births, not of repairs: a
 * crashed instance is replaced whether its dependencies are well or not.
 */
import type { Component, Dependency } from '@mitosis/contracts';
import { recordsOf, componentOf, type World } from './world.js';

/** Undefined when nothing is left to wait for; else a sentence that names it. */
export const waitsForDependency = (world: World, component: Component): string | undefined => {
  for (const dependency of component.dependsOn) {
    const reason = unmet(world, dependency);
    if (reason !== undefined) return reason;
  }
  return undefined;
};

const unmet = (world: World, dependency: Dependency): string | undefined => {
  const component = componentOf(world, dependency.component);
  if (component === undefined) {
    return dependency.required ? `${dependency.component} is not in the composition` : undefined;
  }
  const reason = unmetCondition(world, component, dependency.condition);
  // An optional dependency that failed for good holds nobody up.
  return reason !== undefined && !dependency.required && hasFailed(world, component) ? undefined : reason;
};

const unmetCondition = (
  world: World,
  component: Component,
  condition: Dependency['condition'],
): string | undefined => {
  switch (component.kind) {
    case 'service':
      return unmetService(world, component, condition);
    case 'composition':
      return unmetChild(world, component, condition);
    case 'binding':
      return unmetBinding(world, component, condition);
    default:
      return component.kind satisfies never;
  }
};

const unmetService = (
  world: World,
  component: Component,
  condition: Dependency['condition'],
): string | undefined => {
  // Any running version is a dependency to talk to; a job counts only when it ran in the version that is wanted.
  const records = recordsOf(world, component.name).filter(
    ({ version }) => !component.runOnce || version === component.version,
  );
  const any = (...phases: readonly string[]): boolean => records.some(({ phase }) => phases.includes(phase));
  switch (condition) {
    case 'started':
      return any('running', 'ready', 'completed') ? undefined : `${component.name} has not started`;
    case 'healthy':
      return any('ready', 'completed') ? undefined : `${component.name} is not healthy`;
    case 'completed':
      return any('completed') ? undefined : `${component.name} has not completed`;
    default:
      return condition satisfies never;
  }
};

const unmetChild = (
  world: World,
  component: Component,
  condition: Dependency['condition'],
): string | undefined => {
  const child = world.input.childHealth.get(component.name);
  if (child === undefined) return `the child level ${component.name} has not answered yet`;
  if (condition === 'started' || child.ready) return undefined;
  return `the child level ${component.name} is not ready: ${child.reason}`;
};

/** A third party is there whether it is well or not; an own alternative has to be up. */
const unmetBinding = (
  world: World,
  component: Component,
  condition: Dependency['condition'],
): string | undefined => {
  let reason: string | undefined = `${component.name} has no alternative`;
  for (const { target } of component.alternatives) {
    if (target.kind === 'url') return undefined;
    const own = componentOf(world, target.component);
    // Alternatives are services or child levels: a binding among them would let this go round in circles.
    reason =
      own === undefined || own.kind === 'binding'
        ? `${component.name} has no usable alternative`
        : unmetCondition(world, own, condition);
    if (reason === undefined) return undefined;
  }
  return reason;
};

const hasFailed = (world: World, component: Component): boolean =>
  component.kind === 'service' && recordsOf(world, component.name).some(({ phase }) => phase === 'failed');
