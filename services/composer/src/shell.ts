/** The composer below its edge: what the simulation runs, without servers and without Nest. */
export { ComposerReconciler } from './composer.reconciler.js';
