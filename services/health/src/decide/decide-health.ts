/**
 * Health's decision: how the instance graph gets nearer to its targets. A sequence of steps over an immutable world; the
 * difference between the last world and the input is what is committed, with a compare on everything that was seen.
 */
import { KEYS, type EndpointsRecord } from '@mitosis/contracts';
import { instanceActs } from './acts.js';
import { childActs, decideChildren } from './children.js';
import { drain } from './drain.js';
import { changedEndpoints } from './endpoints.js';
import { decideEtcd, etcdActs, etcdRecordChange } from './etcd.js';
import type { HealthInput, Versions } from './input.js';
import { listenerActs, recordListeners } from './listeners.js';
import { decideManagement, releaseActs } from './management.js';
import { observe } from './observe.js';
import type { Change, HealthPlan, RecordWrite, Seen } from './plan.js';
import { standDownActs } from './stand-down.js';
import { retire } from './retire.js';
import { decideRunOnce } from './run-once.js';
import { decideService } from './service.js';
import { adoptStrays } from './strays.js';
import { deleteInstances, isDisposing, isGone, typeGraphOf, waitFor, worldOf, type World } from './world.js';

export const decideHealth = (input: HealthInput): HealthPlan => {
  const steps: readonly ((world: World) => World)[] = [
    adoptStrays,
    observe,
    forgetStopped,
    drain,
    retire,
    decideServices,
    recordListeners,
    decideManagement,
    decideEtcd,
    decideChildren,
  ];
  const decided = steps.reduce((world, step) => step(world), worldOf(input));
  const [withInstances, instances] = instanceActs(decided);
  const [withListeners, listeners] = listenerActs(withInstances);
  const [last, children] = childActs(withListeners);
  return {
    changes: [...changesOf(last), ...etcdRecordChange(last)],
    acts: [
      ...listeners,
      ...instances,
      ...children,
      ...releaseActs(last),
      ...standDownActs(last),
      ...etcdActs(last),
    ],
    waits: last.waits,
    wakeAtMs: last.wakeAtMs,
  };
};

/** The only way a stopped instance leaves the graph: its agent has nothing left of it. */
const forgetStopped = (world: World): World =>
  deleteInstances(
    world,
    [...world.instances.values()]
      .filter((record) => record.phase === 'stopping' && isGone(world, record))
      .map(({ id }) => id),
  );

const decideServices = (world: World): World => {
  const typeGraph = typeGraphOf(world);
  if (typeGraph === undefined) {
    return waitFor(world, { component: '', on: 'spec', reason: 'no composition has been applied yet' });
  }
  if (isDisposing(world)) return world;
  return Object.values(typeGraph.components)
    .filter(({ kind }) => kind === 'service')
    .reduce(
      (next, component) =>
        component.runOnce ? decideRunOnce(next, component) : decideService(next, component),
      world,
    );
};

/** What changes of one component, or (named '') of the level; goes into one transaction. */
interface Group {
  readonly name: string;
  readonly writes: readonly RecordWrite[];
  readonly compares: readonly Seen[];
}

/** etcd refuses transactions of more than 128 operations; the fence and the decisions need some of them. */
const WRITES_MAX = 60;

/** As few transactions as possible, but never one component's change torn apart: its parts are valid together only. */
const changesOf = (world: World): readonly Change[] => {
  const changes: Change[] = [];
  let batch: Group[] = [];
  const flush = (): void => {
    if (batch.length > 0) changes.push(changeOf(world, batch));
    batch = [];
  };
  for (const group of groupsOf(world)) {
    const size = batch.reduce((sum, { writes }) => sum + writes.length, 0);
    if (size + group.writes.length > WRITES_MAX) flush();
    batch.push(group);
  }
  flush();
  return changes;
};

const changeOf = (world: World, groups: readonly Group[]): Change => {
  const compares = new Map<string, Seen>();
  for (const seen of [...groups.flatMap((group) => group.compares), ...world.basis]) {
    compares.set(seen.key, seen);
  }
  const names = new Set(groups.map(({ name }) => name));
  return {
    writes: groups.flatMap(({ writes }) => writes),
    compares: [...compares.values()],
    decisions: world.decisions.filter(({ component }) => names.has(component)),
  };
};

const groupsOf = (world: World): readonly Group[] => {
  const { input } = world;
  const parts = [
    ...difference(input.instances, world.instances, KEYS.instance, ({ component }) => component),
    ...difference(input.rollouts, world.rollouts, KEYS.rollout, ({ component }) => component),
    ...difference(input.endpoints, endpointsAfter(world), KEYS.endpoints, ({ component }) => component),
    ...difference(input.births, world.births, KEYS.birth, ({ component }) => component),
    ...difference(input.listeners, world.listeners, KEYS.listeners, () => ''),
  ];
  const groups = new Map<string, Group>();
  for (const { name, write, seen } of parts) {
    const group = groups.get(name) ?? { name, writes: [], compares: [] };
    groups.set(name, { name, writes: [...group.writes, write], compares: [...group.compares, seen] });
  }
  return [...groups.values()];
};

interface Difference {
  readonly name: string;
  readonly write: RecordWrite;
  readonly seen: Seen;
}

const difference = <T>(
  before: Versions<T>,
  after: ReadonlyMap<string, T>,
  keyOf: (name: string) => string,
  groupOf: (value: T) => string,
): readonly Difference[] => {
  const seen = (name: string): Seen => ({
    key: keyOf(name),
    modRevision: before.get(name)?.modRevision ?? 0,
  });
  const puts = [...after]
    .filter(([name, value]) => before.get(name)?.value !== value)
    .map(([name, value]): Difference => ({
      name: groupOf(value),
      write: { kind: 'put', key: keyOf(name), value },
      seen: seen(name),
    }));
  const deletes = [...before]
    .filter(([name]) => !after.has(name))
    .map(([name, { value }]): Difference => ({
      name: groupOf(value),
      write: { kind: 'delete', key: keyOf(name) },
      seen: seen(name),
    }));
  return [...puts, ...deletes];
};

const endpointsAfter = (world: World): ReadonlyMap<string, EndpointsRecord> => {
  const after = new Map([...world.input.endpoints].map(([name, { value }]) => [name, value] as const));
  for (const [name, record] of changedEndpoints(world)) {
    if (record === null) after.delete(name);
    else after.set(name, record);
  }
  return after;
};
