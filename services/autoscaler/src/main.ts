/** Runs the autoscaler alone. */
import { runService } from '@mitosis/service-kit';
import { autoscalerService } from './autoscaler.module.js';

await runService([autoscalerService]);
