/** Runs the router alone. */
import { runService } from '@mitosis/service-kit';
import { routerService } from './router.module.js';

await runService([routerService]);
