/** One seed from birth to rest: faults at their times, invariants all the while, and at the end everything in order. */
import type { Logger } from '@mitosis/service-kit';
import { DEFECTS, type DefectName } from '../defects/index.js';
import { FAULTS } from '../faults/index.js';
import { INVARIANTS, type InvariantName } from '../invariants/index.js';
import { unsettled } from '../invariants/settled.js';
import { SimLevel } from '../level/sim-level.js';
import { seededRandom } from '../random.js';
import { Coverage, watchStates } from './coverage.js';
import { scheduleOf, type Schedule } from './schedule.js';

export interface SeedOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Default: the seed's own. */
  readonly schedule?: Schedule;
  readonly defect?: DefectName;
  readonly keepTrace?: boolean;
  readonly log?: (level: SimLevel) => Logger;
}

export interface Violation {
  readonly invariant: InvariantName;
  readonly why: string;
  readonly atMs: number;
}

export interface SeedOutcome {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly hash: string;
  readonly events: number;
  /** Virtual time until everything was in order after the last fault ended. */
  readonly settledAfterMs: number;
  readonly virtualMs: number;
  readonly coverage: Coverage;
  readonly schedule: Schedule;
  readonly trace: readonly string[];
}

const STEP_MS = 500;
/** In order for this long, so that it is no coincidence between two changes. */
const CALM_MS = 2_000;
/** After the end of the faults everything must be in order within this time: the longest back-off and what follows it. */
const SETTLE_MS = 90_000;
const TRACE_TAIL = 60;

export const runSeed = async (options: SeedOptions): Promise<SeedOutcome> => {
  const { seed, seconds, defect } = options;
  const schedule = options.schedule ?? scheduleOf(seed, seconds);
  const chosen = defect === undefined ? {} : DEFECTS[defect].level();
  const level = new SimLevel({
    seed,
    ...chosen,
    keepTrace: options.keepTrace === true,
    ...(options.log === undefined ? {} : { log: options.log }),
  });
  let violation: Violation | undefined;
  for (const [name, invariant] of Object.entries(INVARIANTS)) {
    const fail = (why: string): void => {
      violation ??= { invariant: name as InvariantName, why, atMs: level.nowMs };
    };
    level.observe(invariant.watch(level, fail));
  }
  const coverage = new Coverage();
  watchStates(level);
  const active = begin(level, schedule, coverage);
  await level.begin();
  const endMs = seconds * 1_000;
  const quietMs = Math.max(0, ...schedule.map(({ atMs, lastsMs }) => atMs + lastsMs));
  let calmSinceMs: number | undefined;
  let why: string | undefined = 'it was not looked at';
  while (violation === undefined) {
    await level.clock.advance(STEP_MS);
    // The event loop turns now and then, so that a whole run can be interrupted and collected.
    if (level.nowMs % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (level.nowMs < quietMs || active.size > 0) continue;
    // Once it was in order it is looked at again at the end.
    if (isCalm(calmSinceMs, level.nowMs) && level.nowMs < endMs) continue;
    why = unsettled(level);
    if (why !== undefined) calmSinceMs = undefined;
    else calmSinceMs ??= level.nowMs;
    if (isCalm(calmSinceMs, level.nowMs) && level.nowMs >= endMs) break;
    if (level.nowMs >= Math.max(quietMs, endMs) + SETTLE_MS)
      violation ??= { invariant: 'settles', why: why ?? 'it does not stay in order', atMs: level.nowMs };
  }
  coverage.addStates(level.states);
  return {
    seed,
    violation,
    hash: level.trace.hash,
    events: level.trace.events,
    settledAfterMs: Math.max(0, (calmSinceMs ?? level.nowMs) - quietMs),
    virtualMs: level.nowMs,
    coverage,
    schedule,
    trace:
      options.keepTrace === true
        ? level.trace.tail(Infinity)
        : violation === undefined
          ? []
          : level.trace.tail(TRACE_TAIL),
  };
};

const isCalm = (sinceMs: number | undefined, nowMs: number): boolean =>
  sinceMs !== undefined && nowMs - sinceMs >= CALM_MS;

/** Sets the timers of all faults; returns those that are under way. */
const begin = (level: SimLevel, schedule: Schedule, coverage: Coverage): ReadonlySet<object> => {
  const active = new Set<Schedule[number]>();
  for (const scheduled of schedule) {
    level.clock.setTimer(scheduled.atMs, () => {
      const { fault, lastsMs, salt } = scheduled;
      const end = FAULTS[fault].begin(level, seededRandom(salt));
      if (end === undefined) {
        coverage.missed(fault);
        return;
      }
      coverage.reached(
        fault,
        [...active].map((other) => other.fault),
      );
      active.add(scheduled);
      // What is over at once still meets what comes within a second.
      level.clock.setTimer(lastsMs, end);
      level.clock.setTimer(Math.max(lastsMs, 1_000), () => active.delete(scheduled));
    });
  }
  return active;
};
