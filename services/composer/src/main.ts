/** Runs the composer alone. */
import { runService } from '@mitosis/service-kit';
import { composerService } from './composer.module.js';

await runService([composerService]);
