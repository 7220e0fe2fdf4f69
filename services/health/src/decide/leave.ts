/**
 * Who leaves: unhealthy ones that others can stand in for, surplus, and in a roll-out the version before. Never so many
 * that fewer ready ones than wanted remain, except where the composition says that the old one goes first; never more
 * than the brake's share at once.
 */
import { KEYS, type Component, type InstanceRecord } from '@mitosis/contracts';
import { portsOf } from './listeners.js';
import type { Places } from './places.js';
import {
  allowance,
  isOutdated,
  liveOn,
  nextBatchAtMs,
  readyOf,
  type ServiceContext,
} from './service-context.js';
import {
  basedOn,
  decided,
  isLeaving,
  isUnhealthy,
  isUp,
  putInstances,
  recordsOf,
  wakeAt,
  type DecisionDraft,
  type World,
} from './world.js';

export const removeFrom = (world: World, context: ServiceContext): World => {
  let next = removeSick(world, context);
  if (context.rollout.state === 'rolling' && context.stopFirst) next = removeOutdated(next, context);
  return removeSurplus(next, context);
};

const removeSick = (world: World, context: ServiceContext): World => {
  let next = world;
  for (const record of recordsOf(world, context.component.name)) {
    if (!context.sick.has(record.id) || record.phase !== 'ready') continue;
    // A doubtful instance is better than none; an exclusive one has to go before anything can take its place.
    const othersReady = readyOf(next, context).some((other) => !isUnhealthy(next, other));
    if (!othersReady && !context.component.exclusive) continue;
    if (allowance(next, context) <= 0) continue;
    next = leave(next, context, record, { action: 'replace', reason: 'its probe fails' });
  }
  return next;
};

/** Stop-first: the next batch of the old version goes when the batch before has been replaced. */
const removeOutdated = (world: World, context: ServiceContext): World => {
  const records = recordsOf(world, context.component.name);
  const outdated = records.filter((record) => isUp(record) && isOutdated(context, record));
  const current = records.filter((record) => !isOutdated(context, record));
  const inFlight =
    current.some(({ phase }) => phase !== 'ready' && phase !== 'draining' && phase !== 'stopping') ||
    records.some((record) => isLeaving(record) && isOutdated(context, record)) ||
    records.filter(isUp).length < context.places.total;
  if (outdated.length === 0 || inFlight) return world;
  const atMs = nextBatchAtMs(context, current);
  if (atMs > world.input.nowMs) return wakeAt(world, atMs);
  const parallelism = context.component.update.parallelism || outdated.length;
  let next = world;
  for (const record of outdated.slice(0, parallelism)) {
    if (record.phase === 'ready' && allowance(next, context) <= 0) break;
    next = leave(next, context, record, {
      action: 'roll',
      reason: `its version ${record.version} is replaced by ${context.component.version}`,
    });
  }
  return next;
};

const removeSurplus = (world: World, context: ServiceContext): World => {
  const sites = new Set(
    recordsOf(world, context.component.name)
      .filter(isUp)
      .map(({ site }) => site),
  );
  let next = world;
  for (const site of sites) {
    const wanted = context.places.bySite.get(site) ?? 0;
    const candidates = [...liveOn(next, context, site)].sort((a, b) => leavesBefore(context, a, b));
    let surplus = candidates.length - wanted;
    for (const record of candidates) {
      if (surplus <= 0) break;
      if (!mayLeave(next, context, record, candidates)) continue;
      surplus -= 1;
      next = leave(next, context, record, surplusReason(context, record, wanted, candidates.length));
    }
  }
  return next;
};

/** Not ready before ready, outdated before current, newest first. */
const leavesBefore = (context: ServiceContext, a: InstanceRecord, b: InstanceRecord): number =>
  rank(context, a) - rank(context, b) || b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1);

const PHASE_RANK: Readonly<Record<string, number>> = { starting: 0, running: 1, ready: 2 };
const rank = (context: ServiceContext, record: InstanceRecord): number =>
  (isOutdated(context, record) ? 0 : 10) + (PHASE_RANK[record.phase] ?? 2);

const mayLeave = (
  world: World,
  context: ServiceContext,
  record: InstanceRecord,
  candidates: readonly InstanceRecord[],
): boolean => {
  // In a roll-out the new ones are the surplus on purpose: their predecessors go, not they.
  const rolling = candidates.some((candidate) => isOutdated(context, candidate));
  if (rolling && context.rollout.state !== 'settled' && !isOutdated(context, record)) return false;
  if (record.phase !== 'ready') return true;
  if (allowance(world, context) <= 0) return false;
  // To be moved, an exclusive instance has to leave first.
  if (context.component.exclusive) return true;
  return readyOf(world, context).length - 1 >= context.places.total;
};

const surplusReason = (
  context: ServiceContext,
  record: InstanceRecord,
  wanted: number,
  live: number,
): Pick<DecisionDraft, 'action' | 'reason'> =>
  isOutdated(context, record)
    ? { action: 'roll', reason: `its version ${record.version} is replaced by ${context.component.version}` }
    : { action: 'drain', reason: `${live} run on ${record.site}, ${wanted} wanted there` };

/** What decides whether there is anything to drain. */
export type Reachable = Pick<Component, 'kind' | 'ports' | 'composition'>;

/** Out of the endpoints when it is in them, else straight to its end. */
export const leave = (
  world: World,
  { component, places }: { readonly component: Reachable; readonly places?: Places },
  record: InstanceRecord,
  why: Pick<DecisionDraft, 'action' | 'reason'>,
): World => {
  const placement = world.input.placements.get(record.component);
  const [next, decision] = decided(world, {
    component: record.component,
    action: why.action,
    change: `-${record.id} on ${record.site}`,
    reason: why.reason,
    inputs: { phase: record.phase, ...(places === undefined ? {} : { wanted: places.total }) },
    causes: placement === undefined ? [] : [placement.value.decision],
  });
  const drains = record.phase === 'ready' && portsOf(component).length > 0;
  const gone = putInstances(next, [
    {
      ...record,
      phase: drains ? 'draining' : 'stopping',
      sinceMs: world.input.nowMs,
      reason: why.reason,
      decision,
    },
  ]);
  return placement === undefined || places === undefined
    ? gone
    : basedOn(gone, { key: KEYS.placement(record.component), modRevision: placement.modRevision });
};
