/** Load traces, a simulated plant, and runs of the autoscaler's production decisions against it. */
export * from './application.js';
export { CapacityPlanner } from './capacity-plan.js';
export { clairvoyantFor, demandOf, type Clairvoyant } from './clairvoyant.js';
export { elasticityOf, type Elasticity } from './elasticity.js';
export * from './level-run.js';
export { Plant, type PlantCall, type PlantComponent, type PlantOptions, type PlantStep } from './plant.js';
export type { ServiceTime } from './service-time.js';
export * from './trace.js';
export * from './compare.js';
export * from './policy-spec.js';
export * from './recording.js';
export { EACH, playScene, scenes, START_S, type Scene, type SceneOutcome } from './scenes.js';
export * from './traits.js';
export { seededRandom } from '../random.js';
