/**
 * The sockets a level needs on each of its sites: one internal listener per component and port, one per published port.
 * Addresses, once told to an instance, never change: what a site holds is asked for again with the port it had.
 */
import {
  siteId,
  type agent,
  type Component,
  type ListenerRecord,
  type ListenersRecord,
  type PortSpec,
  type SiteId,
  type TypeGraph,
} from '@mitosis/contracts';
import { hostOfSite, hostsOf, hostSite, type Host } from './hosts.js';
import type { Act } from './plan.js';
import { basedOn, isDisposing, typeGraphOf, waitFor, type World } from './world.js';

export interface WantedListener {
  readonly name: string;
  readonly component: Component;
  readonly port: PortSpec;
  /** Null: internal, on the loopback of the site. */
  readonly published: { readonly host: string; readonly port: number } | null;
  /** Set: internal, where the host's containers find the component under its name, at its own port. */
  readonly inside: number | null;
}

/** What a call of a component that names no port goes to, by its protocol. */
const HTTP_DEFAULT = 80;

const HTTP_PORT: PortSpec = { name: 'default', target: 0, protocol: 'http', published: [] };

/** Ports a component is reached at: its own, those of the child's entry, or one HTTP port of a binding. */
export const portsOf = (
  component: Pick<Component, 'kind' | 'ports' | 'composition'>,
): readonly PortSpec[] => {
  if (component.ports.length > 0) return component.ports;
  if (component.kind === 'binding') return [HTTP_PORT];
  if (component.kind !== 'composition' || component.composition === null) return [];
  const entry = component.composition.entry;
  const ports = entry === null ? undefined : component.composition.components[entry]?.ports;
  return (ports ?? []).map((port) => ({ ...port, published: [] }));
};

/** `host`: whether it runs containers; undefined: it does not. */
export const wantedListeners = (
  typeGraph: TypeGraph,
  host?: Pick<Host, 'hasContainers'>,
): readonly WantedListener[] =>
  Object.values(typeGraph.components).flatMap((component) =>
    portsOf(component).flatMap((port): WantedListener[] => {
      const name = `${component.name}/${port.name}`;
      const inside = host?.hasContainers === true ? portInside(port) : undefined;
      return [
        { name, component, port, published: null, inside: null },
        ...(inside === undefined
          ? []
          : [{ name: `${name}@docker`, component, port, published: null, inside }]),
        ...port.published.map((published) => ({
          name: `${name}@${published.host}:${published.port}`,
          component,
          port,
          published,
          inside: null,
        })),
      ];
    }),
  );

const portInside = ({ target, protocol }: PortSpec): number | undefined =>
  target > 0 ? target : protocol === 'http' ? HTTP_DEFAULT : undefined;

/** The sockets of a site's host. */
const heldBy = (world: World, site: SiteId): readonly ListenerRecord[] | undefined =>
  world.listeners.get(hostSite(world, site))?.listeners;

/** Why a wanted socket is not held, as the site's agent said; undefined: held, or not answered yet. */
export const listenerError = (world: World, site: SiteId, name: string): string | undefined => {
  const answers = world.input.outcomes.listeners.get(hostSite(world, site));
  const answer = answers?.find((listener) => listener.name === name);
  return answer === undefined || answer.error === '' ? undefined : answer.error;
};

/** True when everything that can be held on the site is, so that instances may be told the addresses. */
export const listenersReady = (world: World, site: SiteId): boolean => {
  const typeGraph = typeGraphOf(world);
  const held = heldBy(world, site);
  if (typeGraph === undefined || held === undefined) return false;
  const host = hostOfSite(world, site);
  const containers = host?.sites.find((one) => one.site === site)?.driver === 'docker';
  return wantedListeners(typeGraph, host).every(
    ({ name, published, inside }) =>
      held.some((listener) => listener.name === name) ||
      // Processes do not need what containers do: an engine that is away must not hold them up.
      (inside !== null && !containers) ||
      // A port that is taken must not keep the level from running inside.
      ((published !== null || inside !== null) && isTaken(world, site, name)),
  );
};

/** It has an address and cannot be bound there; without an address everything is still open. */
const isTaken = (world: World, site: SiteId, name: string): boolean => {
  const answers = world.input.outcomes.listeners.get(hostSite(world, site));
  const answer = answers?.find((listener) => listener.name === name);
  return answer !== undefined && answer.error !== '' && answer.host !== '';
};

/** Writes what the agents answered into `listeners/<site>`. */
export const recordListeners = (world: World): World => {
  const typeGraph = typeGraphOf(world);
  const spec = world.input.spec;
  if (typeGraph === undefined || spec === undefined || isDisposing(world)) return world;
  let next = world;
  for (const [site, answers] of world.input.outcomes.listeners) {
    const record = recordOf(world, typeGraph, site, answers);
    if (record === undefined) continue;
    next = {
      ...basedOn(next, { key: 'spec/current', modRevision: spec.modRevision }),
      listeners: new Map(next.listeners).set(site, record),
    };
  }
  return next;
};

const recordOf = (
  world: World,
  typeGraph: TypeGraph,
  site: SiteId,
  answers: readonly agent.Listener[],
): ListenersRecord | undefined => {
  const before = world.listeners.get(site);
  const wanted = wantedListeners(typeGraph, hostOfSite(world, site));
  const names = new Set(wanted.map(({ name }) => name));
  // Internal addresses of removed components stay held: instances that live were told them. Published ones stay until
  // the agent released them, which it is told when no router serves from them any more.
  const kept = (before?.listeners ?? []).filter(
    ({ name, published }) =>
      !names.has(name) && !(published && world.input.outcomes.released.has(releaseKey(site, name))),
  );
  const held = wanted.flatMap(({ name, component, port, published, inside }): ListenerRecord[] => {
    const answer = answers.find((listener) => listener.name === name && listener.error === '');
    if (answer === undefined) return before?.listeners.filter((listener) => listener.name === name) ?? [];
    return [
      {
        name,
        component: component.name,
        port: port.name,
        protocol: port.protocol,
        host: answer.host,
        number: answer.port,
        published: published !== null,
        ...(inside === null ? {} : { network: 'docker' as const }),
      },
    ];
  });
  const listeners = [...held, ...kept];
  if (before !== undefined && JSON.stringify(before.listeners) === JSON.stringify(listeners))
    return undefined;
  return { v: 1, site, listeners };
};

/** Asks each site that can be reached for the sockets it does not yet hold; once a session for all of them. */
export const listenerActs = (world: World): readonly [World, readonly Act[]] => {
  const typeGraph = typeGraphOf(world);
  if (typeGraph === undefined || isDisposing(world)) return [world, []];
  const acts: Act[] = [];
  let next = world;
  for (const site of hostsOf(world)) {
    const wanted = wantedListeners(typeGraph, site);
    const observation = world.input.agents.get(site.site);
    const answers = world.input.outcomes.listeners.get(site.site);
    next = namedErrors(next, site.site, wanted);
    const answered =
      answers !== undefined && wanted.every(({ name }) => answers.some((answer) => answer.name === name));
    if (answered && !world.input.outcomes.listenAgain.has(site.site)) continue;
    if (observation === undefined || observation.host === '') {
      next = waitFor(next, {
        component: '',
        on: 'agent',
        reason: `the agent of site ${site.site} is silent`,
      });
      continue;
    }
    const held = world.listeners.get(site.site)?.listeners ?? [];
    acts.push({
      kind: 'listen',
      site: siteId(site.site),
      agent: site.agent,
      listeners: wanted.map(({ name, published, inside }) => ({
        name,
        host: published?.host ?? observation.host,
        port: published?.port ?? inside ?? held.find((listener) => listener.name === name)?.number ?? 0,
        ...(inside === null ? {} : { network: 'docker' }),
      })),
      decision: 'listeners',
    });
  }
  return [next, acts];
};

const namedErrors = (world: World, site: SiteId, wanted: readonly WantedListener[]): World =>
  wanted.reduce((next, { name, component }) => {
    const error = listenerError(world, site, name);
    return error === undefined
      ? next
      : waitFor(next, { component: component.name, on: 'port', reason: `${name}: ${error}` });
  }, world);

/** How outcomes name a released socket. */
export const releaseKey = (site: string, name: string): string => `${site} ${name}`;

/** Published sockets a site holds though the spec no longer has them; released once no router serves from them. */
export const releasable = (world: World, site: SiteId): readonly ListenerRecord[] => {
  const typeGraph = typeGraphOf(world);
  if (typeGraph === undefined) return [];
  const names = new Set(wantedListeners(typeGraph, hostOfSite(world, site)).map(({ name }) => name));
  return (world.listeners.get(site)?.listeners ?? []).filter(
    ({ name, published }) => published && !names.has(name),
  );
};
