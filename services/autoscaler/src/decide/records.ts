/** From a decided change to what is kept of it: the target and the decision that explains it. */
import {
  decisionId,
  type Component,
  type ComponentName,
  type DecisionId,
  type DecisionRecord,
  type Epoch,
  type InstanceSize,
  type SizeRecord,
  type TargetRecord,
} from '@mitosis/contracts';
import type { Outcome } from './outcome.js';
import { saidSize, type SizeAdvice } from './sizing.js';
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

interface Sized {
  readonly component: Component;
  readonly size: SizeAdvice;
}

const sizeReason = ({ minutes }: SizeAdvice): string =>
  `what instances used in ${minutes} minutes (90 % of them for cpus, 99 % for memory) and 15 %`;

/** `to`: what is put in force; null: advice only, applied in no mode. */
export const sizeDecision = (
  { component, size }: Sized,
  to: InstanceSize | null,
  stamp: Stamp,
  id: DecisionId,
): DecisionRecord => {
  const { cpus, memoryBytes } = to ?? size;
  return decided(stamp, id, {
    component: component.name,
    action: 'size',
    change: `${sizeText(component.resources.limits.cpus, component.resources.limits.memoryBytes)} → ${sizeText(cpus, memoryBytes)}`,
    reason: sizeReason(size),
    policy: 'sizing',
    inputs: { cpus: size.cpus, memoryBytes: size.memoryBytes, minutes: size.minutes },
    applied: to !== null,
  });
};

export const sizeRecord = (
  { component, size, to }: Sized & { readonly to: InstanceSize },
  stamp: Stamp,
  decision: DecisionId,
): SizeRecord => ({
  v: 1,
  component: component.name,
  ...to,
  of: saidSize(component),
  atMs: stamp.nowMs,
  reason: sizeReason(size),
  decision,
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
