/** What the simulation says of the same composition, trace and policy, over several seeds. */
import type { TypeGraph } from '@mitosis/contracts';
import {
  applicationOf,
  RUN_DEFAULTS,
  runLevel,
  type ComponentTraits,
  type Trace,
} from '@mitosis/simulation/workload';
import { COMPONENT } from './application.js';

export interface Prediction {
  readonly latePercent: number;
  /** Lowest and highest of the seeds: what a single live run may well be. */
  readonly lateFrom: number;
  readonly lateUntil: number;
  readonly instanceSeconds: number;
}

const SEEDS = 20;

export const predict = (
  typeGraph: TypeGraph,
  traits: ComponentTraits,
  trace: Trace,
  warmupS: number,
): Prediction => {
  const application = applicationOf(typeGraph, { [COMPONENT]: traits });
  const runs = Array.from({ length: SEEDS }, (_, seed) =>
    runLevel({ ...RUN_DEFAULTS, application, trace, warmupS, seed: seed + 1 }),
  );
  const late = runs.map((run) => (100 * run.late) / run.requests);
  const mean = (of: (run: (typeof runs)[number]) => number): number =>
    runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
  return {
    latePercent: (100 * mean((run) => run.late)) / mean((run) => run.requests),
    lateFrom: Math.min(...late),
    lateUntil: Math.max(...late),
    instanceSeconds: mean((run) => run.instanceSeconds),
  };
};
