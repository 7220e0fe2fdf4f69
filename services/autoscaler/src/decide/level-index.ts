/** What a step derives from instances and endpoints, found again only when these records are others than before. */
import type { EndpointsRecord, InstanceRecord } from '@mitosis/contracts';
import { perKey } from './per-key.js';

/** One object for all, so that it is remembered. */
const NONE: readonly InstanceRecord[] = [];

/** By component. */
export const instancesOf = perKey(
  (instances: readonly InstanceRecord[]): ReadonlyMap<string, readonly InstanceRecord[]> => {
    const groups = new Map<string, InstanceRecord[]>();
    for (const instance of instances) {
      const group = groups.get(instance.component);
      if (group === undefined) groups.set(instance.component, [instance]);
      else group.push(instance);
    }
    return groups;
  },
);

export interface ReadyInstances {
  readonly count: number;
  /** Sorted and joined: equal texts are equal sets. */
  readonly ids: string;
}

const NOBODY: ReadyInstances = { count: 0, ids: '' };

const readyIn = perKey(({ endpoints }: EndpointsRecord): ReadyInstances => {
  const ids = endpoints.filter(({ state }) => state === 'ready').map(({ instance }) => instance);
  return { count: ids.length, ids: ids.sort().join(' ') };
});

export const readyOf = (record: EndpointsRecord | undefined): ReadyInstances =>
  record === undefined ? NOBODY : readyIn(record);

const startingIn = perKey(
  (instances: readonly InstanceRecord[]): number =>
    instances.filter(({ phase }) => phase === 'starting' || phase === 'running').length,
);

/** Committed and not ready yet. `instances`: of one component. */
export const startingOf = (instances: readonly InstanceRecord[] = NONE): number => startingIn(instances);

/** Longer starts are re-readiness of an old instance, not a start. */
const START_MAX_MS = 600_000;

const medianStart = (instances: readonly InstanceRecord[], { endpoints }: EndpointsRecord): number | null => {
  const created = new Map(instances.map((instance) => [instance.id, instance.createdAtMs]));
  const starts = endpoints
    .flatMap(({ instance, readySinceMs }) => {
      const createdAtMs = created.get(instance);
      return createdAtMs === undefined ? [] : [readySinceMs - createdAtMs];
    })
    .filter((ms) => ms > 0 && ms < START_MAX_MS)
    .sort((a, b) => a - b);
  return starts[Math.floor((starts.length - 1) / 2)] ?? null;
};

const startsByEndpoints = perKey((instances: readonly InstanceRecord[]) =>
  perKey((record: EndpointsRecord) => medianStart(instances, record)),
);

/** Median time from an instance's record to its endpoint; null while none was seen. `instances`: of this component. */
export const measureStartMs = (
  instances: readonly InstanceRecord[] = NONE,
  record: EndpointsRecord | undefined,
): number | null => (record === undefined ? null : startsByEndpoints(instances)(record));
