/** From a decided change to what is kept of it: the target and the decision that explains it. */
import {
  decisionId,
  type Component,
  type ComponentName,
  type DecisionId,
  type DecisionRecord,
  type Epoch,
  type TargetRecord,
} from '@mitosis/contracts';
import type { Outcome } from './outcome.js';
import type { SizeAdvice } from './sizing.js';
import type { HeldChange, TargetChange } from './targets.js';

export interface Stamp {
  readonly nowMs: number;
  readonly epoch: Epoch;
  readonly generation: number;
}

/** Sorts by time; unique because an epoch is, and `sequence` counts within it. */
export const idOf = ({ nowMs, epoch }: Pick<Stamp, 'nowMs' | 'epoch'>, sequence: number): DecisionId =>
  decisionId(
    `${nowMs.toString(36).padStart(9, '0')}-${epoch.revision.toString(36)}-${sequence.toString(36)}`,
  );

export const targetRecord = (change: TargetChange, stamp: Stamp, decision: DecisionId): TargetRecord => ({
  v: 1,
  component: change.component.name,
  count: change.to,
  generation: stamp.generation,
  atMs: stamp.nowMs,
  reason: change.reason,
  decision,
});

const decided = (
  stamp: Stamp,
  id: DecisionId,
  fields: Pick<
    DecisionRecord,
    'component' | 'action' | 'change' | 'reason' | 'policy' | 'inputs' | 'applied'
  > &
    Partial<Pick<DecisionRecord, 'causes'>>,
): DecisionRecord => ({
  v: 1,
  id,
  function: 'autoscaler',
  atMs: stamp.nowMs,
  epoch: stamp.epoch,
  causes: [],
  ...fields,
});

/** `last`: how well the previous prediction for this component came true; null: it was not compared. */
export const scaleDecision = (
  change: TargetChange,
  stamp: Stamp,
  id: DecisionId,
  last: Outcome | null,
): DecisionRecord =>
  decided(stamp, id, {
    component: change.component.name,
    action: 'scale',
    change: change.from === null ? `→ ${change.to}` : `${change.from} → ${change.to}`,
    reason: change.reason,
    policy: change.policy,
    inputs: last === null ? change.inputs : { ...change.inputs, lastPrediction: { ...last } },
    applied: change.applied,
    causes: change.causes,
  });

/** Why a component is not scaled out although its policy wants it. */
export const holdDecision = (held: HeldChange, stamp: Stamp, id: DecisionId): DecisionRecord =>
  decided(stamp, id, {
    component: held.component.name,
    action: 'hold',
    change: `${held.to}, not ${held.wanted}`,
    reason: held.reason,
    policy: held.policy,
    inputs: held.inputs,
    applied: true,
    causes: held.causes,
  });

const MIB = 1024 * 1024;

const sizeText = (cpus: number, memoryBytes: number): string =>
  `${cpus === 0 ? 'no' : cpus} cpus, ${memoryBytes === 0 ? 'no' : Math.round(memoryBytes / MIB)} MiB`;

/** Advice only: `applied` is false in every mode. */
export const sizeDecision = (
  { component, size }: { readonly component: Component; readonly size: SizeAdvice },
  stamp: Stamp,
  id: DecisionId,
): DecisionRecord =>
  decided(stamp, id, {
    component: component.name,
    action: 'size',
    change: `${sizeText(component.resources.limits.cpus, component.resources.limits.memoryBytes)} → ${sizeText(size.cpus, size.memoryBytes)}`,
    reason: `what instances used in ${size.minutes} minutes (90 % of them for cpus, 99 % for memory) and 15 %`,
    policy: 'sizing',
    inputs: { cpus: size.cpus, memoryBytes: size.memoryBytes, minutes: size.minutes },
    applied: false,
  });

export const removalDecision = (component: ComponentName, stamp: Stamp, id: DecisionId): DecisionRecord =>
  decided(stamp, id, {
    component,
    action: 'scale',
    change: 'no target',
    reason: 'the composition has no such component any more',
    policy: 'spec',
    inputs: {},
    applied: true,
  });
