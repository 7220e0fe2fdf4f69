/** A defect that is put in on purpose, at the seams of a level: proof that the simulation would find it. */
import type { FaultName } from '../faults/index.js';
import type { InvariantName } from '../invariants/index.js';
import type { SimLevelOptions } from '../level/sim-level.js';

export interface Defect {
  readonly summary: string;
  /** Any of these must be found broken. */
  readonly brokenBy: readonly InvariantName[];
  /** Faults that bring it to light: what its schedules are drawn from. */
  readonly provokedBy: readonly FaultName[];
  /** A schedule that brings it to light, where chance would take long; as `formatSchedule` writes it. */
  readonly plan?: string;
  /** The seed that is known to catch it, with its plan or the schedule drawn from it: what `--defects` runs. */
  readonly caughtBySeed: number;
  readonly level: () => Partial<Pick<SimLevelOptions, 'seams' | 'rules'>>;
}
