export { placerService } from './placer.module.js';
export { decidePlacement } from './decide/decide-placement.js';
export type * from './decide/input.js';
export type * from './decide/plan.js';
