/** The router below its edge: what the simulation runs, without servers and without Nest. */
export { DataPath } from './data-path/data-path.js';
export type { LiveRoute } from './data-path/live-route.js';
export { routeKey, type TableInputs } from './decide/table.js';
export { ROUTER_DEFAULTS } from './router.config.js';
export { RouterReconciler, type RouterParts } from './router.reconciler.js';
