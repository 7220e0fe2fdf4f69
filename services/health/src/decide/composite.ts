/**
 * The level as one component, for its parent and for `up`: what serves, what is missing, and why.
 */
import {
  MANAGEMENT_COMPONENTS,
  type Component,
  type health,
  type InstanceRecord,
  type SiteRecord,
} from '@mitosis/contracts';
import { decideHealth } from './decide-health.js';
import { hostsOf } from './hosts.js';
import type { HealthInput } from './input.js';
import { portsOf } from './listeners.js';
import { routersOn } from './management.js';
import { rolloutReason } from './rollout.js';
import type { Wait } from './plan.js';
import { isDisposing, isUnhealthy, recordsOf, typeGraphOf, worldOf, type World } from './world.js';

/** What a child said counts for this long; five of its answers may be missed. */
const SILENCE_MS = 5_000;

/** `waits` are those of the last plan: they say why something is missing. */
export const compositeHealth = (input: HealthInput, waits: readonly Wait[]): health.CompositeHealth => {
  const world = worldOf(input);
  const typeGraph = typeGraphOf(world);
  if (typeGraph === undefined || input.spec === undefined) {
    return levelHealth(world, 'unhealthy', 'no composition has been applied yet', [], false);
  }
  if (isDisposing(world)) {
    const { phase } = input.spec.value;
    return levelHealth(world, phase, `the composition is ${phase}`, [], false);
  }
  const components = Object.values(typeGraph.components).map((component) =>
    componentHealth(world, component, waits),
  );
  const entry = components.find(({ component }) => component === typeGraph.entry);
  const bad = components.filter(({ state }) => state === 'degraded' || state === 'unhealthy');
  const management = missingManagement(world);
  const ready = components.every((component) => isReady(world, component)) && management === undefined;
  const unserved = firstUnserved(world, waits);
  if (entry?.state === 'unhealthy') {
    return levelHealth(
      world,
      'unhealthy',
      `its entry ${entry.component}: ${entry.reason}`,
      components,
      false,
    );
  }
  const reasons = bad.map(({ component, reason }) => `${component}: ${reason}`);
  const missing = management ?? unserved;
  const reason = [...reasons, ...(missing === undefined ? [] : [missing])].join('; ');
  const state = bad.length === 0 ? 'healthy' : 'degraded';
  return levelHealth(world, state, reason, components, ready && unserved === undefined);
};

const levelHealth = (
  world: World,
  state: string,
  reason: string,
  components: health.ComponentHealth[],
  ready: boolean,
): health.CompositeHealth => ({ level: world.input.level, state, reason, components, ready });

const componentHealth = (
  world: World,
  component: Component,
  waits: readonly Wait[],
): health.ComponentHealth => {
  switch (component.kind) {
    case 'service':
      return component.runOnce
        ? runOnceHealth(world, component, waits)
        : serviceHealth(world, component, waits);
    case 'composition':
      return childHealth(world, component);
    case 'binding':
      return { component: component.name, wanted: 0, ready: 0, state: 'healthy', reason: '' };
    default:
      return component.kind satisfies never;
  }
};

const reasonsOf = (component: Component, waits: readonly Wait[]): string =>
  waits
    .filter((wait) => wait.component === component.name)
    .map(({ on, reason }) => `waits for ${on}: ${reason}`)
    .join('; ');

const healthyOf = (world: World, component: string): readonly InstanceRecord[] =>
  recordsOf(world, component).filter((record) => record.phase === 'ready' && !isUnhealthy(world, record));

const serviceHealth = (
  world: World,
  component: Component,
  waits: readonly Wait[],
): health.ComponentHealth => {
  const target = world.input.targets.get(component.name)?.value.count;
  const wanted = target ?? component.scale.min;
  const ready = healthyOf(world, component.name).length;
  const state = ready >= wanted ? 'healthy' : ready > 0 ? 'degraded' : 'unhealthy';
  const paused = rolloutReason(world, component.name);
  const unplaced = world.input.placements.get(component.name)?.value;
  const reasons = [
    ...(paused === undefined ? [] : [paused]),
    ...(target === undefined ? ['how many are wanted is not known yet'] : []),
    ...(unplaced !== undefined && unplaced.unplaced > 0
      ? [`${unplaced.unplaced} fit nowhere: ${unplaced.reason}`]
      : []),
    reasonsOf(component, waits),
  ].filter((reason) => reason !== '');
  const reason = reasons.join('; ') || (state === 'healthy' ? '' : `${ready} of ${wanted} ready`);
  return {
    component: component.name,
    wanted,
    ready,
    state: paused !== undefined && state === 'healthy' ? 'degraded' : state,
    reason,
  };
};

const runOnceHealth = (
  world: World,
  component: Component,
  waits: readonly Wait[],
): health.ComponentHealth => {
  const records = recordsOf(world, component.name).filter(({ version }) => version === component.version);
  const completed = records.some(({ phase }) => phase === 'completed');
  const failed = records.find(({ phase }) => phase === 'failed');
  const runs = records.some(({ phase }) => phase === 'running' || phase === 'ready');
  return {
    component: component.name,
    wanted: 1,
    ready: completed ? 1 : 0,
    state: completed ? 'completed' : failed !== undefined ? 'unhealthy' : 'degraded',
    reason: completed
      ? ''
      : failed !== undefined
        ? `${failed.id} ${failed.reason}`
        : runs
          ? 'runs'
          : reasonsOf(component, waits) || 'has not run yet',
  };
};

const childHealth = (world: World, component: Component): health.ComponentHealth => {
  const child = world.input.childHealth.get(component.name);
  const silentMs = child === undefined ? 0 : world.input.nowMs - child.atMs;
  if (silentMs > SILENCE_MS) {
    const reason = `the child level has not answered for ${Math.round(silentMs / 1_000)} s`;
    return { component: component.name, wanted: 1, ready: 0, state: 'degraded', reason };
  }
  return {
    component: component.name,
    wanted: 1,
    ready: child?.ready === true ? 1 : 0,
    state: child?.state ?? 'unhealthy',
    reason: child?.reason ?? 'the child level has not answered yet',
  };
};

/** At its minimum and healthy; more may be wanted at the moment. */
const isReady = (world: World, component: health.ComponentHealth): boolean => {
  const definition = typeGraphOf(world)?.components[component.component];
  if (definition === undefined) return true;
  if (definition.kind === 'binding') return true;
  if (definition.kind === 'composition') return component.ready > 0;
  if (definition.runOnce) return component.state === 'completed';
  const known = world.input.targets.get(definition.name)?.value.count;
  return known !== undefined && component.ready >= Math.min(definition.scale.min, known);
};

/** Its management is replaced elsewhere; nobody waits for it. */
const isLost = ({ trouble }: SiteRecord): boolean => trouble?.kind === 'lost';

const missingManagement = (world: World): string | undefined => {
  const typeGraph = typeGraphOf(world);
  if (typeGraph === undefined || world.input.management.release === null) return undefined;
  const { managers, routers, etcdMembers } = typeGraph.management;
  const sites = hostsOf(world).filter((host) => !host.sites.every(isLost)).length;
  const wantedRouters = Array.from({ length: sites }, (_, index) => routersOn(routers, index, sites)).reduce(
    (sum, count) => sum + count,
    0,
  );
  const short = [
    [MANAGEMENT_COMPONENTS.etcd, etcdMembers],
    [MANAGEMENT_COMPONENTS.manager, managers],
    [MANAGEMENT_COMPONENTS.router, wantedRouters],
  ] as const;
  for (const [component, wanted] of short) {
    const ready = healthyOf(world, component).length;
    if (ready < wanted) return `${ready} of ${wanted} ${component} ready`;
  }
  return undefined;
};

/** A router that has not taken the endpoints of now in, or a port that could not be bound: clients would notice. */
const firstUnserved = (world: World, waits: readonly Wait[]): string | undefined => {
  const port = waits.find(({ on }) => on === 'port');
  if (port !== undefined) return port.reason;
  const served = Object.values(typeGraphOf(world)?.components ?? {}).some(
    (component) => portsOf(component).length > 0,
  );
  if (!served) return undefined;
  const live = world.input.routers.filter(({ leaseEndedAtMs }) => leaseEndedAtMs === null);
  if (live.length === 0) return 'no router serves';
  const revision = Math.max(0, ...[...world.input.endpoints.values()].map(({ modRevision }) => modRevision));
  const late = live.find(({ ackRevision }) => ackRevision === null || ackRevision < revision);
  return late === undefined ? undefined : `router ${late.replica} has not taken in the endpoints of now`;
};

/** The composite of a level that nobody has decided on yet, for example on a replica that does not lead. */
export const compositeOf = (input: HealthInput): health.CompositeHealth =>
  compositeHealth(input, decideHealth(input).waits);
