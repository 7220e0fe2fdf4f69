/** The placer below its edge: what the simulation runs, without servers and without Nest. */
export { PlacerReconciler } from './placer.reconciler.js';
