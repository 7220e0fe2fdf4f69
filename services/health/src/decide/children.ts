/**
 * Child levels: born where the composer wants them, once, with ids chosen in a committed record; taken away when they say
 * themselves that nothing is left. A child that is silent is asked to be born again, which its agent answers by what is
 * there; silence is never taken for death.
 */
import {
  etcdSpec,
  managedLevel,
  managerSpec,
  MANAGEMENT_COMPONENTS,
  type BirthRecord,
  type ChildRecord,
  type SiteId,
} from '@mitosis/contracts';
import { hostsOf } from './hosts.js';
import type { Act } from './plan.js';
import { decided, newInstanceId, syncedSite, waitFor, wakeAt, type World } from './world.js';

/** A child that has not answered for this long is asked to be born again; twice what an agent's restart takes at most. */
const SILENCE_MS = 15_000;
/** A child that shall go and has not answered for this long is taken away by force. */
const DISPOSAL_SILENCE_MS = 60_000;

export const bornKey = (record: BirthRecord): string => `${record.component}@${record.incarnation}`;

export const decideChildren = (world: World): World => {
  let next = world;
  for (const { value: child } of world.input.children.values()) {
    next = child.wanted === 'operating' ? operate(next, child) : dispose(next, child);
  }
  for (const birth of next.births.values()) next = forget(next, birth);
  return next;
};

const putBirth = (world: World, record: BirthRecord): World => ({
  ...world,
  births: new Map(world.births).set(record.component, record),
});

const operate = (world: World, child: ChildRecord): World => {
  const birth = world.births.get(child.component);
  if (birth === undefined) return conceive(world, child, undefined);
  if (birth.phase === 'disposing' || birth.phase === 'purging') {
    const reason = 'its predecessor is being taken away';
    return waitFor(world, { component: child.component, on: 'disposal', reason });
  }
  if (child.incarnation > birth.incarnation) return conceive(world, child, birth.site);
  return birth.phase === 'birthing' && world.input.outcomes.born.has(bornKey(birth))
    ? putBirth(world, {
        ...birth,
        phase: 'operating',
        sinceMs: world.input.nowMs,
        reason: 'its management was started',
      })
    : world;
};

const conceive = (world: World, child: ChildRecord, before: SiteId | undefined): World => {
  const name = child.component;
  if (world.input.management.release === null) {
    const reason = 'this replica was started by hand and knows no release to start';
    return waitFor(world, { component: name, on: 'release', reason });
  }
  const site = before ?? birthSite(world);
  if (site === undefined) {
    return waitFor(world, { component: name, on: 'agent', reason: 'no site for it can be asked' });
  }
  const management = world.input.spec?.value.typeGraph.components[name]?.composition?.management;
  const [next, decision] = decided(world, {
    component: name,
    action: 'birth',
    change: `+level ${child.level} on ${site}`,
    reason: 'the composition contains it',
    inputs: { incarnation: child.incarnation, etcdMembers: management?.etcdMembers ?? 1 },
  });
  return putBirth(next, {
    v: 1,
    component: name,
    level: child.level,
    incarnation: child.incarnation,
    site,
    etcd: Array.from({ length: management?.etcdMembers ?? 1 }, () =>
      newInstanceId(next, MANAGEMENT_COMPONENTS.etcd),
    ),
    manager: newInstanceId(next, MANAGEMENT_COMPONENTS.manager),
    phase: 'birthing',
    sinceMs: world.input.nowMs,
    reason: 'the composition contains it',
    decision,
  });
};

/** Fewest child levels first, then by name. */
const birthSite = (world: World): SiteId | undefined => {
  const count = (site: string): number =>
    [...world.births.values()].filter((birth) => birth.site === site).length;
  return hostsOf(world)
    .map(({ site }) => site)
    .filter((site) => syncedSite(world, site) !== undefined)
    .sort((a, b) => count(a) - count(b) || (a < b ? -1 : 1))[0];
};

const dispose = (world: World, child: ChildRecord): World => {
  const birth = world.births.get(child.component);
  if (birth === undefined || birth.phase === 'purging') return world;
  const { nowMs } = world.input;
  if (birth.phase !== 'disposing') {
    return putBirth(world, {
      ...birth,
      phase: 'disposing',
      sinceMs: nowMs,
      reason: 'no longer wanted; its composer empties it',
    });
  }
  const heard = world.input.childHealth.get(child.component);
  if (heard?.disposed === true) return purge(world, birth, 'nothing of it is left to drain or stop');
  const forcedAtMs = Math.max(birth.sinceMs, heard?.atMs ?? 0) + DISPOSAL_SILENCE_MS;
  if (forcedAtMs <= nowMs)
    return purge(world, birth, `it has not answered for ${DISPOSAL_SILENCE_MS / 1000} s`);
  const reason = heard === undefined ? 'it has not answered yet' : 'it is still being emptied';
  return waitFor(world, { component: child.component, on: 'disposal', reason }, forcedAtMs);
};

const purge = (world: World, birth: BirthRecord, reason: string): World => {
  const [next, decision] = decided(world, {
    component: birth.component,
    action: 'purge',
    change: `-level ${birth.level} on ${birth.site}`,
    reason,
    causes: [birth.decision],
  });
  return putBirth(next, { ...birth, phase: 'purging', sinceMs: world.input.nowMs, reason, decision });
};

const forget = (world: World, birth: BirthRecord): World => {
  if (birth.phase !== 'purging' || !world.input.outcomes.purged.has(bornKey(birth))) return world;
  const births = new Map(world.births);
  births.delete(birth.component);
  return { ...world, births };
};

/** Acts for births that are committed in the phase they have. */
export const childActs = (world: World): readonly [World, readonly Act[]] => {
  const acts: Act[] = [];
  let next = world;
  for (const { value: birth } of world.input.births.values()) {
    const agent = world.input.sites.get(birth.site)?.value.agent;
    if (agent === undefined) {
      const reason = `the address of the agent of site ${birth.site} is unknown`;
      next = waitFor(next, { component: birth.component, on: 'agent', reason });
      continue;
    }
    if (birth.phase === 'purging') {
      acts.push({
        kind: 'purge',
        component: birth.component,
        key: bornKey(birth),
        level: birth.level,
        agent,
      });
    } else if (birth.phase === 'birthing') {
      acts.push(...birthAct(next, birth, agent));
    } else if (birth.phase === 'operating') {
      const heardAtMs = next.input.childHealth.get(birth.component)?.atMs ?? 0;
      const againAtMs = Math.max(birth.sinceMs, heardAtMs) + SILENCE_MS;
      if (againAtMs <= next.input.nowMs) acts.push(...birthAct(next, birth, agent));
      else next = wakeAt(next, againAtMs);
    }
  }
  return [next, acts];
};

const birthAct = (world: World, birth: BirthRecord, agent: string): readonly Act[] => {
  const { release, leaseTtlMs } = world.input.management;
  if (release === null) return [];
  const composition = world.input.spec?.value.typeGraph.components[birth.component]?.composition;
  return [
    {
      kind: 'birth',
      component: birth.component,
      key: bornKey(birth),
      agent,
      decision: birth.decision,
      request: {
        level: birth.level,
        parent: world.input.level,
        incarnation: birth.incarnation,
        etcd: birth.etcd.map((id) => etcdSpec(birth.level, id, release)),
        manager: managerSpec(
          {
            level: birth.level,
            id: birth.manager,
            release,
            site: birth.site,
            agent,
            etcd: '{{etcd}}',
            incarnation: '{{incarnation}}',
            leaseTtlMs,
          },
          managedLevel(composition),
        ),
      },
    },
  ];
};
