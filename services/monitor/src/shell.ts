/** The monitor below its edge: what the simulation runs, without servers and without Nest. */
export { MonitorReconciler } from './monitor.reconciler.js';
