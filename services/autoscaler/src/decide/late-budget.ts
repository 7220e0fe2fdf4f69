/**
 * The price of a late request, found while it runs: an objective "99 % within 200 ms" is a budget of late requests, and
 * it is spent where headroom costs most. One price for all moments does that (a Lagrange multiplier, as the clairvoyant
 * of the simulation has one); it falls while more requests are late than the budget allows and rises while fewer are
 * (adaptive conformal control on lateness itself). Must stay within bounds: what no count can hold must not buy without end.
 */
import type { RequestWindow } from './observation.js';

export type LateBudget = {
  /** Requests seen and those of them that were late, fading. */
  readonly requests: number;
  readonly late: number;
  /** Late requests of the lump that is being counted, the looks it is of so far, and the sum of the squares of those before, fading. */
  readonly lump: number;
  readonly lumpLooks: number;
  readonly squares: number;
  /** Looks so far, fading. */
  readonly looks: number;
  /** Slow correction of the price, logarithmic. */
  readonly bias: number;
  readonly lastMs: number;
};

/** Three fifths of what the plan says: as long as leaps have not been seen they are not known to be missing. Half an hour takes it back. */
const BIAS_FIRST = -0.5;

export const EMPTY_BUDGET: LateBudget = {
  requests: 0,
  late: 0,
  lump: 0,
  lumpLooks: 0,
  squares: 0,
  looks: 0,
  bias: BIAS_FIRST,
  lastMs: 0,
};

/** Windows of ten seconds, looked at when they share no second; a longer one counts as several looks. */
const WINDOW_MS = 10_000;
const FADE_MS = 12 * 3_600_000;
/** What is late within ten minutes is one lump: it comes of one cause. In looks. */
const LUMP_LOOKS = 60;
/**
 * Part of what is allowed that is not aimed at where one in a hundred is, as long as lateness is thought to come in lumps. They
 * weigh less the more of them are allowed, by the square root as all sums of chance do.
 */
const SPARED = 0.65;
const AIM_MIN = 0.3;
/** Standard deviations of the lumps' sum that are spared once it is known how large they are. */
const DEVIATIONS = 1.5;
/** Looks after which what was seen of lumps says as much as what is thought of them: three hours. */
const KNOWN_LOOKS = 1_080;

/**
 * Share of the allowed lateness that is aimed at. Where one in a hundred may be late: a third of it at first and where it comes in
 * large lumps, two thirds where it has come evenly for a day.
 */
export const aimOf = (budget: LateBudget, allowed: number): number => {
  const most = SPARED * Math.sqrt(0.01 / allowed);
  const deviation = Math.sqrt(budget.squares + budget.lump ** 2) / Math.max(1, budget.requests) / allowed;
  const seen = Math.min(most, DEVIATIONS * deviation);
  const known = budget.looks / (budget.looks + KNOWN_LOOKS);
  return Math.max(AIM_MIN, 1 - Math.sqrt((1 - known) * most ** 2 + known * seen ** 2));
};

/** Until this much was seen the account says little. */
const PRIOR_S = 900;
const GAIN = 1.2;
/** Of the bias, per hour and unit of logarithmic deviation. */
const BIAS_PER_HOUR = 3;
const BIAS_MAX = 1.5;
const FACTOR_MIN = 0.06;
const FACTOR_MAX = 10;

/** Share of requests slower than `boundMs`, from three percentiles: logarithmic between them, exponential beyond. */
export const lateShareOf = (window: RequestWindow, boundMs: number): number => {
  const { p50Ms, p95Ms, p99Ms } = window;
  if (boundMs <= p50Ms) return Math.min(1, 1 - (0.5 * boundMs) / Math.max(p50Ms, 1e-9));
  const between = (fromMs: number, toMs: number, from: number, to: number): number =>
    from * (to / from) ** ((boundMs - fromMs) / Math.max(toMs - fromMs, 1e-9));
  if (boundMs <= p95Ms) return between(p50Ms, p95Ms, 0.5, 0.05);
  if (boundMs <= p99Ms) return between(p95Ms, p99Ms, 0.05, 0.01);
  return between(p95Ms, Math.max(p99Ms, 1.05 * p95Ms), 0.05, 0.01);
};

export interface LateSample {
  readonly nowMs: number;
  readonly window: RequestWindow | null;
  /** Answered by the routers themselves, per second: late for whoever asked. */
  readonly rejectedRate: number;
  readonly boundMs: number;
  /** Late share allowed, 0..1. */
  readonly allowed: number;
  /** Most lateness of this window is not the instances' fault. */
  readonly excused: boolean;
}

/** Late share of the account over the one that is aimed at. */
export const spentOf = (budget: LateBudget, allowed: number, rate: number): number => {
  const prior = Math.max(1, PRIOR_S * rate);
  const aimed = aimOf(budget, allowed) * allowed;
  return (budget.late + prior * aimed) / (budget.requests + prior) / aimed;
};

/** True when `observeLate` would look. */
export const isLateDue = ({ lastMs }: LateBudget, nowMs: number): boolean =>
  lastMs === 0 || nowMs - lastMs >= WINDOW_MS;

export const observeLate = (budget: LateBudget, sample: LateSample): LateBudget => {
  const { nowMs, window, boundMs, allowed } = sample;
  if (window === null || window.rate <= 0) return budget;
  if (!isLateDue(budget, nowMs)) return budget;
  if (sample.excused) return { ...budget, lastMs: nowMs };
  const elapsedS = Math.max(WINDOW_MS / 1_000, window.seconds);
  const looks = (1_000 * elapsedS) / WINDOW_MS;
  const fade = Math.exp((-1_000 * elapsedS) / FADE_MS);
  const rejected = Math.min(1, sample.rejectedRate / window.rate);
  const share = rejected + (1 - rejected) * lateShareOf(window, boundMs);
  const requests = window.rate * elapsedS;
  const late = share * requests;
  const ended = budget.lumpLooks >= LUMP_LOOKS;
  const next = {
    ...budget,
    requests: budget.requests * fade + requests,
    late: budget.late * fade + late,
    lump: ended ? late : budget.lump + late,
    lumpLooks: ended ? looks : budget.lumpLooks + looks,
    squares: budget.squares * fade ** 2 + (ended ? budget.lump ** 2 : 0),
    looks: budget.looks * fade + looks,
    lastMs: nowMs,
  };
  const deviation = Math.max(-1.5, Math.min(1.5, Math.log(spentOf(next, allowed, window.rate))));
  const bias = budget.bias - (BIAS_PER_HOUR * deviation * elapsedS) / 3_600;
  return { ...next, bias: Math.max(-BIAS_MAX, Math.min(BIAS_MAX, bias)) };
};

/** What was overspent beyond this is written off: no later headroom makes an hour of lateness undone. */
const SPENT_MAX = 4;

/** Factor on the price: 1 before anything is known, less where more was late than is aimed at. */
export const correctionOf = (budget: LateBudget, allowed: number, rate: number): number => {
  // What was saved is not given away at once: bursts come late, and a calm hour says little of the next one.
  const spent = Math.max(1, Math.min(SPENT_MAX, spentOf(budget, allowed, rate)));
  return Math.max(FACTOR_MIN, Math.min(FACTOR_MAX, Math.exp(budget.bias) * spent ** -GAIN));
};
