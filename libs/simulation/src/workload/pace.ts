/**
 * How long the next step of virtual time may be. A month has two and a half million seconds, and in most of them nothing
 * happens: where no instance becomes ready, nothing waits and the load stays as it was, some of them are played at once.
 * Where the load has moved or a pool is nearly busy every second counts, as in production.
 */
import type { Plant } from './plant.js';
import type { Trace } from './trace.js';

/** Whole seconds from 1 on. */
export type Pace = (second: number) => number;

/** The load has moved when it is another one by this share, and by what keeps so much of an instance busy. */
const MOVED = 0.1;
const MOVED_INSTANCES = 0.3;
/** For so long after it has: policies find out and act on it within this. */
const MOVED_S = 4;

const hasMoved = (rates: Float64Array, bin: number, plant: Plant): boolean => {
  const now = rates[bin] ?? 0;
  // The warm-up has the load of the beginning.
  const before = rates[bin - 1] ?? now;
  const by = Math.abs(now - before);
  return by > MOVED * Math.max(now, before) && plant.busyAt(by) > MOVED_INSTANCES;
};

/** `longestS`: of a step; 1: every second is played by itself. Steps end with a bin of the trace. */
export const paceOf = ({ rates, binS }: Trace, plant: Plant, longestS: number, begunAt: number): Pace => {
  if (longestS <= 1 || binS <= 1) return () => 1;
  return (second) => {
    if (second < 0) return 1;
    const bin = Math.floor(second / binS);
    const into = second - bin * binS;
    if (into < MOVED_S && hasMoved(rates, bin, plant)) return 1;
    if (plant.isTight(rates[bin] ?? 0)) return 1;
    return Math.min(longestS, binS - into, plant.untilReady(second + begunAt));
  };
};
