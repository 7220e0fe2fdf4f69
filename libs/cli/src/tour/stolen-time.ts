/**
 * Processor time that this virtual machine wanted and its host gave to others ("steal", as the Linux kernel counts it): what
 * is late meanwhile may be late for that alone, and nothing in here can tell from the inside.
 */
import { readFileSync } from 'node:fs';

export interface Stolen {
  /** Of all processor time, 0..1. */
  readonly share: number;
  /** Of the worst second. */
  readonly worst: number;
}

interface Ticks {
  readonly all: number;
  readonly stolen: number;
}

/** The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, and guests, which are in user. */
const COUNTED = 8;
const STEAL = 7;

export const ticksIn = (stat: string): Ticks | null => {
  const fields = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').slice(0, COUNTED).map(Number) ?? [];
  const stolen = fields[STEAL];
  if (stolen === undefined || fields.some((field) => !Number.isFinite(field))) return null;
  return { all: fields.reduce((sum, field) => sum + field, 0), stolen };
};

export const stolenBetween = (from: Ticks, to: Ticks): number =>
  to.all > from.all ? Math.max(0, to.stolen - from.stolen) / (to.all - from.all) : 0;

const read = (): Ticks | null => {
  try {
    return ticksIn(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return null;
  }
};

const LOOK_MS = 1_000;

/** Looks once a second until `end`, which says null where the system does not tell. */
export const watchStolen = (): { end(): Stolen | null } => {
  const first = read();
  let last = first;
  let worst = 0;
  const look = (): void => {
    const now = read();
    if (now !== null && last !== null) worst = Math.max(worst, stolenBetween(last, now));
    last = now;
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    end: () => {
      clearInterval(timer);
      const now = read();
      return first === null || now === null ? null : { share: stolenBetween(first, now), worst };
    },
  };
};
