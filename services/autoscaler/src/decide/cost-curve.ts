/**
 * What each latency would cost this level at the load of now: the answer to a parent that splits an objective. Empty
 * while the model of any component that the policy `slo` scales is unknown: a guess would be split upon.
 */
import type { Objective } from '@mitosis/contracts';
import { sloPlanFor } from '../plugins/slo.policy.js';
import type { LevelStep } from './level.js';
import { cpusOfInstance, type CostPoint } from './level-input.js';
import { sloStateOf } from './slo-state.js';

/** Multiples of the objective in force that are asked for. */
const FACTORS = [0.5, 0.75, 1, 1.5, 2, 3];

const stretched = (objective: Objective | null, factor: number): Objective | null =>
  objective === null
    ? null
    : {
        ...objective,
        latency: objective.latency.map(({ percentile, ms }) => ({ percentile, ms: ms * factor })),
      };

/** `pricePerCpuHour`: mean over the level's sites. Latencies are those of the level's entry. */
export const costCurve = (
  step: LevelStep,
  entryP95Ms: number,
  pricePerCpuHour: number,
): readonly CostPoint[] => {
  const points = FACTORS.map((factor): CostPoint | null => {
    let instances = 0;
    let cpus = 0;
    for (const { component, observation } of step.advice) {
      const state = sloStateOf(step.state.components, component.name);
      const objective = stretched(observation.objective, factor);
      const count = state === null ? observation.count : sloPlanFor(state, { ...observation, objective });
      if (count === null) return null;
      const bounded = Math.min(component.scale.max, Math.max(component.scale.min, count));
      instances += bounded;
      cpus += bounded * cpusOfInstance(observation);
    }
    return { p95Ms: entryP95Ms * factor, instances, costPerHour: cpus * pricePerCpuHour };
  });
  return points.every((point) => point !== null) ? points : [];
};
