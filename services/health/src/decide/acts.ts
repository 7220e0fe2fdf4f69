/**
 * The acts that committed phases allow: start what is `starting`, stop what is `stopping` or `failed`. Read from the
 * input alone, never from what this plan only proposes.
 */
import {
  joiningEtcdSpec,
  managedLevel,
  managerSpec,
  MANAGEMENT_COMPONENTS,
  routerSpec,
  type agent,
  type InstanceRecord,
  type ManagementProcess,
} from '@mitosis/contracts';
import { mayStop, peersToJoin } from './etcd.js';
import { instanceSpec } from './instance-spec.js';
import { hostSite } from './hosts.js';
import { releasable } from './listeners.js';
import type { Act } from './plan.js';
import { definitionOf } from './rollout.js';
import { isGone, sight, waitFor, type World } from './world.js';

const GRACE_MS = 10_000;
const MANAGEMENT_GRACE_MS = 30_000;
/** From SIGKILL to the agent's answer, on a machine that is busy. */
const KILL_MS = 10_000;

export const instanceActs = (world: World): readonly [World, readonly Act[]] => {
  const acts: Act[] = [];
  let next = world;
  for (const [id, { value: record }] of world.input.instances) {
    if (world.instances.get(id)?.phase !== record.phase) continue;
    const address = world.input.sites.get(record.site)?.value.agent;
    const wanted = record.phase === 'starting' || record.phase === 'stopping' || record.phase === 'failed';
    if (!wanted) continue;
    if (address === undefined) {
      const reason = `the address of the agent of site ${record.site} is unknown`;
      next = waitFor(next, { component: record.component, on: 'agent', reason });
      continue;
    }
    const act =
      record.phase === 'starting' ? startAct(next, record, address) : stopAct(next, record, address);
    if (act !== undefined) acts.push(act);
  }
  return [next, acts];
};

const startAct = (world: World, record: InstanceRecord, address: string): Act | undefined => {
  if (sight(world, record).kind !== 'absent') return undefined;
  const spec =
    record.class === 'management' ? managementSpec(world, record, address) : applicationSpec(world, record);
  return spec === undefined
    ? undefined
    : { kind: 'start', id: record.id, site: record.site, agent: address, spec, decision: record.decision };
};

const applicationSpec = (world: World, record: InstanceRecord): agent.InstanceSpec | undefined => {
  const definition = definitionOf(world, record.component, record.version);
  return definition === undefined
    ? undefined
    : instanceSpec(world.input.level, record, definition, world.listeners.get(hostSite(world, record.site)));
};

const managementSpec = (
  world: World,
  record: InstanceRecord,
  address: string,
): agent.InstanceSpec | undefined => {
  const { release, etcd, leaseTtlMs } = world.input.management;
  if (release === null) return undefined;
  const process: ManagementProcess = {
    level: world.input.level,
    id: record.id,
    release,
    site: record.site,
    agent: address,
    etcd,
    incarnation: String(world.input.epoch.incarnation),
    leaseTtlMs,
  };
  if (record.component === MANAGEMENT_COMPONENTS.etcd) {
    const peers = peersToJoin(world);
    return (
      peers && { ...joiningEtcdSpec(world.input.level, record.id, release, peers), version: record.version }
    );
  }
  if (record.component === MANAGEMENT_COMPONENTS.manager) {
    const managed = managedLevel(world.input.spec?.value.typeGraph);
    return { ...managerSpec(process, managed), version: record.version };
  }
  if (record.component !== MANAGEMENT_COMPONENTS.router) return undefined;
  const unwanted = new Set(releasable(world, record.site).map(({ name }) => name));
  const names = (world.listeners.get(record.site)?.listeners ?? [])
    // Without an address there is no socket: containers of that engine reach each other directly.
    .filter(({ host, published, network }) => published || network === undefined || host !== '')
    .map(({ name }) => name)
    .filter((name) => !unwanted.has(name));
  return { ...routerSpec(process, names), version: record.version };
};

const stopAct = (world: World, record: InstanceRecord, address: string): Act | undefined => {
  if (!mayStop(world, record)) return undefined;
  // Answered already; that nothing is left of it is for the agent's stream to say.
  if (isGone(world, record) || world.input.outcomes.stopped.has(record.id)) return undefined;
  const grace =
    record.class === 'management'
      ? MANAGEMENT_GRACE_MS
      : (definitionOf(world, record.component, record.version)?.run?.stopGraceMs ?? GRACE_MS);
  return {
    kind: 'stop',
    id: record.id,
    site: record.site,
    agent: address,
    deadlineMs: grace + KILL_MS,
    reason: record.reason,
    decision: record.decision,
  };
};
