/**
 * The instance graph while a plan is made: the input, what earlier steps of the same plan changed, and the decisions
 * behind it. Steps take a world and return the next one; nothing here is mutated.
 */
import {
  componentName,
  decisionId,
  instanceId,
  type agent,
  type BirthRecord,
  type Component,
  type DecisionId,
  type DecisionRecord,
  type InstanceId,
  type InstanceRecord,
  type ListenersRecord,
  type RolloutRecord,
  type SiteId,
  type TypeGraph,
} from '@mitosis/contracts';
import type { HealthInput, SiteObservation, Versions } from './input.js';
import type { Seen, Wait } from './plan.js';

export interface World {
  readonly input: HealthInput;
  readonly instances: ReadonlyMap<string, InstanceRecord>;
  readonly rollouts: ReadonlyMap<string, RolloutRecord>;
  readonly listeners: ReadonlyMap<string, ListenersRecord>;
  readonly births: ReadonlyMap<string, BirthRecord>;
  readonly decisions: readonly DecisionRecord[];
  /** Inputs of which a change is valid only while they are what was seen. */
  readonly basis: readonly Seen[];
  readonly waits: readonly Wait[];
  readonly wakeAtMs: number;
}

const valuesOf = <T>(versions: Versions<T>): ReadonlyMap<string, T> =>
  new Map([...versions].map(([key, { value }]) => [key, value]));

export const worldOf = (input: HealthInput): World => ({
  input,
  instances: valuesOf(input.instances),
  rollouts: valuesOf(input.rollouts),
  listeners: valuesOf(input.listeners),
  births: valuesOf(input.births),
  decisions: [],
  basis: [],
  waits: [],
  wakeAtMs: Infinity,
});

export const typeGraphOf = (world: World): TypeGraph | undefined => world.input.spec?.value.typeGraph;

export const isDisposing = (world: World): boolean =>
  world.input.spec !== undefined && world.input.spec.value.phase !== 'operating';

export const componentOf = (world: World, name: string): Component | undefined =>
  typeGraphOf(world)?.components[name];

/** Records of a component, oldest first (ties by id, so that a decision does not depend on map order). */
export const recordsOf = (world: World, component: string): readonly InstanceRecord[] =>
  [...world.instances.values()]
    .filter((record) => record.component === component)
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));

export const putInstances = (world: World, records: readonly InstanceRecord[]): World => {
  if (records.length === 0) return world;
  const instances = new Map(world.instances);
  for (const record of records) instances.set(record.id, record);
  return { ...world, instances };
};

export const deleteInstances = (world: World, ids: readonly InstanceId[]): World => {
  if (ids.length === 0) return world;
  const instances = new Map(world.instances);
  for (const id of ids) instances.delete(id);
  return { ...world, instances };
};

export const putRollout = (world: World, record: RolloutRecord): World => ({
  ...world,
  rollouts: new Map(world.rollouts).set(record.component, record),
});

export const waitFor = (world: World, wait: Wait, untilMs = Infinity): World => ({
  ...world,
  waits: [...world.waits, wait],
  wakeAtMs: Math.min(world.wakeAtMs, untilMs),
});

export const wakeAt = (world: World, atMs: number): World => ({
  ...world,
  wakeAtMs: Math.min(world.wakeAtMs, atMs),
});

export const basedOn = (world: World, ...seen: readonly Seen[]): World => ({
  ...world,
  basis: [...world.basis, ...seen],
});

export interface DecisionDraft {
  readonly component: string;
  readonly action: string;
  readonly change: string;
  readonly reason: string;
  readonly policy?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly causes?: readonly DecisionId[];
}

/** Adds a decision and returns its id, which the records it changes carry. */
export const decided = (world: World, draft: DecisionDraft): readonly [World, DecisionId] => {
  const { input } = world;
  const id = decisionId(`${timeKey(input.nowMs)}-${suffix(input.random)}`);
  const decision: DecisionRecord = {
    v: 1,
    id,
    function: 'health',
    atMs: input.nowMs,
    epoch: input.epoch,
    component: draft.component,
    action: draft.action,
    change: draft.change,
    reason: draft.reason,
    policy: draft.policy ?? 'health',
    inputs: draft.inputs ?? {},
    causes: draft.causes ?? [],
    applied: true,
  };
  return [{ ...world, decisions: [...world.decisions, decision] }, id];
};

/** Sorts as text in the order of time until the year 5188. */
const timeKey = (ms: number): string => Math.floor(ms).toString(36).padStart(9, '0');

const SUFFIX_LENGTH = 6;
const suffix = (random: () => number): string =>
  Array.from({ length: SUFFIX_LENGTH }, () => Math.floor(random() * 36).toString(36)).join('');

/** A name never used before, as far as randomness over two thousand million reaches; the agent's tombstones catch the rest. */
export const newInstanceId = (world: World, component: string): InstanceId =>
  instanceId(`${component}-${suffix(world.input.random)}`);

export interface NewInstance {
  readonly id: InstanceId;
  readonly component: string;
  readonly class: 'application' | 'management';
  readonly version: string;
  readonly site: SiteId;
  readonly attempt: number;
  readonly reason: string;
  readonly decision: DecisionId;
}

export const newRecord = (world: World, instance: NewInstance): InstanceRecord => ({
  v: 1,
  id: instance.id,
  component: componentName(instance.component),
  class: instance.class,
  version: instance.version,
  site: instance.site,
  phase: 'starting',
  sinceMs: world.input.nowMs,
  createdAtMs: world.input.nowMs,
  host: '',
  ports: {},
  exitCode: null,
  reason: instance.reason,
  decision: instance.decision,
  ...(instance.attempt > 0 ? { attempt: instance.attempt } : {}),
});

/** The site's agent while it is known to tell everything; undefined: unknown, which is not absence. */
export const syncedSite = (world: World, site: SiteId): SiteObservation | undefined => {
  const observation = world.input.agents.get(site);
  return observation?.synced === true ? observation : undefined;
};

export type Sighting =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'seen'; readonly status: agent.InstanceStatus };

export const sight = (world: World, record: InstanceRecord): Sighting => {
  const site = syncedSite(world, record.site);
  if (site === undefined) return { kind: 'unknown' };
  const status = site.statuses.get(record.id);
  return status === undefined ? { kind: 'absent' } : { kind: 'seen', status };
};

/** True when the agent is known to have nothing of this id left and will never start it again. */
export const isGone = (world: World, record: InstanceRecord): boolean => {
  const sighting = sight(world, record);
  if (sighting.kind === 'unknown') return false;
  if (sighting.kind === 'seen') return sighting.status.state === 'stopped';
  return world.input.outcomes.stopped.has(record.id);
};

export const isUp = (record: InstanceRecord): boolean =>
  record.phase === 'starting' || record.phase === 'running' || record.phase === 'ready';

export const isLeaving = (record: InstanceRecord): boolean =>
  record.phase === 'draining' || record.phase === 'stopping';

/** Its probe says so now; an instance the agent is silent about is not unhealthy. */
export const isUnhealthy = (world: World, record: InstanceRecord): boolean => {
  const sighting = sight(world, record);
  return (
    sighting.kind === 'seen' && sighting.status.state === 'running' && sighting.status.health === 'unhealthy'
  );
};
