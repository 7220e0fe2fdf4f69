/**
 * One component of kind `service`: makes its instances as many, as well and of the version that is wanted. Order of
 * steps: failed ones are replaced, missing ones started, the roll-out goes a step on, surplus leaves.
 */
import type { Component, InstanceRecord, SiteId } from '@mitosis/contracts';
import { restartVerdict } from './backoff.js';
import { removeFrom } from './leave.js';
import { obstacleTo } from './obstacles.js';
import { placesOf } from './places.js';
import { rollOut } from './rollout.js';
import { contextOf, isOutdated, liveOn, nextBatchAtMs, type ServiceContext } from './service-context.js';
import {
  basedOn,
  decided,
  deleteInstances,
  isGone,
  isLeaving,
  isUp,
  newInstanceId,
  newRecord,
  putInstances,
  recordsOf,
  waitFor,
  wakeAt,
  type World,
} from './world.js';

export const decideService = (world: World, component: Component): World => {
  const answer = placesOf(world, component);
  const places = answer.kind === 'known' ? answer.places : undefined;
  let next = rollOut(world, component, places?.total);
  const rollout = next.rollouts.get(component.name);
  if (rollout === undefined) return next;
  if (answer.kind === 'unknown') {
    return waitFor(next, { component: component.name, on: answer.on, reason: answer.reason });
  }
  const context = contextOf(next, rollout, answer.places);
  next = replaceFailed(next, context);
  next = fillPlaces(next, context);
  next = advanceRollout(next, context);
  return removeFrom(next, context);
};

/** Places of a site that nothing holds, not even an instance that is on its way out where successors wait for that. */
const freePlaces = (world: World, context: ServiceContext, site: SiteId): number => {
  const wanted = context.places.bySite.get(site) ?? 0;
  const leaving =
    context.stopFirst && context.rollout.state === 'rolling'
      ? recordsOf(world, context.component.name).filter(
          (record) => record.site === site && isLeaving(record) && isOutdated(context, record),
        ).length
      : 0;
  return wanted - liveOn(world, context, site).length - leaving;
};

/** What a new instance is started by: while a roll-out is paused, the version that has proved itself. */
const definitionForNew = (context: ServiceContext): Component =>
  context.rollout.state === 'paused' ? (context.rollout.previous ?? context.component) : context.component;

const failedOf = (world: World, context: ServiceContext): readonly InstanceRecord[] =>
  recordsOf(world, context.component.name).filter(({ phase }) => phase === 'failed');

const replaceFailed = (world: World, context: ServiceContext): World => {
  const held = new Map<SiteId, number>();
  let next = world;
  for (const record of failedOf(world, context)) {
    const free = freePlaces(next, context, record.site) - (held.get(record.site) ?? 0);
    if (free <= 0 && !isOfBatch(next, context, record)) {
      if (isGone(next, record)) next = deleteInstances(next, [record.id]);
      continue;
    }
    const replaced = replaceOne(next, context, record);
    // A failed instance whose successor has to wait holds its place, or another would be started in its stead.
    if (replaced.kind === 'held') held.set(record.site, (held.get(record.site) ?? 0) + 1);
    next = replaced.world;
  }
  return next;
};

/** A new instance of a start-first roll-out has a place beside its predecessor's: its back-off must hold there, too. */
const isOfBatch = (world: World, context: ServiceContext, failed: InstanceRecord): boolean =>
  context.rollout.state === 'rolling' &&
  !context.stopFirst &&
  !isOutdated(context, failed) &&
  recordsOf(world, context.component.name).filter((record) => isUp(record) && record.site === failed.site)
    .length <= (context.places.bySite.get(failed.site) ?? 0) &&
  recordsOf(world, context.component.name).some(
    (record) => isUp(record) && isOutdated(context, record) && record.site === failed.site,
  );

interface Replaced {
  readonly kind: 'replaced' | 'held';
  readonly world: World;
}

const replaceOne = (world: World, context: ServiceContext, failed: InstanceRecord): Replaced => {
  const definition = definitionForNew(context);
  const name = context.component.name;
  const sameVersion = failed.version === definition.version;
  if (sameVersion) {
    const verdict = restartVerdict(failed, definition.restart, world.input.nowMs);
    if (verdict.kind === 'never') {
      return held(waitFor(world, { component: name, on: 'restart policy', reason: verdict.reason }));
    }
    if (verdict.kind === 'later') {
      const reason = `${failed.id} failed (${failed.reason}); ${(failed.attempt ?? 0) + 1} in a row`;
      return held(waitFor(world, { component: name, on: 'back-off', reason }, verdict.atMs));
    }
  }
  const obstacle = obstacleTo(world, definition, failed.site);
  if (obstacle !== undefined) return held(waitFor(world, { component: name, ...obstacle }));
  const attempt = sameVersion ? (failed.attempt ?? 0) + 1 : 0;
  const reason = `${failed.id} failed: ${failed.reason}`;
  const started = startOn(world, context, failed.site, 1, { action: 'replace', reason, attempt });
  return {
    kind: 'replaced',
    world: isGone(started, failed)
      ? deleteInstances(started, [failed.id])
      : putInstances(started, [{ ...failed, phase: 'stopping', sinceMs: world.input.nowMs }]),
  };
};

const held = (world: World): Replaced => ({ kind: 'held', world });

const fillPlaces = (world: World, context: ServiceContext): World => {
  let next = world;
  for (const site of context.places.bySite.keys()) {
    const failed = failedOf(next, context).filter((record) => record.site === site).length;
    const missing = freePlaces(next, context, site) - failed;
    if (missing <= 0) continue;
    const obstacle = obstacleTo(next, definitionForNew(context), site);
    if (obstacle !== undefined) {
      next = waitFor(next, { component: context.component.name, ...obstacle });
      continue;
    }
    // Of an exclusive component the second place, if there is one, is not filled before the first is seen.
    const count = context.component.exclusive ? 1 : missing;
    const sick = recordsOf(next, context.component.name).find(({ id }) => context.sick.has(id));
    next = startOn(next, context, site, count, {
      action: sick === undefined ? 'start' : 'replace',
      reason:
        sick === undefined
          ? `${context.places.total} wanted, ${missing} missing on ${site}`
          : `${sick.id} is unhealthy`,
      attempt: 0,
    });
  }
  return next;
};

interface StartReason {
  readonly action: string;
  readonly reason: string;
  readonly attempt: number;
}

const startOn = (
  world: World,
  context: ServiceContext,
  site: SiteId,
  count: number,
  why: StartReason,
): World => {
  const definition = definitionForNew(context);
  const ids = Array.from({ length: count }, () => newInstanceId(world, definition.name));
  const placement = world.input.placements.get(definition.name)?.value;
  const [next, decision] = decided(world, {
    component: definition.name,
    action: why.action,
    change: `+${ids.join(', +')} on ${site}`,
    reason: why.reason,
    inputs: { wanted: context.places.total, version: definition.version, attempt: why.attempt },
    causes: placement === undefined ? [] : [placement.decision],
  });
  const records = ids.map((id) =>
    newRecord(next, {
      id,
      component: definition.name,
      class: 'application',
      version: definition.version,
      site,
      attempt: why.attempt,
      reason: why.reason,
      decision,
    }),
  );
  return basedOn(putInstances(next, records), ...context.places.basis);
};

/** Starts the next batch of the new version beside the old one, or lets the next batch of the old one go. */
const advanceRollout = (world: World, context: ServiceContext): World => {
  const { component, rollout } = context;
  if (rollout.state !== 'rolling' || context.stopFirst) return world;
  const records = recordsOf(world, component.name);
  const outdated = records.filter((record) => isUp(record) && isOutdated(context, record));
  if (outdated.length === 0) return world;
  const current = records.filter((record) => !isOutdated(context, record));
  const inFlight = [
    ...current.filter(({ phase }) => phase === 'starting' || phase === 'running' || phase === 'failed'),
    ...records.filter((record) => isLeaving(record) && isOutdated(context, record)),
  ];
  // Surplus beyond the wanted number is the batch before, whose predecessors have not left yet.
  const surplus = records.filter(isUp).length - context.places.total;
  if (inFlight.length > 0 || surplus > 0) return world;
  const pausedUntilMs = nextBatchAtMs(context, current);
  if (pausedUntilMs > world.input.nowMs) return wakeAt(world, pausedUntilMs);
  return startBatch(world, context, outdated);
};

const startBatch = (world: World, context: ServiceContext, outdated: readonly InstanceRecord[]): World => {
  const parallelism = context.component.update.parallelism || outdated.length;
  let next = world;
  for (const record of outdated.slice(0, parallelism)) {
    const obstacle = obstacleTo(next, context.component, record.site);
    if (obstacle !== undefined) {
      next = waitFor(next, { component: context.component.name, ...obstacle });
      continue;
    }
    next = startOn(next, context, record.site, 1, {
      action: 'roll',
      reason: `takes over from ${record.id} of version ${record.version}`,
      attempt: 0,
    });
  }
  return next;
};
