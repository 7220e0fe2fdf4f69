/** Runs the placer alone. */
import { runService } from '@mitosis/service-kit';
import { placerService } from './placer.module.js';

await runService([placerService]);
