/**
 * The pure part of the autoscaler, for those who run its decisions without its service: the simulations and
 * `mitosis simulate`. Nothing reachable from here may import I/O or the service's framework.
 */
export { POLICIES, pluginFor } from './plugins/index.js';
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
  Downstream,
  RequestMetrics,
  RequestWindow,
  ResourceMetrics,
} from './decide/observation.js';
export {
  EMPTY_LEVEL,
  stepLevel,
  type ComponentAdvice,
  type LevelState,
  type LevelStep,
  type PluginOf,
} from './decide/level.js';
export type { ComponentMetrics, LevelInput } from './decide/level-input.js';
export { decideTargets, type TargetChange, type TargetPlan } from './decide/targets.js';
