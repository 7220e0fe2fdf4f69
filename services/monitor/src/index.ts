export { monitorDefinition } from './monitor.module.js';
