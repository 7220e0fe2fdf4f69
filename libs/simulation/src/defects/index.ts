/** Every deliberate defect by its name. */
import { actBeforeCommit, doubleStart, portsAtOnce, stopOnAbsence, tombstonesForgotten } from './acts.js';
import {
  ackAhead,
  floorForgotten,
  forgetDrain,
  missingAsZero,
  regressIgnored,
  staleForever,
  stopsWithoutAcks,
} from './data.js';
import type { Defect } from './defect.js';
import { agentsWithoutFence, deadlineForgotten, etcd3Election, noWriteFence } from './fences.js';

export const DEFECTS = {
  'no-write-fence': noWriteFence,
  'etcd3-election': etcd3Election,
  'deadline-forgotten': deadlineForgotten,
  'agents-without-fence': agentsWithoutFence,
  'missing-as-zero': missingAsZero,
  'stale-forever': staleForever,
  'forget-drain': forgetDrain,
  'stops-without-acks': stopsWithoutAcks,
  'ack-ahead': ackAhead,
  'double-start': doubleStart,
  'tombstones-forgotten': tombstonesForgotten,
  'ports-at-once': portsAtOnce,
  'act-before-commit': actBeforeCommit,
  'stop-on-absence': stopOnAbsence,
  'floor-forgotten': floorForgotten,
  'regress-ignored': regressIgnored,
} as const satisfies Record<string, Defect>;

export type DefectName = keyof typeof DEFECTS;
