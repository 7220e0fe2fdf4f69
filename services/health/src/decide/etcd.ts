/**
 * How many etcd members there are and where: replaces those that are lost with their host, and spreads them over the
 * sites. An instance record is the recorded intent: its id is chosen in that write, its peer URL is the agent's word, and
 * the changes of the cluster follow from both, one at a time. A dead member leaves before its successor joins, a living
 * one after; a new one has no vote until it has caught up, so that its failure costs nothing. Must never take a member
 * away unless a majority of the others is known to be well.
 */
import {
  KEYS,
  MANAGEMENT_COMPONENTS,
  type EtcdMember,
  type EtcdMembersRecord,
  type InstanceRecord,
  type SiteId,
} from '@mitosis/contracts';
import { managementSites } from './management.js';
import type { Act, Change } from './plan.js';
import {
  decided,
  isDisposing,
  isUp,
  newInstanceId,
  newRecord,
  putInstances,
  recordsOf,
  sight,
  syncedSite,
  typeGraphOf,
  waitFor,
  wakeAt,
  type World,
} from './world.js';

/** A host that restarts is back sooner, mostly; its member then catches up, which is cheaper than a new one. */
export const LOST_AFTER_MS = 30_000;
const ETCD = MANAGEMENT_COMPONENTS.etcd;
/** With fewer none can be lost: nobody could decide it. */
const REPLACEABLE_MIN = 3;

/** The cluster and the instance graph beside each other. */
interface Cluster {
  readonly voters: readonly EtcdMember[];
  readonly learners: readonly EtcdMember[];
  readonly records: readonly InstanceRecord[];
}

const clusterOf = (world: World): Cluster | undefined => {
  const members = world.input.etcdMembers;
  if (members === undefined || members.length === 0) return undefined;
  return {
    voters: members.filter(({ learner }) => !learner),
    learners: members.filter(({ learner }) => learner),
    records: recordsOf(world, ETCD),
  };
};

/** Where its agent says it talks to its peers; undefined: not known yet. */
const peerUrlOf = (world: World, record: InstanceRecord): string | undefined => {
  const sighting = sight(world, record);
  const { host, ports } = sighting.kind === 'seen' ? sighting.status : record;
  const port = ports['peer'];
  if (host === '' || port === undefined) return undefined;
  const scheme = world.input.etcdMembers?.some(({ peerUrl }) => peerUrl.startsWith('https:'))
    ? 'https'
    : 'http';
  return `${scheme}://${host}:${port}`;
};

const memberOf = (world: World, record: InstanceRecord): EtcdMember | undefined => {
  const peerUrl = peerUrlOf(world, record);
  return world.input.etcdMembers?.find(
    (member) => member.name === record.id || (peerUrl !== undefined && member.peerUrl === peerUrl),
  );
};

const isVoter = (world: World, record: InstanceRecord): boolean => memberOf(world, record)?.learner === false;

/** Since when its host is silent; undefined: it is not. */
const silentSinceMs = (world: World, record: InstanceRecord): number | undefined =>
  syncedSite(world, record.site) === undefined
    ? world.input.agents.get(record.site)?.silentSinceMs
    : undefined;

const whyLost = (world: World, record: InstanceRecord): string | undefined => {
  if (record.phase === 'failed') return record.reason;
  const sinceMs = silentSinceMs(world, record);
  if (sinceMs === undefined || world.input.nowMs - sinceMs < LOST_AFTER_MS) return undefined;
  return `its host has been silent for ${Math.round((world.input.nowMs - sinceMs) / 1_000)} s`;
};

/** Known to be well now, by the word of its agent. */
const isWell = (world: World, record: InstanceRecord): boolean =>
  record.phase === 'ready' && sight(world, record).kind === 'seen';

export const decideEtcd = (world: World): World => {
  const typeGraph = typeGraphOf(world);
  const cluster = clusterOf(world);
  if (typeGraph === undefined || cluster === undefined || isDisposing(world)) return world;
  if (world.input.management.release === null) return world;
  const wanted = typeGraph.management.etcdMembers;
  const woken = cluster.records.reduce((next, record) => {
    const sinceMs = silentSinceMs(next, record);
    const lostAtMs = (sinceMs ?? -Infinity) + LOST_AFTER_MS;
    return lostAtMs > next.input.nowMs ? wakeAt(next, lostAtMs) : next;
  }, world);
  const cleared = dropStuck(woken, cluster);
  if (cleared !== woken) return cleared;
  const changing = whatChanges(woken, cluster);
  if (changing !== undefined) return waitFor(woken, { component: ETCD, on: 'etcd', reason: changing });
  return (
    removeLost(woken, cluster) ?? addMember(woken, cluster, wanted) ?? removeSurplus(woken, cluster, wanted)
  );
};

/** One change of the cluster at a time; undefined: none is under way. */
const whatChanges = (world: World, { learners, records }: Cluster): string | undefined => {
  const [learner] = learners;
  if (learner !== undefined) return `${learner.peerUrl} has no vote yet`;
  const leaving = records.find(
    (record) => record.phase === 'stopping' && memberOf(world, record) !== undefined,
  );
  if (leaving !== undefined) return `${leaving.id} leaves the cluster`;
  const joining = records.find(
    (record) => isUp(record) && whyLost(world, record) === undefined && !isVoter(world, record),
  );
  return joining === undefined ? undefined : `${joining.id} joins the cluster`;
};

/** Lost before they had a vote, or after they had lost it: nothing depends on them. */
const dropStuck = (world: World, { records }: Cluster): World =>
  records.reduce((next, record) => {
    const reason = record.phase === 'stopping' || isVoter(world, record) ? undefined : whyLost(world, record);
    if (reason === undefined) return next;
    const [after, decision] = decided(next, {
      component: ETCD,
      action: 'stop',
      change: `-${record.id} on ${record.site}`,
      reason: `it has no vote and is lost: ${reason}`,
    });
    const sinceMs = world.input.nowMs;
    return putInstances(after, [{ ...record, phase: 'stopping', sinceMs, reason, decision }]);
  }, world);

const removeLost = (world: World, cluster: Cluster): World | undefined => {
  if (cluster.voters.length < REPLACEABLE_MIN) return undefined;
  for (const record of cluster.records) {
    if (record.phase === 'stopping' || !isVoter(world, record)) continue;
    const reason = whyLost(world, record);
    if (reason === undefined) continue;
    return leave(world, cluster, record, `it is lost: ${reason}`);
  }
  return undefined;
};

/** Undefined when too few of the others are known to be well. */
const leave = (world: World, { voters, records }: Cluster, gone: InstanceRecord, reason: string): World => {
  const well = records.filter(
    (record) => record.id !== gone.id && isVoter(world, record) && isWell(world, record),
  ).length;
  // The cluster decides it with the one that goes, and goes on without it.
  const deciding = well + (isWell(world, gone) ? 1 : 0);
  if (deciding * 2 <= voters.length || well * 2 <= voters.length - 1) {
    const why = `${gone.id} is to go and only ${well} of the others are known to be well`;
    return waitFor(world, { component: ETCD, on: 'etcd', reason: why });
  }
  const [next, decision] = decided(world, {
    component: ETCD,
    action: 'stop',
    change: `-${gone.id} on ${gone.site}`,
    reason,
    inputs: { voters: voters.length, well },
  });
  return putInstances(next, [{ ...gone, phase: 'stopping', sinceMs: world.input.nowMs, reason, decision }]);
};

const liveOf = (world: World, { records }: Cluster): readonly InstanceRecord[] =>
  records.filter((record) => isUp(record) && whyLost(world, record) === undefined);

const membersOn = (world: World, cluster: Cluster, site: SiteId): number =>
  liveOf(world, cluster).filter((record) => record.site === site).length;

/** When one is missing, or when one site has several and another none. */
const addMember = (world: World, cluster: Cluster, wanted: number): World | undefined => {
  const live = liveOf(world, cluster);
  const sites = [...managementSites(world)].sort(
    (a, b) => membersOn(world, cluster, a) - membersOn(world, cluster, b) || (a < b ? -1 : 1),
  );
  const [emptiest] = sites;
  if (emptiest === undefined) return undefined;
  // Every voter must have its record first: one that is only not adopted yet is not missing.
  if (cluster.voters.some((voter) => !cluster.records.some((record) => memberOf(world, record) === voter)))
    return undefined;
  const crowded = sites.some((site) => membersOn(world, cluster, site) > 1);
  const spreads =
    live.length === wanted &&
    wanted >= REPLACEABLE_MIN &&
    crowded &&
    membersOn(world, cluster, emptiest) === 0 &&
    live.every((record) => isWell(world, record));
  if (live.length >= wanted && !spreads) return undefined;
  const id = newInstanceId(world, ETCD);
  const reason = spreads
    ? `no member is on ${emptiest}, and several are on another site`
    : `${wanted} wanted`;
  const [next, decision] = decided(world, {
    component: ETCD,
    action: spreads ? 'move' : 'start',
    change: `+${id} on ${emptiest}`,
    reason,
    inputs: { wanted, live: live.length, voters: cluster.voters.length },
  });
  const version = world.input.management.release?.version ?? '';
  return putInstances(next, [
    newRecord(next, {
      id,
      component: ETCD,
      class: 'management',
      version,
      site: emptiest,
      attempt: 0,
      reason,
      decision,
    }),
  ]);
};

/** The newest one of the fullest site, once all have their vote and are well. */
const removeSurplus = (world: World, cluster: Cluster, wanted: number): World => {
  const live = liveOf(world, cluster);
  if (live.length <= wanted || !live.every((record) => isWell(world, record))) return world;
  const [goes] = [...live].sort(
    (a, b) =>
      membersOn(world, cluster, b.site) - membersOn(world, cluster, a.site) || b.createdAtMs - a.createdAtMs,
  );
  return goes === undefined ? world : leave(world, cluster, goes, `${wanted} wanted, ${live.length} run`);
};

/** What the committed records ask of the cluster. */
export const etcdActs = (world: World): readonly Act[] => {
  const cluster = clusterOf(world);
  if (cluster === undefined) return [];
  const acts: Act[] = [];
  const expected = new Set<string>();
  for (const record of cluster.records) {
    const committed = world.input.instances.get(record.id)?.value.phase;
    const member = memberOf(world, record);
    if (committed === 'stopping') {
      if (member !== undefined) acts.push({ kind: 'etcd-remove', member: member.id });
      continue;
    }
    if (committed === undefined || !isUp(record)) continue;
    const peerUrl = peerUrlOf(world, record);
    if (peerUrl !== undefined) expected.add(peerUrl);
    if (member?.learner === true) acts.push({ kind: 'etcd-promote', member: member.id });
    else if (member === undefined && peerUrl !== undefined && cluster.learners.length === 0) {
      acts.push({ kind: 'etcd-add', peerUrl });
    }
  }
  // Added for an intent that has failed since: without a vote, and in the way of the next.
  for (const learner of cluster.learners) {
    if (!expected.has(learner.peerUrl)) acts.push({ kind: 'etcd-remove', member: learner.id });
  }
  return acts;
};

/** `name=peer URL` of the members a new one joins; undefined: not to be said now. */
export const peersToJoin = (world: World): readonly string[] | undefined => {
  const cluster = clusterOf(world);
  if (cluster === undefined || cluster.voters.some(({ name }) => name === '')) return undefined;
  return cluster.voters.map(({ name, peerUrl }) => `${name}=${peerUrl}`);
};

/** A member is stopped once the cluster goes on without it. */
export const mayStop = (world: World, record: InstanceRecord): boolean => {
  if (record.component !== ETCD || isDisposing(world)) return true;
  if (world.input.etcdMembers === undefined) return record.phase !== 'stopping';
  return memberOf(world, record) === undefined;
};

/** Where the store is reached, for every process to follow. */
export const etcdRecordChange = (world: World): readonly Change[] => {
  const cluster = clusterOf(world);
  if (cluster === undefined || cluster.voters.some(({ clientUrl }) => clientUrl === '')) return [];
  const clients = cluster.voters.map(({ clientUrl }) => clientUrl).sort();
  const known = world.input.etcdRecord;
  if (known !== undefined && JSON.stringify(known.value.clients) === JSON.stringify(clients)) return [];
  const value: EtcdMembersRecord = { v: 1, clients };
  return [
    {
      writes: [{ kind: 'put', key: KEYS.etcdMembers, value }],
      compares: [{ key: KEYS.etcdMembers, modRevision: known?.modRevision ?? 0 }],
      decisions: [],
    },
  ];
};
