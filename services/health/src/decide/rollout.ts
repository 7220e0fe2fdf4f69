/**
 * Which definition of a component is in force: the spec's newest, unless it was rolled back, with the one before it kept
 * until the new one has settled (Compose `deploy.update_config`).
 */
import type { Component, DecisionId, InstanceRecord, RolloutRecord } from '@mitosis/contracts';
import { decided, isUnhealthy, isUp, putRollout, recordsOf, wakeAt, type World } from './world.js';

/** The definition to run an instance of this version by; undefined: no longer known. */
export const definitionOf = (world: World, component: string, version: string): Component | undefined => {
  const rollout = world.rollouts.get(component);
  if (rollout?.definition.version === version) return rollout.definition;
  if (rollout?.previous?.version === version) return rollout.previous;
  const current = world.input.spec?.value.typeGraph.components[component];
  return current?.version === version ? current : undefined;
};

/** Brings the component's record up to date with the spec and with how its new instances do. */
export const rollOut = (world: World, component: Component, wantedTotal: number | undefined): World => {
  const begun = begin(world, component);
  const record = begun.rollouts.get(component.name);
  if (record === undefined || record.state !== 'rolling' || wantedTotal === undefined) return begun;
  const judged = judge(begun, record, component, wantedTotal);
  return settle(judged, component.name, wantedTotal);
};

const begin = (world: World, component: Component): World => {
  const record = world.rollouts.get(component.name);
  if (record === undefined) return putRollout(world, first(world, component));
  const outdated = recordsOf(world, component.name).some(
    (instance) => isUp(instance) && instance.version !== record.definition.version,
  );
  if (component.version === record.definition.version) {
    // What is in force is what the spec names, so nothing is refused any more.
    const same = sameDefinition(record.definition, component) && record.refused === '';
    const refreshed = same ? record : { ...record, definition: component, refused: '' };
    // Instances of another version, for example adopted ones, are replaced by the same careful way.
    const next = outdated && refreshed.state === 'settled' ? restarted(world, refreshed) : refreshed;
    return next === record ? world : putRollout(world, next);
  }
  if (component.version === record.refused) return world;
  const [next, decision] = decided(world, {
    component: component.name,
    action: 'roll',
    change: `${record.definition.version} → ${component.version}`,
    reason: 'the composition changed what its instances are started with',
    policy: `update_config: ${component.update.order}, parallelism ${component.update.parallelism}`,
  });
  return putRollout(next, {
    ...record,
    definition: component,
    previous: record.state === 'settled' ? record.definition : record.previous,
    state: 'rolling',
    refused: '',
    failures: 0,
    sinceMs: world.input.nowMs,
    reason: 'replacing instances of the version before',
    decision,
  });
};

const first = (world: World, component: Component): RolloutRecord => ({
  v: 1,
  component: component.name,
  definition: component,
  previous: null,
  state: 'settled',
  refused: '',
  failures: 0,
  sinceMs: world.input.nowMs,
  reason: 'first version',
  decision: '' as DecisionId,
});

const restarted = (world: World, record: RolloutRecord): RolloutRecord => ({
  ...record,
  state: 'rolling',
  failures: 0,
  sinceMs: world.input.nowMs,
  reason: 'instances of another version run',
});

const sameDefinition = (a: Component, b: Component): boolean => a === b || textOf(a) === textOf(b);

/** Definitions are never changed, and are compared at every pass. */
const texts = new WeakMap<Component, string>();
const textOf = (definition: Component): string => {
  let text = texts.get(definition);
  if (text === undefined) texts.set(definition, (text = JSON.stringify(definition)));
  return text;
};

/** New instances that failed in this very plan: each is counted once, in the transaction that records its failure. */
const newFailures = (world: World, record: RolloutRecord): readonly InstanceRecord[] =>
  recordsOf(world, record.component).filter((instance) => {
    const before = world.input.instances.get(instance.id)?.value;
    if (instance.version !== record.definition.version || instance.phase !== 'failed') return false;
    if (before === undefined || before.phase === 'failed') return false;
    const monitoredUntilMs = before.sinceMs + record.definition.update.monitorMs;
    return before.phase !== 'ready' || world.input.nowMs <= monitoredUntilMs;
  });

const judge = (world: World, record: RolloutRecord, component: Component, wantedTotal: number): World => {
  const failures = record.failures + newFailures(world, record).length;
  if (failures === record.failures) return world;
  const ratio = failures / Math.max(1, wantedTotal);
  const counted: RolloutRecord = { ...record, failures };
  const { maxFailureRatio } = component.update;
  // What was rolled back to has run before: going on is all that is left to do.
  const action = record.refused === '' ? component.update.failureAction : 'continue';
  if (ratio <= maxFailureRatio || action === 'continue') return putRollout(world, counted);
  const previous = record.previous;
  return action === 'rollback' && previous !== null
    ? rollBack(world, counted, previous, wantedTotal)
    : pause(world, counted, wantedTotal);
};

const pause = (world: World, record: RolloutRecord, wantedTotal: number): World => {
  const reason = `${record.failures} of ${wantedTotal} new instances failed`;
  const [next, decision] = decided(world, {
    component: record.component,
    action: 'pause',
    change: `${record.definition.version} is not rolled out further`,
    reason,
    policy: `update_config: failure_action pause, max_failure_ratio ${record.definition.update.maxFailureRatio}`,
  });
  return putRollout(next, { ...record, state: 'paused', sinceMs: world.input.nowMs, reason, decision });
};

const rollBack = (world: World, record: RolloutRecord, previous: Component, wantedTotal: number): World => {
  const reason = `${record.failures} of ${wantedTotal} new instances failed`;
  const [next, decision] = decided(world, {
    component: record.component,
    action: 'rollback',
    change: `${record.definition.version} → ${previous.version}`,
    reason,
    policy: `update_config: failure_action rollback, max_failure_ratio ${record.definition.update.maxFailureRatio}`,
  });
  return putRollout(next, {
    ...record,
    definition: previous,
    previous: null,
    refused: record.definition.version,
    failures: 0,
    sinceMs: world.input.nowMs,
    reason: `back from ${record.definition.version}: ${reason}`,
    decision,
  });
};

const settle = (world: World, name: string, wantedTotal: number): World => {
  const record = world.rollouts.get(name);
  if (record === undefined || record.state !== 'rolling') return world;
  const instances = recordsOf(world, name);
  if (instances.some((instance) => isUp(instance) && instance.version !== record.definition.version)) {
    return world;
  }
  const ready = instances.filter((instance) => instance.phase === 'ready' && !isUnhealthy(world, instance));
  if (ready.length < wantedTotal) return world;
  const settledAtMs =
    Math.max(record.sinceMs, ...ready.map(({ sinceMs }) => sinceMs)) + record.definition.update.monitorMs;
  if (settledAtMs > world.input.nowMs) return wakeAt(world, settledAtMs);
  return putRollout(world, {
    ...record,
    state: 'settled',
    previous: null,
    sinceMs: world.input.nowMs,
    // Why it went back stays to be told for as long as the refused version is what the spec names.
    reason: record.refused === '' ? 'every instance is of this version' : record.reason,
  });
};

/** What `composite` says of a roll-out that does not go on; undefined: nothing. */
export const rolloutReason = (world: World, component: string): string | undefined => {
  const record = world.rollouts.get(component);
  if (record === undefined) return undefined;
  if (record.state === 'paused')
    return `roll-out of ${record.definition.version} is paused: ${record.reason}`;
  return record.refused === '' ? undefined : `version ${record.refused} was rolled back: ${record.reason}`;
};
