/** From what was decided to what is kept of it: records and the decisions that explain them. */
import {
  decisionId,
  type BindingRecord,
  type DecisionId,
  type DecisionRecord,
  type Epoch,
} from '@mitosis/contracts';
import type { ComponentChange } from './bindings.js';

export interface Stamp {
  readonly nowMs: number;
  readonly epoch: Epoch;
}

/** Sorts by time; unique because an epoch is, and `sequence` counts within it. */
export const idOf = ({ nowMs, epoch }: Stamp, sequence: number): DecisionId =>
  decisionId(
    `${nowMs.toString(36).padStart(9, '0')}-${epoch.revision.toString(36)}-${sequence.toString(36)}`,
  );

export type DecisionFields = Pick<DecisionRecord, 'component' | 'action' | 'change' | 'reason'> &
  Partial<Pick<DecisionRecord, 'policy' | 'inputs' | 'applied' | 'causes'>>;

export const decisionRecord = (stamp: Stamp, id: DecisionId, fields: DecisionFields): DecisionRecord => ({
  v: 1,
  id,
  function: 'composer',
  atMs: stamp.nowMs,
  epoch: stamp.epoch,
  policy: '',
  inputs: {},
  causes: [],
  applied: true,
  ...fields,
});

/** `sinceMs` says since when the active alternative has been so: a change of trials does not touch it. */
export const bindingRecord = (
  { component, change, before }: ComponentChange,
  stamp: Stamp,
  decision: DecisionId,
): BindingRecord => ({
  v: 1,
  component: component.name,
  active: change.active,
  split: change.split,
  ...(change.absent.length > 0 ? { absent: change.absent } : {}),
  sinceMs: before?.active === change.active ? before.sinceMs : stamp.nowMs,
  reason: change.reason,
  decision,
});

export const bindingDecision = (
  { component, change, applied, before }: ComponentChange,
  stamp: Stamp,
  id: DecisionId,
): DecisionRecord =>
  decisionRecord(stamp, id, {
    component: component.name,
    action: change.action,
    change: change.change,
    reason: change.reason,
    policy: 'cheapest within the bounds',
    inputs: { bounds: { ...component.rebind }, alternatives: change.inputs },
    causes: before === null ? [] : [before.decision],
    applied,
  });
