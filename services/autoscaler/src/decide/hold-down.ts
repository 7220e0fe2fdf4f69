/**
 * Asymmetric smoothing: up at once, down only to the highest recommendation of a window, and only after the window was
 * seen without a gap. Missing data therefore can only delay a scale-in, never cause one.
 */
import { isGap } from './cadence.js';
import type { ComponentObservation } from './observation.js';

export type HoldState = {
  /** [time, recommended count], oldest first. */
  readonly seen: readonly (readonly [number, number])[];
  /** Since when recommendations came without a gap; 0: never. */
  readonly coveredSinceMs: number;
  readonly lastMs: number;
};

export const EMPTY_HOLD: HoldState = { seen: [], coveredSinceMs: 0, lastMs: 0 };

/** A look at what is recommended. */
export interface HoldLook {
  readonly nowMs: number;
  /** Of what it was made of: more time than this, and some seconds, since the look before is a gap. */
  readonly seconds: number;
  readonly windowMs: number;
}

/** Takes a recommendation in. Kept as running maxima: an entry that a later, higher one covers can never matter again. */
export const holdRecommendation = (
  state: HoldState,
  { nowMs, seconds, windowMs }: HoldLook,
  recommended: number,
): HoldState => {
  const gap = state.coveredSinceMs === 0 || isGap(state.lastMs, nowMs, seconds);
  const kept = state.seen.filter(([atMs, count]) => nowMs - atMs < windowMs && count > recommended);
  return {
    seen: [...kept, [nowMs, recommended]],
    coveredSinceMs: gap ? nowMs : state.coveredSinceMs,
    lastMs: nowMs,
  };
};

export interface HeldCount {
  readonly count: number;
  readonly why: 'up' | 'same' | 'down' | 'window' | 'uncovered' | 'rate-limit';
}

/** At most a third of a component leaves at once (ARCHITECTURE.md rule 5, mass changes are braked). */
const DOWN_SHARE_MAX = 1 / 3;

export interface DownLimits {
  /** How long fewer must have been enough. */
  readonly windowMs: number;
  /** Least time between two scale-ins. */
  readonly stepMs: number;
  /** Most instances that leave at once, below the brake's own share. */
  readonly stepMax: number;
}

/** What may be done of the recommendation now. */
export const heldCount = (
  state: HoldState,
  observation: ComponentObservation,
  recommended: number,
  { windowMs, stepMs, stepMax }: DownLimits,
): HeldCount => {
  const { count, nowMs } = observation;
  if (recommended > count) return { count: recommended, why: 'up' };
  if (recommended === count) return { count, why: 'same' };
  if (state.coveredSinceMs === 0 || nowMs - state.coveredSinceMs < windowMs)
    return { count, why: 'uncovered' };
  const highest = Math.max(recommended, ...state.seen.map(([, seen]) => seen));
  if (highest >= count) return { count, why: 'window' };
  if (nowMs - observation.countSinceMs < stepMs) return { count, why: 'rate-limit' };
  const most = Math.max(1, Math.min(stepMax, Math.floor(count * DOWN_SHARE_MAX)));
  return { count: Math.max(highest, count - most), why: 'down' };
};
