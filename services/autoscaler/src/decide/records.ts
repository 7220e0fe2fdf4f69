/** From a decided change to what is kept of it: the target and the decision that explains it. */
import {
  decisionId,
  type ComponentName,
  type DecisionId,
  type DecisionRecord,
  type Epoch,
  type TargetRecord,
} from '@mitosis/contracts';
import type { Outcome } from './outcome.js';
import type { TargetChange } from './targets.js';

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
  >,
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
