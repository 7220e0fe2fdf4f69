/** A fault: done to a level at its time, undone after a while. What it hits is drawn from its own seed. */
import type { SimLevel } from '../level/sim-level.js';
import type { Random } from '../random.js';

export interface Fault {
  readonly summary: string;
  /** Longest and shortest time it lasts; equal to 0 for what happens at once. */
  readonly lastsMs: readonly [number, number];
  /** Returns what ends it; undefined when there was nothing to do it to. */
  begin(level: SimLevel, random: Random): (() => void) | undefined;
}

export const once = (): void => undefined;

/** One of them, or undefined when there is none. */
export const one = <T>(random: Random, values: readonly T[]): T | undefined =>
  values.length === 0 ? undefined : random.pick(values);
