/**
 * Why an instance that is wanted must not be started now. Each answer is a sentence with a name for what it waits on, so
 * that `explain` can tell it.
 */
import type { Component, SiteId } from '@mitosis/contracts';
import { waitsForDependency } from './dependencies.js';
import { listenersReady } from './listeners.js';
import { isGone, recordsOf, syncedSite, type World } from './world.js';

export interface Obstacle {
  readonly on: string;
  readonly reason: string;
}

export const obstacleTo = (world: World, component: Component, site: SiteId): Obstacle | undefined => {
  if (component.run === null) return { on: 'definition', reason: 'it says nothing of what to run' };
  if (syncedSite(world, site) === undefined) {
    return { on: 'agent', reason: `the agent of site ${site} is silent; what runs there is unknown` };
  }
  if (!listenersReady(world, site)) {
    return { on: 'listeners', reason: `site ${site} does not hold the level's sockets yet` };
  }
  const records = recordsOf(world, component.name);
  if (!records.some(({ version }) => version === component.version)) {
    const reason = waitsForDependency(world, component);
    if (reason !== undefined) return { on: 'dependency', reason };
  }
  return component.exclusive ? exclusiveObstacle(world, component) : undefined;
};

/**
 * Never two: a record in any phase but a certain death, an instance an agent reports without a record, or a site that
 * cannot be asked, each may be the predecessor that still runs.
 */
const exclusiveObstacle = (world: World, component: Component): Obstacle | undefined => {
  const on = 'predecessor';
  for (const record of recordsOf(world, component.name)) {
    if (record.phase === 'completed') continue;
    if (record.phase === 'failed' && isGone(world, record)) continue;
    return { on, reason: `${record.id} is ${record.phase}; its death is not certain yet` };
  }
  for (const { value: site } of world.input.sites.values()) {
    const observation = syncedSite(world, site.site);
    if (observation === undefined) {
      return { on, reason: `the agent of site ${site.site} is silent; an instance may run there` };
    }
    for (const status of observation.statuses.values()) {
      if (status.component !== component.name || status.state === 'stopped') continue;
      if (!world.instances.has(status.id)) {
        return { on, reason: `${status.id} runs on site ${site.site} without a record` };
      }
    }
  }
  return undefined;
};
