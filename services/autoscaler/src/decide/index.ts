/** The pure part: what `mitosis simulate`, the simulation and the benchmarks run, and what a service runs in its shell. */
export { POLICIES } from '../plugins/index.js';
export type {
  Json,
  PolicySettings,
  PolicyState,
  PolicyStep,
  Prediction,
  Recommendation,
  ScalingPolicyPlugin,
} from './policy.js';
export type { ComponentObservation, RequestMetrics, RequestWindow, ResourceMetrics } from './observation.js';
export { EMPTY_LEVEL, stepLevel, type LevelState, type LevelStep } from './level.js';
export type { ComponentMetrics, LevelInput } from './level-input.js';
export { decideTargets, type TargetChange, type TargetPlan } from './targets.js';
