/**
 * What an instance that is a container is told besides. Inside, components are reached as Compose applications expect it:
 * by their name and their own port. What the routers serve leads to the host's routers; what names no port, and whatever
 * runs on an engine without an agent of its own, is reached directly through the engine's network.
 */
import type { agent, Component, LevelId, ListenerRecord, RunSpec } from '@mitosis/contracts';

/** The image of a component that is only built: as Compose names it. */
export const imageOf = (level: LevelId, component: Component, run: RunSpec): string =>
  run.image ?? `${level.replaceAll('.', '-')}-${component.name}`;

export const containerSpec = (
  level: LevelId,
  component: Component,
  run: RunSpec,
  listeners: readonly ListenerRecord[],
): agent.Container => {
  const inside = listeners.filter(({ network }) => network === 'docker');
  const routed = inside.filter(({ host }) => host !== '');
  const throughRouters = routed.some((listener) => listener.component === component.name);
  const { limits, reservations } = component.resources;
  return {
    image: imageOf(level, component, run),
    definition: JSON.stringify(run.container),
    ports: Object.fromEntries(component.ports.map(({ name, target }) => [name, target] as const)),
    hosts: Object.fromEntries(routed.map(({ component: name, host }) => [name as string, host] as const)),
    aliases: throughRouters ? [] : [component.name, ...aliasesOf(run)],
    cpus: limits.cpus,
    memoryBytes: limits.memoryBytes,
    memoryReservationBytes: reservations.memoryBytes,
    pids: limits.pids,
    labels: { ...component.labels },
  };
};

/** Other names the composition gives it on its networks. */
const aliasesOf = ({ container }: RunSpec): readonly string[] => {
  const networks = container['networks'];
  if (typeof networks !== 'object' || networks === null) return [];
  return Object.values(networks as Readonly<Record<string, unknown>>).flatMap((network) => {
    const aliases =
      typeof network === 'object' && network !== null && 'aliases' in network ? network.aliases : [];
    return Array.isArray(aliases) ? aliases.map(String) : [];
  });
};

/** Addresses of the other components as a container sees them: its names are the components'. */
export const namedListeners = (listeners: readonly ListenerRecord[]): readonly ListenerRecord[] =>
  listeners
    .filter(({ network }) => network === 'docker')
    .map((listener) => ({ ...listener, host: listener.component }));
