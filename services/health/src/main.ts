/** Runs health alone. */
import { runService } from '@mitosis/service-kit';
import { healthService } from './health.module.js';

await runService([healthService]);
