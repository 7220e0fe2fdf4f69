/** Runs the monitor alone. */
import { runService } from '@mitosis/service-kit';
import { monitorService } from './monitor.module.js';

await runService([monitorService]);
