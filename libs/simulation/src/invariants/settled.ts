/** Whether a level is in order: as many of everything as wanted, no stray, no record without its process, routers agree. */
import { instanceId, KEYS, MANAGEMENT_COMPONENTS, PREFIXES } from '@mitosis/contracts';
import { SIMULATED_FUNCTIONS } from '../processes/manager.js';
import type { SimLevel } from '../level/sim-level.js';

const WANTED: Readonly<Record<string, number>> = {
  [MANAGEMENT_COMPONENTS.manager]: 2,
  [MANAGEMENT_COMPONENTS.router]: 2,
  [MANAGEMENT_COMPONENTS.etcd]: 1,
  store: 1,
  worker: 2,
};

/** What is not in order; undefined: everything is. */
export const unsettled = (level: SimLevel): string | undefined =>
  leaders(level) ?? counts(level) ?? records(level) ?? tables(level) ?? version(level);

const leaders = (level: SimLevel): string | undefined => {
  for (const fn of SIMULATED_FUNCTIONS) {
    const alive = level
      .children()
      .filter((child) =>
        level.entries(PREFIXES.election).some(({ key }) => key === KEYS.candidate(fn, instanceId(child.id))),
      );
    if (alive.length === 0) return `nobody stands for ${fn}`;
  }
  return undefined;
};

const counts = (level: SimLevel): string | undefined => {
  const running = level.children();
  const web = level.record('targets', KEYS.target('web'))?.count;
  for (const [component, wanted] of Object.entries({ ...WANTED, web: web ?? -1 })) {
    const found = running.filter((child) => child.component === component);
    if (found.length !== wanted)
      return `${found.length} of ${component} run, ${wanted} wanted (${found.map(({ id }) => id).join(', ')})`;
  }
  const migrating = running.filter(({ component }) => component === 'migrate');
  return migrating.length > 0 ? `${migrating[0]?.id} still runs` : undefined;
};

const records = (level: SimLevel): string | undefined => {
  const all = level.records('instances');
  const running = new Set(level.children().map(({ id }) => id));
  for (const record of all) {
    const over = record.phase === 'completed' || record.phase === 'failed';
    if (record.phase === 'failed') return `${record.id} is failed: ${record.reason}`;
    if (!over && record.phase !== 'ready') return `${record.id} is ${record.phase}: ${record.reason}`;
    if (!over && !running.has(record.id)) return `${record.id} is ${record.phase} and does not run`;
  }
  const named = new Set<string>(all.map(({ id }) => id));
  const stray = level.children().find(({ id }) => !named.has(id));
  return stray === undefined ? undefined : `${stray.id} runs and no record names it`;
};

const tables = (level: SimLevel): string | undefined => {
  for (const component of ['web', 'store']) {
    const endpoints = level.record('endpoints', KEYS.endpoints(component))?.endpoints ?? [];
    const wanted = endpoints.map(({ instance }) => instance as string).sort();
    const ready = level.apps().filter((app) => app.component === component);
    if (wanted.length !== ready.length)
      return `${component} has ${wanted.length} endpoints and ${ready.length} instances`;
    for (const router of level.routers()) {
      const targets = [...router.targets(component)].sort();
      if (targets.join() !== wanted.join())
        return `${router.id} leads ${component} to ${targets.join(', ')} instead of ${wanted.join(', ')}`;
    }
  }
  return undefined;
};

const version = (level: SimLevel): string | undefined => {
  // Of the store: what was applied after a snapshot is gone with the store that is made anew from it.
  const wanted = level.record('spec', KEYS.spec)?.typeGraph.components['web']?.version;
  const old = level
    .records('instances')
    .find((record) => record.component === 'web' && record.version !== wanted);
  return old === undefined ? undefined : `${old.id} is of version ${old.version}, ${wanted} is wanted`;
};
