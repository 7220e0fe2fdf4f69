/**
 * From draining to stopping: when every router with a live lease has acknowledged the endpoints without the instance and
 * has no request there, or the drain deadline passed; a router whose lease ended is waited for until its lease end plus
 * the deadline, unless its process is known to be gone.
 */
import type { InstanceRecord } from '@mitosis/contracts';
import type { RouterObservation } from './input.js';
import { definitionOf } from './rollout.js';
import { componentOf, decided, putInstances, waitFor, type World } from './world.js';

/** For an instance whose component is no longer known. */
const DRAIN_DEADLINE_MS = 30_000;

export const drain = (world: World): World => {
  let next = world;
  for (const record of world.instances.values()) {
    if (record.phase === 'draining') next = drainOne(next, record);
  }
  return next;
};

const drainOne = (world: World, record: InstanceRecord): World => {
  const seen = world.input.instances.get(record.id);
  // Only a drain that is committed has a revision for routers to acknowledge.
  if (seen === undefined || seen.value.phase !== 'draining') return world;
  const deadlineMs = drainDeadlineMs(world, record);
  const open = world.input.routers.flatMap((router) => {
    const hold = holdOf(world, router, record, seen.modRevision, deadlineMs);
    return hold === undefined ? [] : [hold];
  });
  if (open.length > 0) {
    const untilMs = Math.min(...open.map((hold) => hold.untilMs));
    const reason = `${record.id}: ${open.map((hold) => hold.reason).join('; ')}`;
    return waitFor(world, { component: record.component, on: 'acknowledgements', reason }, untilMs);
  }
  const late = record.sinceMs + deadlineMs <= world.input.nowMs;
  const reason = late
    ? 'its drain deadline passed'
    : 'every router acknowledged that it has no request there';
  const [next, decision] = decided(world, {
    component: record.component,
    action: 'stop',
    change: `-${record.id} on ${record.site}`,
    reason,
    inputs: { drainRevision: seen.modRevision, routers: world.input.routers.map(({ replica }) => replica) },
    causes: [record.decision],
  });
  return putInstances(next, [
    {
      ...record,
      phase: 'stopping',
      sinceMs: world.input.nowMs,
      reason: `${record.reason}; ${reason}`,
      decision,
    },
  ]);
};

const drainDeadlineMs = (world: World, record: InstanceRecord): number =>
  (definitionOf(world, record.component, record.version) ?? componentOf(world, record.component))
    ?.drainDeadlineMs ?? DRAIN_DEADLINE_MS;

interface Hold {
  readonly untilMs: number;
  readonly reason: string;
}

const holdOf = (
  world: World,
  router: RouterObservation,
  record: InstanceRecord,
  drainRevision: number,
  deadlineMs: number,
): Hold | undefined => {
  const { nowMs } = world.input;
  if (router.leaseEndedAtMs !== null) {
    const untilMs = router.leaseEndedAtMs + deadlineMs;
    if (untilMs <= nowMs || isDead(world, router)) return undefined;
    return { untilMs, reason: `router ${router.replica} lost its lease and may still serve` };
  }
  const untilMs = record.sinceMs + deadlineMs;
  if (untilMs <= nowMs) return undefined;
  if (router.ackRevision === null || router.ackRevision < drainRevision) {
    return { untilMs, reason: `router ${router.replica} has not acknowledged` };
  }
  return router.busy.has(record.id)
    ? { untilMs, reason: `router ${router.replica} has requests there` }
    : undefined;
};

/** Evidence from its host's agent that the process which held the lease is gone; a silent agent is none. */
const isDead = (world: World, router: RouterObservation): boolean => {
  const instance = world.instances.get(router.replica);
  for (const [site, observation] of world.input.agents) {
    if (!observation.synced) continue;
    const status = observation.statuses.get(router.replica);
    if (status === undefined) {
      if (instance?.site === site) return true;
      continue;
    }
    if (status.state === 'exited' || status.state === 'stopped') return true;
    if (router.leaseEndedAtMs !== null && status.startedAtMs > router.leaseEndedAtMs) return true;
  }
  return false;
};
