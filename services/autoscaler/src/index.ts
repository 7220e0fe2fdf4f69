/** The autoscaler: how many instances of each component. */
export { autoscalerService } from './autoscaler.module.js';
export * from './decide.js';
export { AUTOSCALER_SETTINGS } from './autoscaler.config.js';
