/** Which faults come when: drawn from the seed, printed with a failure, and shortened one by one. */
import { FAULT_NAMES, FAULTS, type FaultName } from '../faults/index.js';
import { seededRandom } from '../random.js';

export interface ScheduledFault {
  readonly fault: FaultName;
  readonly atMs: number;
  readonly lastsMs: number;
  /** Seed of what it draws, so that it hits the same when others are left out. */
  readonly salt: number;
}

export type Schedule = readonly ScheduledFault[];

/** By then a level is up. */
const FIRST_MS = 6_000;
/** Before the end nothing begins any more: the level has to settle. */
const QUIET_MS = 22_000;
const COUNT_MIN = 4;
const COUNT_MAX = 9;
/** How often the next fault comes soon after the one before, so that they overlap. */
const CLOSE_CHANCE = 0.6;
const CLOSE_MS = 1_500;

export const scheduleOf = (seed: number, seconds: number): Schedule =>
  scheduleFrom(seed, seconds, FAULT_NAMES);

/** A schedule of these faults only; `density` multiplies their number. */
export const scheduleFrom = (
  seed: number,
  seconds: number,
  faults: readonly FaultName[],
  density = 1,
): Schedule => {
  const random = seededRandom(seed).split('schedule');
  const lastMs = seconds * 1_000 - QUIET_MS;
  const count = Math.max(1, Math.round(density * random.whole(COUNT_MIN, COUNT_MAX) * (lastMs / 38_000)));
  let atMs = FIRST_MS;
  const schedule = Array.from({ length: count }, (): ScheduledFault => {
    const fault = random.pick(faults);
    const [leastMs, mostMs] = FAULTS[fault].lastsMs;
    const isClose = random.chance(CLOSE_CHANCE);
    atMs = isClose ? atMs + random.between(0, CLOSE_MS) : random.between(FIRST_MS, lastMs);
    return {
      fault,
      atMs: Math.round(Math.min(atMs, lastMs)),
      lastsMs: Math.round(random.between(leastMs, mostMs)),
      salt: random.whole(0, 2 ** 31),
    };
  });
  return schedule.toSorted((a, b) => a.atMs - b.atMs);
};

/** For a command line: `fault@at+lasts#salt`, separated by commas. */
export const formatSchedule = (schedule: Schedule): string =>
  schedule.map(({ fault, atMs, lastsMs, salt }) => `${fault}@${atMs}+${lastsMs}#${salt}`).join(',');

/** Throws RangeError that names the part that cannot be read. */
export const parseSchedule = (text: string): Schedule =>
  text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^([a-z-]+)@(\d+)\+(\d+)#(\d+)$/u.exec(part);
      const fault = FAULT_NAMES.find((name) => name === match?.[1]);
      if (match === null || fault === undefined)
        throw new RangeError(
          `${JSON.stringify(part)} is no fault: expected name@at+lasts#salt, a name out of ${FAULT_NAMES.join(', ')}`,
        );
      return { fault, atMs: Number(match[2]), lastsMs: Number(match[3]), salt: Number(match[4]) };
    });
