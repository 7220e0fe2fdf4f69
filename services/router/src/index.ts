export { routerService } from './router.module.js';
export { ROUTER_DEFAULTS, type RouterConfig } from './router.config.js';
export { ROUTER_SETTINGS } from './router.config.js';
