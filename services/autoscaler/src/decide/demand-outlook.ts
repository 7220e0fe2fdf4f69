/**
 * What may be asked of a component when an instance that is started now will be useful: a distribution, not a number. A
 * nowcast that jumps when the load jumps and averages when it does not, a trend believed only while it has foretold
 * better than no trend, and the errors both made so far (conformal: no assumption on their shape), kept apart by the size
 * of the load, because small loads are noisier. Must stay bounded: it is part of every replica's state and checkpoint.
 */
import { isGap } from './cadence.js';
import { ALONE_S, median, type DemandState } from './demand.js';
import type { Chances } from './chances.js';
import {
  chancesOf,
  densityOf,
  withError,
  type Errors,
  type Expert,
  type RateUnit,
} from './forecast-errors.js';
import type { Draft } from './policy.js';

type Pending = readonly [
  dueMs: number,
  forecast: number,
  plain: number,
  trended: number,
  /** Highest level since the one before it was made. */
  peak: number,
  slow: readonly number[],
  /** Since the look before the one it was made at, in seconds. */
  sinceS: number,
];

/** Of an average over minutes: where loads leap about, the current one says less of the next one than what is usual. */
type Slow = {
  readonly atEnd: Errors;
  readonly highest: Errors;
  /** How much more likely it has lately called what came than the current level did: logarithm of the odds. */
  readonly odds: number;
};

/** How a component's load is looked at. */
export interface LoadScale {
  readonly unit: RateUnit;
  /** Seconds over which the level averages. */
  readonly averageS: number;
}

export type OutlookState = {
  /** Arrivals per second, averaged since the last jump, at most over those of the scale. */
  readonly level: number;
  /** Seconds that it is the average of, and that were seen ever. */
  readonly samples: number;
  readonly seen: number;
  /** Levels of the past, one each PAST_MS, newest last, and when the newest was taken. */
  readonly past: readonly number[];
  readonly pastMs: number;
  readonly pending: readonly Pending[];
  /** Highest level since the newest of them was made. */
  readonly peak: number;
  /** Smoothed relative error of the level alone, and of the level with its trend. */
  readonly plainError: number;
  readonly trendError: number;
  /** Of the load at the horizon, and of the highest load until then. */
  readonly atEnd: Errors;
  readonly highest: Errors;
  /** Averages over minutes, and what is known of each. */
  readonly slowLevels: readonly number[];
  readonly slow: readonly Slow[];
  /** Highest level so far; what was long ago fades. */
  readonly top: number;
  readonly unit: RateUnit;
  readonly lastMs: number;
};

/** Seconds over which the slow levels average. */
const SLOW_S = [60, 300, 1_800] as const;
const EMPTY_SLOW: Slow = { atEnd: [], highest: [], odds: -1 };

export const EMPTY_OUTLOOK: OutlookState = {
  level: 0,
  samples: 0,
  seen: 0,
  past: [],
  pastMs: 0,
  pending: [],
  peak: 0,
  plainError: 0,
  trendError: 0,
  atEnd: [],
  highest: [],
  slowLevels: SLOW_S.map(() => 0),
  slow: SLOW_S.map(() => EMPTY_SLOW),
  top: 0,
  unit: 1,
  lastMs: 0,
};

export interface Outlook {
  readonly expected: number;
  /** Both are found when they are asked for: not every decision needs them. */
  readonly atEnd: Chances;
  readonly highest: Chances;
}

/** Standard deviations of Poisson noise beyond which the load has jumped; the median of three samples is asked. */
const JUMP_DEVIATIONS = 3.2;
const PAST_MS = 5_000;
const PAST_KEPT = 37;
const PENDING_MAX = 24;
/** A trend must have been better by this to be believed. */
const TREND_SKILL = 0.9;
const TREND_SHARE = 0.9;

/** Variance of the median of three samples of a second over that of one. */
const MEDIAN_VARIANCE = 0.6;

/** Standard deviations between a count and what it is on average, also where that is next to nothing (Anscombe 1948). */
const deviationsOf = (count: number, mean: number): number =>
  2 * Math.abs(Math.sqrt(count + 3 / 8) - Math.sqrt(mean + 3 / 8));

const jumped = (state: OutlookState, demand: DemandState): boolean => {
  const alone = demand.seconds >= ALONE_S;
  if (demand.recent.length < 3 && !alone) return false;
  const dispersion = Math.max(1, demand.dispersion);
  const share = alone ? 1 / demand.seconds : MEDIAN_VARIANCE;
  const variance = dispersion * (share + 1 / state.samples);
  const latest = median(demand.recent);
  // Where a request keeps an instance busy for long, two seconds with three of them are no jump from half a one each.
  const deviations =
    state.unit < 1
      ? deviationsOf(latest, state.level)
      : Math.abs(latest - state.level) / Math.sqrt(Math.max(state.level, 1));
  return deviations > JUMP_DEVIATIONS * Math.sqrt(variance);
};

const followLevel = (state: Draft<OutlookState>, demand: DemandState, averageS: number): void => {
  const latest = demand.recent.at(-1) ?? 0;
  const { seconds } = demand;
  if (state.samples === 0) {
    state.level = latest;
    state.samples = seconds;
    return;
  }
  if (jumped(state, demand)) {
    // One absurd sample among the last two may not lead.
    const [, before = latest] = demand.recent;
    const mean = (latest + before) / 2;
    state.level = Math.abs(latest - before) > 0.5 * mean ? median(demand.recent) : mean;
    state.samples = Math.max(2, seconds);
    return;
  }
  state.samples = Math.min(averageS, state.samples + seconds);
  // While nothing has jumped a single sample is only as much as its share of the average.
  const bounded = Math.min(latest, 3 * Math.max(state.level, 1));
  state.level += (seconds * (bounded - state.level)) / Math.max(seconds, state.samples);
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

/** How many of them have come true: the oldest, for none is made that comes true before the one before it. */
const dueOf = (pending: readonly Pending[], nowMs: number): number => {
  let due = 0;
  while ((pending[due]?.[0] ?? Infinity) <= nowMs) due += 1;
  return due;
};

/** Highest level since the `i`th forecast was made. */
export const highestSince = ({ pending, peak }: OutlookState, i: number): number => {
  let highest = peak;
  for (let later = i + 1; later < pending.length; later += 1)
    highest = Math.max(highest, pending[later]?.[4] ?? 0);
  return highest;
};

const relative = (forecast: number, level: number, unit: RateUnit): number =>
  Math.abs(level - forecast) / Math.max(level, forecast, unit);

/** Judged PENDING_MAX times per horizon, which is one piece of evidence; what is older than about 30 horizons fades. */
const EVIDENCE = 1.5 / PENDING_MAX;
/** Forecasts that follow each other more closely are judged for the current level alone, to save time. */
const CLOSE_MS = 2_500;

const spacingOf = (horizonMs: number): number => (1.2 * horizonMs) / PENDING_MAX;

/** What one judgement of the averages is worth. */
const evidenceOf = (horizonMs: number): number =>
  spacingOf(horizonMs) >= CLOSE_MS ? EVIDENCE : Math.min(1, PAST_MS / horizonMs);
const ODDS_FADE = 1 / 600;
/**
 * Forecasts that differ by less than this (logarithm of their ratio) say nearly the same, and what came tells little between
 * them. Without this an average earns trust in calm hours, for being less noisy, and is still believed when the load has leapt.
 */
const APART = 0.25;
const ODDS_MAX = 12;

/** A forecast of the current level whose time has come. */
interface Judged {
  readonly forecast: number;
  /** Level at the end, and the highest until then. */
  readonly actual: number;
  readonly most: number;
  /** How likely the current level had called it. */
  readonly came: number;
  readonly evidence: number;
  /** Until the next judgement. */
  readonly seconds: number;
}

/** What a judgement says between two forecasts: 1 where they differ, 0 where they say the same. */
const contrastOf = (slow: number, forecast: number, unit: RateUnit): number =>
  Math.min(1, (Math.log(Math.max(slow, unit) / Math.max(forecast, unit)) / APART) ** 2);

/** `level`: the average, when it was made. */
const judgedSlow = (expert: Slow, level: number, judged: Judged, unit: RateUnit): Slow => {
  const { forecast, actual, most, came, evidence, seconds } = judged;
  const contrast = contrastOf(level, forecast, unit);
  const gained = Math.max(
    -4,
    Math.min(4, Math.log(densityOf(expert.atEnd, level, actual, unit, true) / came)),
  );
  const odds = (1 - ODDS_FADE * contrast) * expert.odds + evidence * contrast * gained;
  return {
    ...expert,
    atEnd: withError(expert.atEnd, level, actual, seconds, unit, true),
    highest: withError(expert.highest, level, most, seconds, unit, true),
    odds: Math.max(-ODDS_MAX, Math.min(ODDS_MAX, odds)),
  };
};

/** Averages say what is usual once the shortest of them is one: before, they are of the moments that it took to begin. */
const isUsualKnown = ({ seen }: OutlookState): boolean => seen >= SLOW_S[0];

const nextLevels = (
  levels: readonly number[],
  latest: number,
  seen: number,
  seconds: number,
): readonly number[] =>
  levels.map((level, i) => {
    // As long as less was seen than it averages over, it is the plain mean.
    const gain = Math.max(seconds / (SLOW_S[i] ?? 60), seconds / seen);
    return level + gain * (latest - level);
  });

/**
 * Where it is looked seldom, a forecast stands for those that would have been made each second since the look before: for as many
 * as would have come true after it, whatever came then. The others came true while nothing was looked at, and as nothing
 * happened: they count as one that was right, which the last forecast of the time is.
 */
const unmadeOf = (sinceS: number, horizonMs: number): number => Math.min(sinceS, horizonMs / 1_000);
const calmOf = (sampleS: number, horizonMs: number): number => Math.max(0, sampleS - horizonMs / 1_000);

/** Compares the forecasts whose time has come with what came. */
const judge = (state: Draft<OutlookState>, nowMs: number, horizonMs: number, sampleS: number): void => {
  const { level, unit, pending } = state;
  const due = dueOf(pending, nowMs);
  if (due === 0) return;
  const spacingS = Math.max(1, spacingOf(horizonMs) / 1_000);
  const slowSpacingS = spacingOf(horizonMs) < CLOSE_MS ? PAST_MS / 1_000 : spacingS;
  for (let i = 0; i < due; i += 1) {
    const made = pending[i];
    if (made === undefined || isGap(made[0], nowMs, sampleS)) continue;
    const [, forecast, plain, trended, , slow, sinceS] = made;
    const most = highestSince(state, i);
    const unmadeS = unmadeOf(sinceS, horizonMs) + (i === due - 1 ? calmOf(sampleS, horizonMs) : 0);
    const seconds = Math.max(spacingS, unmadeS);
    if (slow.length > 0) {
      const came = densityOf(state.atEnd, forecast, level, unit);
      const slowS = Math.max(slowSpacingS, unmadeS);
      const evidence = evidenceOf(horizonMs) * (slowS / slowSpacingS);
      const judged: Judged = { forecast, actual: level, most, came, evidence, seconds: slowS };
      state.slow = state.slow.map((expert, i) => judgedSlow(expert, slow[i] ?? 0, judged, unit));
    }
    state.atEnd = withError(state.atEnd, forecast, level, seconds, unit);
    state.highest = withError(state.highest, forecast, most, seconds, unit);
    state.plainError += 0.05 * (relative(plain, level, unit) - state.plainError);
    state.trendError += 0.05 * (relative(trended, level, unit) - state.trendError);
  }
  state.pending = pending.slice(due);
};

/** One level each PAST_MS: of a sample that speaks for longer there are several. */
const pastWith = ({ past, level }: OutlookState, seconds: number): readonly number[] => {
  const periods = Math.max(1, Math.round((1_000 * seconds) / PAST_MS));
  const kept = past.slice(Math.max(0, past.length + periods - PAST_KEPT));
  for (let i = Math.min(periods, PAST_KEPT); i > 0; i -= 1) kept.push(level);
  return kept;
};

/** Takes the newest sample of `demand` in, with the horizon that decisions look ahead now. */
export const observeOutlook = (
  before: OutlookState,
  demand: DemandState,
  horizonMs: number,
  { unit, averageS }: LoadScale,
): OutlookState => {
  const { lastMs: nowMs, seconds } = demand;
  const state: Draft<OutlookState> = { ...before, unit, seen: before.seen + seconds, lastMs: nowMs };
  if (isGap(before.lastMs, nowMs, seconds) || nowMs < before.lastMs) {
    state.samples = 0;
    state.past = [];
    state.pastMs = 0;
    state.pending = [];
  }
  followLevel(state, demand, averageS);
  state.slowLevels = nextLevels(state.slowLevels, demand.recent.at(-1) ?? 0, state.seen, seconds);
  state.peak = Math.max(state.peak, state.level);
  state.top = Math.max(state.level, state.top - (seconds * state.top) / TOP_S);
  if (nowMs - state.pastMs >= PAST_MS) {
    state.past = pastWith(state, seconds);
    state.pastMs = nowMs;
  }
  judge(state, nowMs, horizonMs, seconds);
  remember(state, nowMs, horizonMs, seconds);
  return state;
};

/** Keeps what is forecast now, to be judged when its time has come. */
const remember = (state: Draft<OutlookState>, nowMs: number, horizonMs: number, sinceS: number): void => {
  const spacingMs = spacingOf(horizonMs);
  const last = state.pending.at(-1);
  if (last !== undefined && nowMs + horizonMs - last[0] < spacingMs) return;
  const trended = trendedOf(state, horizonMs);
  const made: Pending = [
    nowMs + horizonMs,
    forecastOf(state, trended),
    state.level,
    trended,
    state.peak,
    spacingMs >= CLOSE_MS || state.pastMs === nowMs ? state.slowLevels : [],
    sinceS,
  ];
  const kept = state.pending.length < PENDING_MAX ? state.pending : state.pending.slice(1);
  state.pending = [...kept, made];
  state.peak = state.level;
};

/** A top fades within six hours. */
const TOP_S = 21_600;
/**
 * How far above the highest level so far loads are thought possible, as a share of it: by the second while little was seen, by
 * the first in the end; the difference fades over so many seconds. Errors are ratios, and those that were made of a small load
 * say too much of a large one: where bursts come out of nothing, what a burst might become would be bought for, although none
 * ever became so large.
 */
const RECORD_SHARE = 0.4;
const RECORD_FIRST = 2;
const RECORD_S = 600;

const ceilingOf = ({ top, seen }: OutlookState, expected: number): number =>
  Math.max(top, expected) * (1 + RECORD_SHARE + (RECORD_FIRST - RECORD_SHARE) * Math.exp(-seen / RECORD_S));

/** Less likely ones are left out: each costs time in every decision. */
const ODDS_LEFT_OUT = -3.5;

/** A class: made for every component each second, and closures over as much are several times the garbage. */
class LazyOutlook implements Outlook {
  readonly expected: number;
  private end: Chances | undefined;
  private high: Chances | undefined;

  constructor(
    private readonly state: OutlookState,
    horizonMs: number,
  ) {
    this.expected = forecastOf(state, trendedOf(state, horizonMs));
  }

  get atEnd(): Chances {
    return (this.end ??= this.among(this.expected, ({ atEnd }) => atEnd));
  }

  get highest(): Chances {
    const forecast = Math.max(this.expected, this.state.level);
    return (this.high ??= this.among(forecast, ({ highest }) => highest));
  }

  private among(forecast: number, errorsOf: (of: OutlookState | Slow) => Errors): Chances {
    const { state } = this;
    const experts: Expert[] = [{ odds: 1, forecast, errors: errorsOf(state), alike: false }];
    const usual = isUsualKnown(state) ? state.slow : [];
    for (const [i, slow] of usual.entries()) {
      if (slow.odds <= ODDS_LEFT_OUT) continue;
      const level = state.slowLevels[i] ?? 0;
      experts.push({ odds: Math.exp(slow.odds), forecast: level, errors: errorsOf(slow), alike: true });
    }
    return chancesOf(experts, ceilingOf(state, this.expected), state.unit);
  }
}

export const outlookOf = (state: OutlookState, horizonMs: number): Outlook =>
  new LazyOutlook(state, horizonMs);
