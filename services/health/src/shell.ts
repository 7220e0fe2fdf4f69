/** The health service below its edge: what the simulation runs, without servers and without Nest. */
export { HealthReconciler } from './health.reconciler.js';
