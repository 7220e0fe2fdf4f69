/**
 * The management's own replicas: as many managers and routers as the type graph says, on each site a router for the
 * sockets of its host. Their host's agent restarts them in place; here only their number, their listeners and those that
 * stay unhealthy are seen to. etcd members: etcd.ts.
 */
import { MANAGEMENT_COMPONENTS, siteId, type InstanceRecord, type SiteId } from '@mitosis/contracts';
import { ALWAYS, restartVerdict } from './backoff.js';
import { hostOfSite, hostsOf } from './hosts.js';
import { listenersReady, releasable, wantedListeners } from './listeners.js';
import type { Act } from './plan.js';
import {
  decided,
  deleteInstances,
  isGone,
  isUnhealthy,
  isUp,
  newInstanceId,
  newRecord,
  putInstances,
  recordsOf,
  syncedSite,
  typeGraphOf,
  waitFor,
  type World,
} from './world.js';

/** Replicas of one kind among the given sites. */
interface ReplicaGroup {
  readonly component: string;
  readonly wanted: number;
  readonly sites: readonly SiteId[];
  /** Replicas of other versions are replaced. */
  readonly version: string;
  /** Replaced one at a time and never this one (stand-down.ts); else all new ones first, then no old one. */
  readonly oneByOne: boolean;
}

export const decideManagement = (world: World): World => {
  const typeGraph = typeGraphOf(world);
  const { release } = world.input.management;
  if (typeGraph === undefined || release === null) return world;
  // Without its own record this replica cannot tell which of the others exist: adoption comes first.
  if (!world.instances.has(world.input.self)) {
    const reason = 'this replica is not in the instance graph yet';
    return waitFor(world, { component: MANAGEMENT_COMPONENTS.manager, on: 'adoption', reason });
  }
  const sites = managementSites(world);
  const managers: ReplicaGroup = {
    component: MANAGEMENT_COMPONENTS.manager,
    wanted: typeGraph.management.managers,
    sites,
    version: release.version,
    oneByOne: true,
  };
  const routers = sites
    .filter((site) => listenersReady(world, site))
    .map((site, index, all): ReplicaGroup => ({
      component: MANAGEMENT_COMPONENTS.router,
      wanted: routersOn(typeGraph.management.routers, index, all.length),
      sites: [site],
      version: routerVersion(world, site),
      oneByOne: false,
    }));
  return [managers, ...routers].reduce(decideGroup, world);
};

/** Management runs as processes of the hosts' agents, whatever else the hosts run. */
export const managementSites = (world: World): readonly SiteId[] =>
  hostsOf(world)
    .map(({ site }) => site)
    .filter((site) => syncedSite(world, site) !== undefined);

/** Each site needs one, for nobody else can serve its sockets; what is left over is spread. */
export const routersOn = (total: number, index: number, sites: number): number =>
  Math.max(1, Math.floor(total / sites) + (index < total % sites ? 1 : 0));

/** A router inherits its sockets at its start: another set of them is another version. */
export const routerVersion = (world: World, site: SiteId): string => {
  const typeGraph = typeGraphOf(world);
  const wanted = new Set(
    typeGraph === undefined
      ? []
      : wantedListeners(typeGraph, hostOfSite(world, site)).map(({ name }) => name),
  );
  const held = world.listeners.get(site)?.listeners ?? [];
  // What is still held but no longer wanted is not inherited: else it could never be released.
  const names = held
    .map(({ name }) => name)
    .filter((name) => wanted.has(name))
    .sort();
  return `${world.input.management.release?.version ?? ''}+${fnv1a(names.join('\n')).toString(16).padStart(8, '0')}`;
};

const fnv1a = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
};

/** An agent that is there answers within milliseconds. */
const FIRST_HEARING_MS = 2_000;

const decideGroup = (world: World, group: ReplicaGroup): World => {
  const cleared = clearFailed(world, group);
  return removeReplicas(addReplicas(cleared, group), group);
};

const membersOf = (world: World, group: ReplicaGroup): readonly InstanceRecord[] =>
  recordsOf(world, group.component).filter(({ site }) => group.sites.includes(site));

const isCurrent = (group: ReplicaGroup, record: InstanceRecord): boolean => record.version === group.version;

/** The one replica, never this one, that is replaced for being unhealthy: one at a time. */
const sickMember = (world: World, group: ReplicaGroup): InstanceRecord | undefined =>
  membersOf(world, group).find(
    (record) => isUp(record) && record.id !== world.input.self && isUnhealthy(world, record),
  );

const liveMembers = (world: World, group: ReplicaGroup): readonly InstanceRecord[] => {
  const sick = sickMember(world, group);
  return membersOf(world, group).filter((record) => isUp(record) && record.id !== sick?.id);
};

interface Cleared {
  readonly world: World;
  /** Failed replicas that still hold their place: in back-off, or not certainly gone. */
  readonly held: number;
  /** Failures in a row of the place that became free; 0: none. */
  readonly attempt: number;
}

const clearFailed = (world: World, group: ReplicaGroup): Cleared => {
  let cleared: Cleared = { world, held: 0, attempt: 0 };
  for (const record of membersOf(world, group)) {
    if (record.phase === 'failed') cleared = clearOne(cleared, group, record);
  }
  return cleared;
};

const clearOne = (
  { world, held, attempt }: Cleared,
  group: ReplicaGroup,
  record: InstanceRecord,
): Cleared => {
  const verdict = restartVerdict(record, ALWAYS, world.input.nowMs);
  if (verdict.kind === 'later') {
    const reason = `${record.id} failed: ${record.reason}`;
    const waiting = waitFor(world, { component: group.component, on: 'back-off', reason }, verdict.atMs);
    return { world: waiting, held: held + 1, attempt };
  }
  if (!isGone(world, record)) return { world, held: held + 1, attempt };
  return {
    world: deleteInstances(world, [record.id]),
    held,
    attempt: Math.max(attempt, (record.attempt ?? 0) + 1),
  };
};

const addReplicas = ({ world, held, attempt }: Cleared, group: ReplicaGroup): World => {
  const all = liveMembers(world, group);
  const live = all.filter((record) => isCurrent(group, record));
  const wanted = group.wanted - live.length - held;
  // One more than wanted at a time, for the one that is replaced next.
  const allowed = group.oneByOne ? group.wanted + 1 - all.length - held : wanted;
  let next = world;
  for (let missing = Math.min(wanted, allowed); missing > 0; missing -= 1) {
    const site = emptiest(next, group);
    if (site === undefined) {
      const reason = 'no site can be asked';
      return waitFor(next, { component: group.component, on: 'agent', reason });
    }
    const awaited = awaitedSite(next, group, site);
    if (awaited !== undefined) {
      const reason = `${awaited.site} has not been heard yet`;
      return waitFor(next, { component: group.component, on: 'agent', reason }, awaited.untilMs);
    }
    next = addReplica(next, group, site, attempt);
  }
  return next;
};

/**
 * Right after a birth only the first machine's agent has been heard: two managers there would be lost together. So a
 * second one waits a moment for the others.
 */
const awaitedSite = (
  world: World,
  group: ReplicaGroup,
  site: SiteId,
): { readonly site: string; readonly untilMs: number } | undefined => {
  const { spec, sites, agents, nowMs } = world.input;
  const isShared = membersOf(world, group).some((record) => record.site === site && isUp(record));
  if (group.component !== MANAGEMENT_COMPONENTS.manager || !isShared || spec === undefined) return undefined;
  const untilMs = spec.value.appliedAtMs + FIRST_HEARING_MS;
  // A wall clock that was set back must not make it wait for longer.
  if (nowMs >= untilMs || untilMs - nowMs > FIRST_HEARING_MS) return undefined;
  const unheard = [...sites.values()].find(
    ({ value }) => value.driver === 'process' && (agents.get(siteId(value.site))?.host ?? '') === '',
  );
  return unheard === undefined ? undefined : { site: unheard.value.site, untilMs };
};

const emptiest = (world: World, group: ReplicaGroup): SiteId | undefined => {
  const count = (site: SiteId): number =>
    membersOf(world, group).filter((record) => record.site === site && isUp(record)).length;
  return [...group.sites].sort((a, b) => count(a) - count(b) || (a < b ? -1 : 1))[0];
};

const addReplica = (world: World, group: ReplicaGroup, site: SiteId, attempt: number): World => {
  const id = newInstanceId(world, group.component);
  const sick = sickMember(world, group);
  const outdated = liveMembers(world, group).find((record) => !isCurrent(group, record));
  const reason =
    sick !== undefined
      ? `${sick.id} is unhealthy`
      : outdated !== undefined
        ? outdatedReason(group, outdated)
        : `${group.wanted} wanted`;
  const [next, decision] = decided(world, {
    component: group.component,
    action: sick === undefined && outdated === undefined ? 'start' : 'replace',
    change: `+${id} on ${site}`,
    reason,
    inputs: { wanted: group.wanted },
  });
  const record = newRecord(next, {
    id,
    component: group.component,
    class: 'management',
    version: group.version,
    site,
    attempt,
    reason,
    decision,
  });
  return putInstances(next, [record]);
};

/** Only once enough others are ready: unhealthy, then outdated, then the newest surplus; never this replica. */
const removeReplicas = (world: World, group: ReplicaGroup): World => {
  const live = liveMembers(world, group);
  const current = live.filter((record) => isCurrent(group, record));
  const ready = current.filter(({ phase }) => phase === 'ready').length;
  if (group.oneByOne && current.length < live.length) return replaceOne(world, group, live);
  if (ready < group.wanted) return world;
  const surplus = current.length - group.wanted;
  const newestFirst = current.toReversed().filter(({ id }) => id !== world.input.self);
  const sick = sickMember(world, group);
  const leaving = [
    ...(sick === undefined ? [] : [{ record: sick, reason: 'it is unhealthy and has been replaced' }]),
    ...live
      .filter((record) => !isCurrent(group, record))
      .map((record) => ({ record, reason: `${outdatedReason(group, record)}; its replacements are ready` })),
    ...newestFirst
      .slice(0, Math.max(0, surplus))
      .map((record) => ({ record, reason: `${group.wanted} wanted, ${current.length} run` })),
  ];
  return leaving.reduce((next, { record, reason }) => stopReplica(next, group, record, reason), world);
};

/** The next follower of another version, once the one that came for it is ready. */
const replaceOne = (world: World, group: ReplicaGroup, live: readonly InstanceRecord[]): World => {
  const current = live.filter((record) => isCurrent(group, record));
  const next = live.find((record) => !isCurrent(group, record) && record.id !== world.input.self);
  const settled = current.length > 0 && current.every(({ phase }) => phase === 'ready');
  if (next === undefined || !settled || live.length <= group.wanted) return world;
  return stopReplica(world, group, next, `${outdatedReason(group, next)}; its replacement is ready`);
};

const outdatedReason = (group: ReplicaGroup, record: InstanceRecord): string => {
  const [is, wanted] = [record.version, group.version].map(group.oneByOne ? String : releaseOf);
  return is === wanted
    ? `${record.id} does not have the sockets of now`
    : `${record.id} is of release ${is}, ${wanted} is wanted`;
};

/** A router's version is its release and the hash of its sockets. */
const releaseOf = (version: string): string => version.replace(/\+[0-9a-f]{8}$/u, '');

const stopReplica = (world: World, group: ReplicaGroup, record: InstanceRecord, reason: string): World => {
  if (record.id === world.input.self) return world;
  const [next, decision] = decided(world, {
    component: group.component,
    action: 'stop',
    change: `-${record.id} on ${record.site}`,
    reason,
    inputs: { wanted: group.wanted, phase: record.phase },
  });
  return putInstances(next, [{ ...record, phase: 'stopping', sinceMs: world.input.nowMs, reason, decision }]);
};

/** Published sockets the spec no longer has, once every router that could serve from them is gone. */
export const releaseActs = (world: World): readonly Act[] =>
  hostsOf(world).flatMap((site): readonly Act[] => {
    const surplus = releasable(world, site.site);
    if (surplus.length === 0 || syncedSite(world, site.site) === undefined) return [];
    const version = routerVersion(world, site.site);
    const routers = recordsOf(world, MANAGEMENT_COMPONENTS.router).filter(
      (record) => record.site === site.site,
    );
    if (routers.length === 0 || routers.some((record) => record.version !== version)) return [];
    return [
      {
        kind: 'release',
        site: site.site,
        agent: site.agent,
        listeners: surplus.map(({ name, host, number }) => ({ name, host, port: number })),
        decision: 'listeners',
      },
    ];
  });
