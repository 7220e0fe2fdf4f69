/** What a level tells its parent: where its entry is reached, and whether anything answers there. */
import type { ListenersRecord } from '@mitosis/contracts';
import type { router } from '@mitosis/contracts';
import type { Table } from './table.js';

/** Internal listeners of the entry component on every site; ready when its route has a target that takes requests. */
export const entryEndpoints = (
  level: string,
  entry: string | null,
  sites: readonly ListenersRecord[],
  table: Table | undefined,
): router.EntryEndpointsReply => {
  if (entry === null) return { level, ready: false, endpoints: [] };
  const endpoints = sites
    .flatMap(({ listeners }) => listeners)
    .filter(({ component, published, network }) => component === entry && !published && network === undefined)
    .map(({ port, host, number }) => ({ port, host, number }));
  return { level, ready: endpoints.length > 0 && hasReadyTarget(entry, table), endpoints };
};

const hasReadyTarget = (component: string, table: Table | undefined): boolean =>
  Object.values(table?.routes ?? {}).some(
    (route) =>
      route.component === component &&
      route.choices.some((choice) => choice.weight > 0 && choice.targets.some((target) => !target.draining)),
  );
