/**
 * How many requests a second arrive, now and when an instance started now will be ready: a nowcast that one absurd
 * sample cannot move, a damped trend, and a margin learned from the forecast's own errors (conformal). Must never be fed
 * with completions alone: while a component is overloaded these say what it can serve, not what is asked of it.
 */

import { gainOver, isGap } from './cadence.js';
import type { Draft } from './policy.js';

export type DemandState = {
  /** Last three samples of the arrival rate, oldest first; one that speaks for several seconds stands alone. */
  readonly recent: readonly number[];
  /** Seconds that the newest of them speaks for. */
  readonly seconds: number;
  readonly level: number;
  readonly trend: number;
  /** Requests in the component at the last sample, for the arrivals that have not been completed yet. */
  readonly inside: number;
  readonly lastMs: number;
  /** [time it was made for, forecast]: those not compared yet. */
  readonly pending: readonly (readonly [number, number])[];
  /** Standardised errors (actual − forecast)/√forecast, oldest first, in blocks: of all of them only the oldest and the newest are copied each second. */
  readonly errors: readonly (readonly number[])[];
  /** Index of dispersion of the arrivals (variance/mean of counts a second); 1: Poisson. */
  readonly dispersion: number;
};

export const EMPTY_DEMAND: DemandState = {
  recent: [],
  seconds: 1,
  level: 0,
  trend: 0,
  inside: 0,
  lastMs: 0,
  pending: [],
  errors: [],
  dispersion: 1,
};

export interface DemandSample {
  readonly nowMs: number;
  /** Requests completed per second in the last `seconds`. */
  readonly completed: number;
  readonly seconds: number;
  /** Requests in the component and waiting for it. */
  readonly inside: number;
}

export interface Forecast {
  /** Arrivals per second now. */
  readonly now: number;
  /** At the horizon, without margin. */
  readonly expected: number;
  /** With it. */
  readonly upper: number;
}

/** Holt's damped linear trend at 1 s steps: fast level, slow trend; the trend is worth at most φ/(1 − φ) = 9 steps. */
const LEVEL_GAIN = 0.5;
const TREND_GAIN = 0.2;
const DAMPING = 0.9;
/** Five minutes of one-second errors. */
const ERRORS_KEPT = 300;
const ERRORS_IN_BLOCK = 25;
/** Before there are this many errors of its own, the margin is the one of a Poisson stream. */
const ERRORS_NEEDED = 60;
const ERROR_QUANTILE = 0.95;
/** A margin above this share of the forecast would be a guess about the world, not about the noise. */
const MARGIN_SHARE_MAX = 0.3;
const PENDING_MAX = 120;
/** A sample of so many seconds stands for itself: an absurd one cannot be told by its neighbours, which are too far away. */
export const ALONE_S = 5;

/** Of three values at most, the lower one of two; without sorting, for it is asked for twice a second for every component. */
export const median = ([a, b, c]: readonly number[]): number => {
  if (a === undefined) return 0;
  if (b === undefined) return a;
  if (c === undefined) return Math.min(a, b);
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
};

/** The highest values, descending: written anew by each `errorQuantile`. */
const HIGHEST = new Float64Array(ERRORS_KEPT);

const countOf = (blocks: DemandState['errors']): number => {
  let count = 0;
  for (const block of blocks) count += block.length;
  return count;
};

/** Of the highest only, without sorting the others: this runs each second for every component. */
const errorQuantile = (blocks: DemandState['errors'], seen: number): number => {
  const count = seen - Math.ceil(ERROR_QUANTILE * seen) + 1;
  HIGHEST.fill(-Infinity, 0, count);
  for (const block of blocks) {
    for (const value of block) {
      let at = count - 1;
      if (value <= (HIGHEST[at] ?? 0)) continue;
      for (; at > 0 && (HIGHEST[at - 1] ?? 0) < value; at -= 1) HIGHEST[at] = HIGHEST[at - 1] ?? 0;
      HIGHEST[at] = value;
    }
  }
  return HIGHEST[count - 1] ?? 0;
};

/** With one more, and without the oldest where there would be too many. */
const withNewest = (blocks: DemandState['errors'], error: number): DemandState['errors'] => {
  const newest = blocks.at(-1) ?? [];
  const added =
    newest.length > 0 && newest.length < ERRORS_IN_BLOCK
      ? [...blocks.slice(0, -1), [...newest, error]]
      : [...blocks, [error]];
  if (countOf(added) <= ERRORS_KEPT) return added;
  const [oldest = [], ...others] = added;
  return oldest.length > 1 ? [oldest.slice(1), ...others] : others;
};

/** Arrivals = completions + growth of what is inside; negative growth is completion of earlier arrivals. */
const arrivalsOf = (state: DemandState, sample: DemandSample): number => {
  const elapsedS = (sample.nowMs - state.lastMs) / 1_000;
  if (elapsedS <= 0 || isGap(state.lastMs, sample.nowMs, sample.seconds)) return sample.completed;
  return Math.max(0, sample.completed + (sample.inside - state.inside) / elapsedS);
};

const scoreForecasts = (state: Draft<DemandState>, nowMs: number, seconds: number, actual: number): void => {
  if (state.pending.length === 0) return;
  const due = state.pending.filter(([forMs]) => forMs <= nowMs);
  if (due.length === 0) return;
  state.pending = state.pending.filter(([forMs]) => forMs > nowMs);
  for (const [forMs, forecast] of due) {
    if (isGap(forMs, nowMs, seconds)) continue;
    state.errors = withNewest(state.errors, (actual - forecast) / Math.sqrt(Math.max(forecast, 1)));
  }
};

/** The last three with the newest. */
const withSample = (recent: readonly number[], latest: number): readonly number[] => {
  const [oldest, middle, newest] = recent;
  if (oldest === undefined) return [latest];
  if (middle === undefined) return [oldest, latest];
  return newest === undefined ? [oldest, middle, latest] : [middle, newest, latest];
};

const trendSum = (horizonMs: number): number => {
  const steps = Math.max(0, horizonMs / 1_000);
  return (DAMPING * (1 - DAMPING ** steps)) / (1 - DAMPING);
};

/** Takes one sample in. */
export const observeDemand = (state: DemandState, sample: DemandSample): DemandState => {
  const { nowMs, seconds } = sample;
  const gap = isGap(state.lastMs, nowMs, seconds);
  const arrivals = arrivalsOf(state, sample);
  const recent = gap || seconds >= ALONE_S ? [arrivals] : withSample(state.recent, arrivals);
  const nowcast = median(recent);
  const last = state.recent.at(-1);
  const gain = gainOver(LEVEL_GAIN, seconds);
  const level = gap ? arrivals : gain * nowcast + (1 - gain) * (state.level + DAMPING * state.trend);
  const trend = gap
    ? 0
    : (TREND_GAIN / seconds) * (level - state.level) + (1 - TREND_GAIN) * DAMPING ** seconds * state.trend;
  // Half the mean squared difference of neighbours is the variance without the trend; what are no neighbours differ by the load.
  const apart = gap || Math.max(seconds, state.seconds) >= ALONE_S;
  const of = 1 / seconds + 1 / state.seconds;
  const noise = apart || last === undefined ? null : (arrivals - last) ** 2 / of / Math.max(level, 1);
  const next: Draft<DemandState> = {
    recent,
    seconds,
    level,
    trend,
    inside: sample.inside,
    lastMs: nowMs,
    pending: gap ? [] : state.pending,
    errors: state.errors,
    dispersion: noise === null ? state.dispersion : 0.97 * state.dispersion + 0.03 * Math.min(noise, 10),
  };
  scoreForecasts(next, nowMs, seconds, nowcast);
  return next;
};

/** What arrives `horizonMs` from now. */
export const forecastDemand = (state: DemandState, horizonMs: number): Forecast => {
  const now = Math.max(state.level, median(state.recent));
  const expected = Math.max(0, now + Math.max(0, state.trend) * trendSum(horizonMs));
  const seen = countOf(state.errors);
  const spread = seen >= ERRORS_NEEDED ? Math.max(0, errorQuantile(state.errors, seen)) : 1;
  const margin = Math.min(spread * Math.sqrt(expected), MARGIN_SHARE_MAX * expected);
  return { now, expected, upper: expected + margin };
};

/** Remembers a forecast, to learn from its error later. */
export const rememberForecast = (state: DemandState, forecast: Forecast, horizonMs: number): DemandState => ({
  ...state,
  pending: [...state.pending, [state.lastMs + horizonMs, forecast.expected] as const].slice(-PENDING_MAX),
});
