export { monitorService } from './monitor.module.js';
