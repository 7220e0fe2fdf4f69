/** A failing schedule with as few faults as still fail the same invariant: delta debugging, one fault at a time. */
import { runSeed, type SeedOptions, type SeedOutcome } from './run-seed.js';
import type { Schedule } from './schedule.js';

/** A schedule has ten faults at most; twice through them is enough. */
const RUNS_MAX = 40;

/** Returns the outcome of the shortest schedule found; the given one when nothing can be left out. */
export const shorten = async (options: SeedOptions, failed: SeedOutcome): Promise<SeedOutcome> => {
  let best = failed;
  let runs = 0;
  for (let index = 0; index < best.schedule.length && runs < RUNS_MAX;) {
    const schedule: Schedule = best.schedule.filter((_, i) => i !== index);
    const outcome = await runSeed({ ...options, schedule });
    runs += 1;
    const fails = outcome.violation?.invariant === best.violation?.invariant;
    if (outcome.violation !== undefined && fails) {
      best = outcome;
      // What could not be left out before may be superfluous now.
      index = 0;
    } else index += 1;
  }
  return best;
};
