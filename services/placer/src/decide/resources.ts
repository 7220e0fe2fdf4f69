/**
 * What an instance is counted as. Only reservations reserve, as in Compose; limits are caps that instances share a
 * machine under, and where nothing is reserved a small default keeps a site from being filled without end.
 */
import type { Component, SiteId } from '@mitosis/contracts';
import type { PlacerInput, Use } from './input.js';

/** A twentieth of a core and 32 MiB: an idle small process. */
const DEFAULT_CPUS = 0.05;
const DEFAULT_MEMORY_BYTES = 32 * 1024 * 1024;

export const requestOf = (component: Component): Use => ({
  cpus: component.resources.reservations.cpus || DEFAULT_CPUS,
  memoryBytes: component.resources.reservations.memoryBytes || DEFAULT_MEMORY_BYTES,
});

export type Counts = ReadonlyMap<SiteId, number>;

/** What the given counts use on each site. */
export const useOf = (
  components: readonly Component[],
  counts: ReadonlyMap<string, Counts>,
): ReadonlyMap<SiteId, Use> => {
  const uses = new Map<SiteId, Use>();
  for (const component of components) {
    const request = requestOf(component);
    for (const [site, count] of counts.get(component.name) ?? []) {
      const use = uses.get(site) ?? { cpus: 0, memoryBytes: 0 };
      uses.set(site, {
        cpus: use.cpus + count * request.cpus,
        memoryBytes: use.memoryBytes + count * request.memoryBytes,
      });
    }
  }
  return uses;
};

/** Instances of this level per site, whatever their phase as long as they hold something. */
export const instancesOn = (input: PlacerInput, site: SiteId): number =>
  [...input.instances.values()].filter(
    ({ value }) => value.site === site && value.phase !== 'failed' && value.phase !== 'completed',
  ).length;
