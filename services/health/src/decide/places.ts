/**
 * How many instances of a component are wanted on each site, by the placer's answer. Without an answer the number is
 * unknown, which is not zero: nothing is started or stopped for it.
 */
import type { Component, SiteId } from '@mitosis/contracts';
import { KEYS, siteId } from '@mitosis/contracts';
import type { Seen } from './plan.js';
import type { World } from './world.js';

export interface Places {
  readonly bySite: ReadonlyMap<SiteId, number>;
  readonly total: number;
  readonly basis: readonly Seen[];
}

export type PlacesAnswer =
  | { readonly kind: 'known'; readonly places: Places }
  | { readonly kind: 'unknown'; readonly on: string; readonly reason: string };

export const placesOf = (world: World, component: Component): PlacesAnswer => {
  const placement = world.input.placements.get(component.name);
  const target = world.input.targets.get(component.name);
  if (placement === undefined) {
    return component.runOnce || target !== undefined
      ? { kind: 'unknown', on: 'placement', reason: 'the placer has not placed it yet' }
      : { kind: 'unknown', on: 'target', reason: 'the autoscaler has not said how many yet' };
  }
  const bySite = new Map(
    Object.entries(placement.value.counts)
      .filter(([, count]) => count > 0)
      .map(([site, count]) => [siteId(site), count] as const),
  );
  return {
    kind: 'known',
    places: {
      bySite,
      total: [...bySite.values()].reduce((sum, count) => sum + count, 0),
      basis: [{ key: KEYS.placement(component.name), modRevision: placement.modRevision }],
    },
  };
};
