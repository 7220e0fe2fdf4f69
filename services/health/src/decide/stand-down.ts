/**
 * The management's own roll-out to another release: which release is wanted, and the last step of the way, which no
 * leader can take for itself. Followers were replaced one at a time (management.ts); when this replica is the only one of
 * another release left, it gives up its leadership, and its successor replaces it like any follower.
 */
import { MANAGEMENT_COMPONENTS, type Release, type SpecRecord } from '@mitosis/contracts';
import type { Act } from './plan.js';
import { isUp, recordsOf, typeGraphOf, type World } from './world.js';

/**
 * What the composition was last applied with; while it says nothing, what this replica was started from. Null: started by
 * hand, or by somebody else's tool, which then rolls it, too.
 */
export const wantedRelease = (own: Release | null, spec: SpecRecord | undefined): Release | null =>
  own === null ? null : (spec?.typeGraph.management.release ?? own);

export const standDownActs = (world: World): readonly Act[] => {
  const { management, self } = world.input;
  const typeGraph = typeGraphOf(world);
  if (management.release === null || typeGraph === undefined) return [];
  const { version } = management.release;
  const managers = recordsOf(world, MANAGEMENT_COMPONENTS.manager).filter(isUp);
  const outdated = managers.filter((record) => record.version !== version);
  const current = managers.filter((record) => record.version === version);
  const onlySelf = outdated.length === 1 && outdated[0]?.id === self;
  const othersReady =
    current.length >= Math.max(1, typeGraph.management.managers) &&
    current.every(({ phase }) => phase === 'ready');
  return onlySelf && othersReady ? [{ kind: 'resign', release: version }] : [];
};
