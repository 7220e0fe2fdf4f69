/**
 * What the steps for one component of kind `service` share: its definition in force, its places, and who counts.
 */
import type { Component, InstanceId, InstanceRecord, RolloutRecord, SiteId } from '@mitosis/contracts';
import type { Places } from './places.js';
import { isLeaving, isUnhealthy, isUp, recordsOf, syncedSite, type World } from './world.js';

/** Of a component's ready instances at most this share, but at least one, leaves or is replaced at once. */
export const MASS_CHANGE_SHARE_MAX = 0.5;

export interface ServiceContext {
  /** The definition in force. */
  readonly component: Component;
  readonly rollout: RolloutRecord;
  readonly places: Places;
  /** Unhealthy ones that are being replaced: they no longer count. */
  readonly sick: ReadonlySet<InstanceId>;
  /** One leaves before its successor starts. */
  readonly stopFirst: boolean;
}

export const contextOf = (world: World, rollout: RolloutRecord, places: Places): ServiceContext => ({
  component: rollout.definition,
  rollout,
  places,
  sick: sickOf(world, rollout.component),
  stopFirst: rollout.definition.exclusive || rollout.definition.update.order === 'stop-first',
});

/** Unhealthy by their probe, but never more than the brake allows: when all fail at once the probe may be what is wrong. */
const sickOf = (world: World, component: string): ReadonlySet<InstanceId> => {
  const ready = recordsOf(world, component).filter(({ phase }) => phase === 'ready');
  const most = Math.max(1, Math.floor(ready.length * MASS_CHANGE_SHARE_MAX));
  return new Set(
    ready
      .filter((record) => isUnhealthy(world, record))
      .slice(0, most)
      .map(({ id }) => id),
  );
};

/** Instances of a site that hold a place. */
export const liveOn = (world: World, context: ServiceContext, site: SiteId): readonly InstanceRecord[] =>
  recordsOf(world, context.component.name).filter(
    (record) => record.site === site && isUp(record) && !context.sick.has(record.id),
  );

export const readyOf = (world: World, context: ServiceContext): readonly InstanceRecord[] =>
  recordsOf(world, context.component.name).filter(
    (record) => record.phase === 'ready' && !context.sick.has(record.id),
  );

export const isOutdated = (context: ServiceContext, record: InstanceRecord): boolean =>
  record.version !== context.component.version;

/** How many ready instances may still begin to leave now. What is stuck on a silent site does not count against the rest. */
export const allowance = (world: World, context: ServiceContext): number => {
  const records = recordsOf(world, context.component.name);
  const leaving = records.filter(
    (record) => isLeaving(record) && syncedSite(world, record.site) !== undefined,
  ).length;
  const ready = records.filter(({ phase }) => phase === 'ready').length;
  return Math.max(1, Math.floor((ready + leaving) * MASS_CHANGE_SHARE_MAX)) - leaving;
};

/** When the next batch of a roll-out may begin: `delay` after the last of the batch before. */
export const nextBatchAtMs = (context: ServiceContext, current: readonly InstanceRecord[]): number =>
  Math.max(0, ...current.map(({ sinceMs }) => sinceMs + context.component.update.delayMs));
