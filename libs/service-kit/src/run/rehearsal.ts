/**
 * Keeps standbys quick: what a function's next leader would run first is run for practice, a few times after the start and
 * now and then after that, because code that has never run, or not for long, is many times slower than code that has.
 * Must never run in a process for a function that it leads, nor take a failure for anything but a line in the log.
 */
import { pause, type Clock, type Membership } from '@mitosis/coordination';
import type { FunctionShell } from '../function.js';
import type { Logger } from '../logger.js';

export interface RehearsalOptions {
  readonly shells: readonly FunctionShell[];
  readonly leads: (shell: FunctionShell) => boolean;
  readonly membership: Pick<Membership, 'rehearse'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Quick ones first: an engine optimises what it has seen run several times. */
const FIRST_TIMES = 8;
const FIRST_EVERY_MS = 500;
/** It also throws compiled code away that has not run for some collections. */
const EVERY_MS = 10_000;

/** Until the signal aborts. */
export const rehearse = async (
  { shells, leads, membership, clock, log }: RehearsalOptions,
  signal: AbortSignal,
): Promise<void> => {
  for (let times = 0; !signal.aborted; times += 1) {
    await pause(clock, times < FIRST_TIMES ? FIRST_EVERY_MS : EVERY_MS, signal);
    for (const shell of shells) {
      if (signal.aborted || shell.rehearse === undefined || leads(shell)) continue;
      try {
        shell.rehearse();
      } catch (err) {
        log.debug({ err, function: shell.fn }, 'a rehearsal failed');
      }
    }
    if (signal.aborted) return;
    await membership.rehearse().catch((err: unknown) => log.debug({ err }, 'a rehearsal failed'));
  }
};
