/**
 * The errors that forecasts of one kind have made, as a distribution: what may come when such a forecast is made again.
 * Kept apart by the size of the load, because small loads are noisier; what is known of one size says something of the
 * others until it has been seen itself, and before anything was seen leaps are thought possible. Pure.
 */
import { mixed, type Chances, type MixedPart } from './chances.js';

/**
 * Seconds for which each error ln(actual / forecast) stood, on bins that are fine around zero and coarse far away, one row
 * per octave of load, as long as its largest error needs; a row is empty until its load was seen. In seconds, so that short
 * horizons, which are judged more often, do not forget or believe sooner.
 */
export type Errors = readonly (readonly number[])[];

const BINS = 84;
const BIN_OF_ZERO = 26;
const BIN_WIDTH = 0.17;
const FINEST = 0.03;
/**
 * From this bin on (a load eight times as high) they are equally wide: a source that is silent and then asks for thousands a second
 * leaps by that factor each time, and a wider bin would say half or double of what it asks for. The last one is e¹² times the forecast.
 */
const BIN_OF_LEAPS = 55;
const WIDEST = 0.35;
/** Errors of an octave of load fade within this time spent there: leaps that come once an hour must not be forgotten. */
const MEMORY_S = 2_400;
/** What errors at other loads say about this one, while little was seen of it. */
const NEIGHBOUR = 0.1;
const STRANGER = 0.01;
/** Before anything was seen: seconds by ln(actual / forecast), a minute together. */
const PRIOR: readonly (readonly [number, number])[] = [
  [-0.1, 12.5],
  [0, 25],
  [0.08, 15],
  [0.2, 6.2],
  [0.5, 1.25],
  [1.1, 0.37],
];
/** What was seen for so long weighs as much as what is thought before: a burst a minute is not known after a minute. */
const OWN_ENOUGH_S = 1_800;
/** Below the weight of anything an instance could be worth its least price for: old errors fade towards it and stay away. */
const NEGLIGIBLE = 1e-6;
/**
 * Requests per second below which the logarithm of a ratio says nothing: a small part of what one instance completes. Where requests take
 * seconds, one a second is many instances.
 */
export type RateUnit = number;

const curvedRatioOf = (bin: number): number => FINEST * Math.sinh((bin - BIN_OF_ZERO) * BIN_WIDTH);

const LEAP = curvedRatioOf(BIN_OF_LEAPS);

const ratioOf = (bin: number): number =>
  bin < BIN_OF_LEAPS ? curvedRatioOf(bin) : LEAP + WIDEST * (bin - BIN_OF_LEAPS);

const binOf = (ratio: number): number => {
  const bin =
    ratio < LEAP
      ? BIN_OF_ZERO + Math.asinh(ratio / FINEST) / BIN_WIDTH
      : BIN_OF_LEAPS + (ratio - LEAP) / WIDEST;
  return Math.max(0, Math.min(BINS - 1, Math.round(bin)));
};

const FACTORS = Float64Array.from({ length: BINS }, (_, bin) => Math.exp(ratioOf(bin)));

/** In units of the logarithm of the ratio. */
const WIDTHS = Float64Array.from({ length: BINS }, (_, bin) =>
  bin < BIN_OF_LEAPS ? FINEST * BIN_WIDTH * Math.cosh((bin - BIN_OF_ZERO) * BIN_WIDTH) : WIDEST,
);

const PRIOR_WEIGHTS = ((): Float64Array => {
  const weights = new Float64Array(BINS);
  for (const [ratio, weight] of PRIOR) weights[binOf(ratio)] = weight;
  return weights;
})();

/** `alike`: loads of all sizes are taken together. */
const octaveOf = (rate: number, unit: RateUnit, alike: boolean): number =>
  alike ? 0 : Math.round(Math.log2(Math.max(rate / unit, 1)));

const binFor = (forecast: number, actual: number, unit: RateUnit): number =>
  binOf(Math.log(Math.max(actual, unit) / Math.max(forecast, unit)));

const UNSEEN: readonly number[] = [];

/** `seconds`: for how long the error stands, until the next one. */
export const withError = (
  errors: Errors,
  forecast: number,
  actual: number,
  seconds: number,
  unit: RateUnit,
  alike = false,
): Errors => {
  const octave = octaveOf(forecast, unit, alike);
  const rows = errors.slice();
  while (rows.length <= octave) rows.push(UNSEEN);
  const weights = (rows[octave] ?? UNSEEN).slice();
  const kept = Math.exp(-seconds / MEMORY_S);
  for (let bin = 0; bin < weights.length; bin += 1) weights[bin] = (weights[bin] ?? 0) * kept;
  const bin = binFor(forecast, actual, unit);
  while (weights.length <= bin) weights.push(0);
  weights[bin] = (weights[bin] ?? 0) + seconds;
  rows[octave] = weights;
  return rows;
};

const sumOf = (weights: ArrayLike<number>): number => {
  let sum = 0;
  for (let bin = 0; bin < weights.length; bin += 1) sum += weights[bin] ?? 0;
  return sum;
};

/**
 * Fills `weights` with how likely each error is; the sum is 1. Loops instead of chains of array methods, and nothing new
 * allocated, here and below: this runs each second for every component, and garbage costs more than arithmetic.
 */
const fillWeights = (
  weights: Float64Array,
  errors: Errors,
  forecast: number,
  unit: RateUnit,
  alike: boolean,
): void => {
  const octave = octaveOf(forecast, unit, alike);
  // What is not known of this load itself counts the less the more is.
  const doubt = OWN_ENOUGH_S / (OWN_ENOUGH_S + sumOf(errors[octave] ?? UNSEEN));
  for (let bin = 0; bin < BINS; bin += 1) weights[bin] = doubt * (PRIOR_WEIGHTS[bin] ?? 0);
  for (let row = 0; row < errors.length; row += 1) {
    const seen = errors[row] ?? UNSEEN;
    if (seen.length === 0) continue;
    const apart = Math.abs(row - octave);
    const trust = apart === 0 ? 1 : doubt * (apart === 1 ? NEIGHBOUR : STRANGER);
    for (let bin = 0; bin < seen.length; bin += 1)
      weights[bin] = (weights[bin] ?? 0) + trust * (seen[bin] ?? 0);
  }
  const total = sumOf(weights);
  for (let bin = 0; bin < BINS; bin += 1) weights[bin] = (weights[bin] ?? 0) / total;
};

/** A forecast, the errors its kind has made, and how likely it is beside others. `alike`: for loads of all sizes together. */
export interface Expert {
  readonly odds: number;
  readonly forecast: number;
  readonly errors: Errors;
  readonly alike: boolean;
}

/** Written anew by each `chancesOf`, one for each expert. */
const PARTS: MixedPart[] = [];

/** What may come by one forecast or by several, each as likely as its odds say; what is above `ceiling` comes as that. */
export const chancesOf = (experts: readonly Expert[], ceiling: number, unit: RateUnit): Chances => {
  for (let i = 0; i < experts.length; i += 1) {
    const expert = experts[i];
    if (expert === undefined) continue;
    const part = (PARTS[i] ??= {
      rate: 0,
      odds: 0,
      factors: FACTORS,
      weights: new Float64Array(BINS),
      at: 0,
    });
    fillWeights(part.weights, expert.errors, expert.forecast, unit, expert.alike);
    part.rate = Math.max(expert.forecast, unit);
    part.odds = expert.odds;
  }
  return mixed(PARTS, experts.length, NEGLIGIBLE, ceiling);
};

const WEIGHTS = new Float64Array(BINS);

/** Of the load that came, by what was thought possible; smeared over neighbouring bins, above zero everywhere. */
export const densityOf = (
  errors: Errors,
  forecast: number,
  actual: number,
  unit: RateUnit,
  alike = false,
): number => {
  const weights = WEIGHTS;
  fillWeights(weights, errors, forecast, unit, alike);
  const bin = binFor(forecast, actual, unit);
  let mass = 0;
  let width = 0;
  for (let near = Math.max(0, bin - 1); near <= Math.min(BINS - 1, bin + 1); near += 1) {
    mass += weights[near] ?? 0;
    width += WIDTHS[near] ?? 1;
  }
  return Math.max(1e-4, mass / width);
};
