/**
 * What each child level may use of this level's sites: what is free there and what the child uses already. Rounded down,
 * so that a budget does not change with every instance.
 */
import type { SiteId } from '@mitosis/contracts';
import type { Budget, PlacerInput, Use } from './input.js';
import { useOf } from './resources.js';

const CPU_STEP = 0.25;
const MEMORY_STEP_BYTES = 256 * 1024 * 1024;

export const ownUse = (input: PlacerInput): ReadonlyMap<SiteId, Use> => {
  const components = Object.values(input.spec?.value.typeGraph.components ?? {});
  const counts = new Map(
    [...input.placements].map(([name, { value }]) => [
      name,
      new Map(Object.entries(value.counts) as [SiteId, number][]),
    ]),
  );
  return useOf(components, counts);
};

/** `childUse` by child and site. */
export const budgetsFor = (
  input: PlacerInput,
  child: string,
  childUse: ReadonlyMap<string, ReadonlyMap<SiteId, Use>>,
): readonly Budget[] => {
  const own = ownUse(input);
  return [...input.sites.values()].map(({ value: site }): Budget => {
    const others = [...childUse].filter(([name]) => name !== child).map(([, uses]) => uses.get(site.site));
    const used = [own.get(site.site), ...others].reduce<Use>(
      (sum, use) => ({
        cpus: sum.cpus + (use?.cpus ?? 0),
        memoryBytes: sum.memoryBytes + (use?.memoryBytes ?? 0),
      }),
      { cpus: 0, memoryBytes: 0 },
    );
    return {
      site: site.site,
      driver: site.driver,
      agent: site.agent,
      cpus: stepDown(site.cpus - used.cpus, CPU_STEP),
      memoryBytes: stepDown(site.memoryBytes - used.memoryBytes, MEMORY_STEP_BYTES),
      zone: site.zone,
      pricePerCpuHour: site.pricePerCpuHour,
    };
  });
};

/** Never zero, which would mean "what the agent reports"; a child that is there may keep one step. */
const stepDown = (value: number, step: number): number => Math.max(step, Math.floor(value / step) * step);
