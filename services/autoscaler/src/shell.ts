/** The autoscaler below its edge: what the simulation runs, without servers and without Nest. */
export { AutoscalerReconciler } from './autoscaler.reconciler.js';
