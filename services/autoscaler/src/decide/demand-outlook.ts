/**
 * What may be asked of a component when an instance that is started now will be useful: a distribution, not a number. A
 * nowcast that jumps when the load jumps and averages when it does not, a trend believed only while it has foretold
 * better than no trend, and the errors both made so far (conformal: no assumption on their shape), kept apart by the size
 * of the load, because small loads are noisier. Must stay bounded: it is part of every replica's state and checkpoint.
 */
import type { DemandState } from './demand.js';

/** Weights of the errors ln(actual / forecast), on bins that are fine around zero and coarse far away. */
type Errors = { readonly [octave: string]: readonly number[] };

type Pending = readonly [dueMs: number, forecast: number, plain: number, trended: number, highest: number];

export type OutlookState = {
  /** Arrivals per second, averaged since the last jump, at most over LEVEL_SAMPLES. */
  readonly level: number;
  readonly samples: number;
  /** Levels of the past, one each PAST_MS, newest last, and when the newest was taken. */
  readonly past: readonly number[];
  readonly pastMs: number;
  readonly pending: readonly Pending[];
  /** Smoothed relative error of the level alone, and of the level with its trend. */
  readonly plainError: number;
  readonly trendError: number;
  /** Of the load at the horizon, and of the highest load until then. */
  readonly atEnd: Errors;
  readonly highest: Errors;
  readonly lastMs: number;
};

export const EMPTY_OUTLOOK: OutlookState = {
  level: 0,
  samples: 0,
  past: [],
  pastMs: 0,
  pending: [],
  plainError: 0,
  trendError: 0,
  atEnd: {},
  highest: {},
  lastMs: 0,
};

/** Possible loads in ascending order and how likely each is; the weights sum to 1 but for what is negligible. */
export interface Outlook {
  readonly expected: number;
  /** Both are found when they are asked for: not every decision needs them. */
  readonly atEnd: readonly Chance[];
  readonly highest: readonly Chance[];
}

export interface Chance {
  readonly rate: number;
  readonly weight: number;
}

const LEVEL_SAMPLES = 15;
/** Standard deviations of Poisson noise beyond which the load has jumped; the median of three samples is asked. */
const JUMP_DEVIATIONS = 3.2;
const PAST_MS = 5_000;
const PAST_KEPT = 37;
const PENDING_MAX = 24;
const GAP_MS = 5_000;
const BINS = 48;
const BIN_OF_ZERO = 18;
const BIN_WIDTH = 0.22;
const FINEST = 0.03;
/** Errors remembered per octave of load. */
const MEMORY = 900;
/** What errors at other loads say about this one. */
const NEIGHBOUR = 0.03;
const STRANGER = 0.003;
/** Before anything was seen: weights by ln(actual / forecast). */
const PRIOR: readonly (readonly [number, number])[] = [
  [-0.1, 1],
  [0, 2],
  [0.08, 1.2],
  [0.2, 0.5],
  [0.5, 0.1],
  [1.1, 0.03],
];
const OWN_ENOUGH = 20;
/** Below the weight of anything an instance could be worth its least price for: old errors fade towards it and stay away. */
const NEGLIGIBLE = 1e-6;
/** Below this the logarithm of a ratio says nothing. */
const RATE_MIN = 1;
/** A trend must have been better by this to be believed. */
const TREND_SKILL = 0.9;
const TREND_SHARE = 0.9;

const binOf = (ratio: number): number =>
  Math.max(0, Math.min(BINS - 1, BIN_OF_ZERO + Math.round(Math.asinh(ratio / FINEST) / BIN_WIDTH)));

const FACTORS: readonly number[] = Array.from({ length: BINS }, (_, bin) =>
  Math.exp(FINEST * Math.sinh((bin - BIN_OF_ZERO) * BIN_WIDTH)),
);

const PRIOR_WEIGHTS: readonly number[] = ((): readonly number[] => {
  const weights = Array.from({ length: BINS }, () => 0);
  for (const [ratio, weight] of PRIOR) weights[binOf(ratio)] = weight;
  return weights;
})();

const octaveOf = (rate: number): number => Math.round(Math.log2(Math.max(rate, RATE_MIN)));

const withError = (errors: Errors, forecast: number, actual: number): Errors => {
  const octave = String(octaveOf(forecast));
  const weights = errors[octave]?.slice() ?? Array.from({ length: BINS }, () => 0);
  for (let bin = 0; bin < BINS; bin += 1) weights[bin] = (weights[bin] ?? 0) * (1 - 1 / MEMORY);
  const bin = binOf(Math.log(Math.max(actual, RATE_MIN) / Math.max(forecast, RATE_MIN)));
  weights[bin] = (weights[bin] ?? 0) + 1;
  return { ...errors, [octave]: weights };
};

const sumOf = (weights: readonly number[]): number => {
  let sum = 0;
  for (let bin = 0; bin < weights.length; bin += 1) sum += weights[bin] ?? 0;
  return sum;
};

/** Loops instead of chains of array methods, here and below: this runs each second for every component. */
const chancesOf = (errors: Errors, forecast: number): readonly Chance[] => {
  const octave = octaveOf(forecast);
  // What is not known of this load itself counts the less the more is.
  const doubt = OWN_ENOUGH / (OWN_ENOUGH + sumOf(errors[String(octave)] ?? []));
  const weights = PRIOR_WEIGHTS.slice();
  for (let bin = 0; bin < BINS; bin += 1) weights[bin] = doubt * (weights[bin] ?? 0);
  for (const key of Object.keys(errors)) {
    const seen = errors[key] ?? [];
    const apart = Math.abs(Number(key) - octave);
    const trust = apart === 0 ? 1 : doubt * (apart === 1 ? NEIGHBOUR : STRANGER);
    for (let bin = 0; bin < BINS; bin += 1) weights[bin] = (weights[bin] ?? 0) + trust * (seen[bin] ?? 0);
  }
  let total = 0;
  for (let bin = 0; bin < BINS; bin += 1) total += weights[bin] ?? 0;
  const rate = Math.max(forecast, RATE_MIN);
  const chances: Chance[] = [];
  for (let bin = 0; bin < BINS; bin += 1) {
    const weight = (weights[bin] ?? 0) / total;
    if (weight >= NEGLIGIBLE) chances.push({ rate: rate * (FACTORS[bin] ?? 1), weight });
  }
  return chances;
};

const median3 = ([a = 0, b = a, c = b]: readonly number[]): number =>
  Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));

const jumped = (state: OutlookState, demand: DemandState): boolean => {
  if (demand.recent.length < 3) return false;
  const dispersion = Math.max(1, demand.dispersion);
  const variance = Math.max(state.level, 1) * dispersion * (0.6 + 1 / state.samples);
  return Math.abs(median3(demand.recent) - state.level) > JUMP_DEVIATIONS * Math.sqrt(variance);
};

const nextLevel = (state: OutlookState, demand: DemandState): Pick<OutlookState, 'level' | 'samples'> => {
  const latest = demand.recent.at(-1) ?? 0;
  if (state.samples === 0) return { level: latest, samples: 1 };
  if (jumped(state, demand)) {
    // One absurd sample among the last two may not lead.
    const [, before = latest] = demand.recent;
    const mean = (latest + before) / 2;
    return { level: Math.abs(latest - before) > 0.5 * mean ? median3(demand.recent) : mean, samples: 2 };
  }
  const samples = Math.min(LEVEL_SAMPLES, state.samples + 1);
  // While nothing has jumped a single sample is only as much as its share of the average.
  const bounded = Math.min(latest, 3 * Math.max(state.level, 1));
  return { level: state.level + (bounded - state.level) / samples, samples };
};

/** What the level gained over the horizon, where both halves of it show it: a jump is no trend. */
const trendOf = (state: OutlookState, horizonMs: number): number => {
  const steps = Math.max(4, Math.min(PAST_KEPT - 1, Math.round(horizonMs / PAST_MS)));
  const begin = state.past.at(-1 - steps);
  const middle = state.past.at(-1 - Math.round(steps / 2));
  if (begin === undefined || middle === undefined) return 0;
  const late = state.level - middle;
  const early = middle - begin;
  if (late * early <= 0) return 0;
  const gained = 2 * Math.sign(late) * Math.min(Math.abs(late), Math.abs(early));
  return (TREND_SHARE * gained * horizonMs) / (steps * PAST_MS);
};

const trendedOf = (state: OutlookState, horizonMs: number): number =>
  Math.max(0.3 * state.level, state.level + trendOf(state, horizonMs));

const forecastOf = (state: OutlookState, trended: number): number =>
  state.trendError < TREND_SKILL * state.plainError ? trended : state.level;

const isDue = (pending: readonly Pending[], nowMs: number): boolean => {
  for (const made of pending) if (made[0] <= nowMs) return true;
  return false;
};

const relative = (forecast: number, level: number): number =>
  Math.abs(level - forecast) / Math.max(level, forecast, RATE_MIN);

const judged = (state: OutlookState, nowMs: number): OutlookState => {
  if (!isDue(state.pending, nowMs)) return state;
  let { atEnd, highest, plainError, trendError } = state;
  const pending: Pending[] = [];
  for (const made of state.pending) {
    const [dueMs, forecast, plain, trended, most] = made;
    if (dueMs > nowMs) pending.push(made);
    if (dueMs > nowMs || nowMs - dueMs > GAP_MS) continue;
    atEnd = withError(atEnd, forecast, state.level);
    highest = withError(highest, forecast, most);
    plainError += 0.05 * (relative(plain, state.level) - plainError);
    trendError += 0.05 * (relative(trended, state.level) - trendError);
  }
  return { ...state, atEnd, highest, plainError, trendError, pending };
};

/**
 * With `level` as the highest where it is. What was forecast earlier has seen all that a later one has, so that its
 * highest is never lower: only the last ones can change.
 */
const raised = (pending: readonly Pending[], level: number): readonly Pending[] => {
  let from = pending.length;
  while (from > 0 && (pending[from - 1]?.[4] ?? level) < level) from -= 1;
  if (from === pending.length) return pending;
  return pending.map((made, i) => (i < from ? made : [made[0], made[1], made[2], made[3], level]));
};

/** Takes the newest sample of `demand` in, with the horizon that decisions look ahead now. */
export const observeOutlook = (
  before: OutlookState,
  demand: DemandState,
  horizonMs: number,
): OutlookState => {
  const nowMs = demand.lastMs;
  const gap = before.lastMs === 0 || nowMs - before.lastMs > GAP_MS || nowMs < before.lastMs;
  const from = gap ? { ...before, samples: 0, past: [], pastMs: 0, pending: [] } : before;
  const { level, samples } = nextLevel(from, demand);
  const seen: OutlookState = {
    ...from,
    level,
    samples,
    lastMs: nowMs,
    pending: raised(from.pending, level),
  };
  const state = judged(
    nowMs - seen.pastMs < PAST_MS
      ? seen
      : { ...seen, past: [...seen.past, level].slice(-PAST_KEPT), pastMs: nowMs },
    nowMs,
  );
  const last = state.pending.at(-1);
  if (last !== undefined && nowMs + horizonMs - last[0] < (1.2 * horizonMs) / PENDING_MAX) return state;
  const trended = trendedOf(state, horizonMs);
  const made: Pending = [nowMs + horizonMs, forecastOf(state, trended), level, trended, level];
  return { ...state, pending: [...state.pending, made].slice(-PENDING_MAX) };
};

export const outlookOf = (state: OutlookState, horizonMs: number): Outlook => {
  const expected = forecastOf(state, trendedOf(state, horizonMs));
  return {
    expected,
    get atEnd() {
      return chancesOf(state.atEnd, expected);
    },
    get highest() {
      return chancesOf(state.highest, Math.max(expected, state.level));
    },
  };
};
