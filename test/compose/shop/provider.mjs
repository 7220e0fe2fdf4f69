/** Gives quotes; slow after a SIGUSR2, well again after the next. */
import { setTimeout as pause } from 'node:timers/promises';
import { serve } from './serve.mjs';

const SLOW_MS = 600;
let slow = false;
process.on('SIGUSR2', () => (slow = !slow));

serve(async () => {
  await pause(slow ? SLOW_MS : 2);
  return { status: 200, body: process.env.MITOSIS_COMPONENT ?? 'provider' };
});
