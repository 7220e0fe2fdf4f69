/** The autoscaler: how many instances of each component. */
export { autoscalerService } from './autoscaler.module.js';
export { POLICIES } from './plugins/index.js';
export type {
  Json,
  PolicySettings,
  PolicyState,
  PolicyStep,
  Prediction,
  Recommendation,
  ScalingPolicyPlugin,
} from './decide/policy.js';
export type {
  ComponentObservation,
  RequestMetrics,
  RequestWindow,
  ResourceMetrics,
} from './decide/observation.js';
export { EMPTY_LEVEL, stepLevel, type LevelState, type LevelStep } from './decide/level.js';
export type { ComponentMetrics, LevelInput } from './decide/level-input.js';
export { decideTargets, type TargetChange, type TargetPlan } from './decide/targets.js';
