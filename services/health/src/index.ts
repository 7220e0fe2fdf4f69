export { healthService } from './health.module.js';
export { decideHealth } from './decide/decide-health.js';
export { compositeHealth, compositeOf } from './decide/composite.js';
export type * from './decide/input.js';
export type * from './decide/plan.js';
