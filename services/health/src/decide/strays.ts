/**
 * What agents report and no record names: taken into the graph when it is wanted, else given a record that says it is
 * stopped, and why. Never is anything stopped because the store is empty or the spec unknown.
 */
import {
  instanceId,
  MANAGEMENT_COMPONENTS,
  type agent,
  type InstanceRecord,
  type SiteId,
} from '@mitosis/contracts';
import { hostOfSite } from './hosts.js';
import {
  basedOn,
  componentOf,
  decided,
  isDisposing,
  isLeaving,
  newRecord,
  putInstances,
  recordsOf,
  waitFor,
  type World,
} from './world.js';

export const adoptStrays = (world: World): World => {
  let next = world;
  for (const [site, observation] of world.input.agents) {
    if (!observation.synced) continue;
    for (const status of [...observation.statuses.values()].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      // What has its tombstone already, or just gets it, is no stray.
      const ends = status.state === 'stopped' || status.state === 'stopping';
      if (!isOfSite(world, site, status)) continue;
      const record = next.instances.get(status.id);
      if (record !== undefined) next = rename(next, site, record);
      else if (!ends) next = adoptOne(next, site, status);
    }
  }
  return next;
};

/**
 * The same host under the name the composition gives it: what was born before any site was known has a name of its own,
 * and nobody would ask for it there.
 */
const rename = (world: World, site: SiteId, record: InstanceRecord): World =>
  record.site === site || world.input.sites.has(record.site) || !world.input.sites.has(site)
    ? world
    : putInstances(world, [{ ...record, site }]);

/** Sites that share an agent all hear of everything on it: each thing belongs to one of them. */
const isOfSite = (world: World, site: SiteId, status: agent.InstanceStatus): boolean => {
  const host = hostOfSite(world, site);
  if (host === undefined || host.sites.length === 1) return true;
  if (status.class === 'management') return site === host.site;
  const driver = status.driver ?? 'process';
  return host.sites.find((one) => one.driver === driver)?.site === site;
};

const MANAGEMENT: ReadonlySet<string> = new Set(Object.values(MANAGEMENT_COMPONENTS));

const adoptOne = (world: World, site: SiteId, status: agent.InstanceStatus): World => {
  if (status.class === 'management') {
    return MANAGEMENT.has(status.component)
      ? keep(world, site, status, 'started by the birth of the level, or before its store was restored')
      : world;
  }
  const { spec } = world.input;
  if (spec === undefined) {
    const reason = `${status.id} runs on ${site} and the spec is unknown: left alone`;
    return waitFor(world, { component: status.component, on: 'spec', reason });
  }
  const based = basedOn(world, { key: 'spec/current', modRevision: spec.modRevision });
  const unwanted = whyUnwanted(based, status);
  return unwanted === undefined
    ? keep(based, site, status, 'runs without a record and its component is wanted')
    : stop(based, site, status, unwanted);
};

const whyUnwanted = (world: World, status: agent.InstanceStatus): string | undefined => {
  const component = componentOf(world, status.component);
  if (component === undefined || component.kind !== 'service')
    return 'its component is not in the composition';
  if (isDisposing(world)) return 'the composition is being disposed of';
  const others = recordsOf(world, status.component).filter(
    (record) => !isLeaving(record) && record.phase !== 'failed',
  );
  if (component.exclusive && others.length > 0) return `${others[0]?.id} is the one instance there may be`;
  if (component.runOnce) {
    if (status.version !== component.version) return 'another version of it is wanted';
    if (others.length > 0) return `${others[0]?.id} does its work`;
    return undefined;
  }
  return status.state === 'exited' ? 'it has ended' : undefined;
};

const keep = (world: World, site: SiteId, status: agent.InstanceStatus, reason: string): World => {
  const [next, decision] = decided(world, {
    component: status.component,
    action: 'adopt',
    change: `+${status.id} on ${site}`,
    reason,
    inputs: { state: status.state, health: status.health, version: status.version },
  });
  // The observation that follows in the same plan moves it on to what it is.
  return putInstances(next, [{ ...recordFor(next, site, status, reason, decision), phase: 'running' }]);
};

const stop = (world: World, site: SiteId, status: agent.InstanceStatus, reason: string): World => {
  const [next, decision] = decided(world, {
    component: status.component,
    action: 'stop',
    change: `-${status.id} on ${site}`,
    reason: `it runs without a record and ${reason}`,
    inputs: { state: status.state, version: status.version },
  });
  return putInstances(next, [{ ...recordFor(next, site, status, reason, decision), phase: 'stopping' }]);
};

const recordFor = (
  world: World,
  site: SiteId,
  status: agent.InstanceStatus,
  reason: string,
  decision: InstanceRecord['decision'],
): InstanceRecord => ({
  ...newRecord(world, {
    id: instanceId(status.id),
    component: status.component,
    class: status.class === 'management' ? 'management' : 'application',
    version: status.version,
    site,
    attempt: 0,
    reason,
    decision,
  }),
  createdAtMs: status.startedAtMs || world.input.nowMs,
  host: status.host,
  ports: status.ports,
});
