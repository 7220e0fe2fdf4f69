/**
 * The clairvoyant: knows the whole trace, the service times and the start-up time, and runs the least instance-time that
 * keeps the late share. It weighs lateness against instances with one price for the whole trace (a Lagrange multiplier:
 * it is late where that saves most), starts every instance one start-up time before it is needed and keeps it where a
 * restart would cost more. The price is found by playing the plan through the very plant the policies are judged by.
 * Never a policy: it only says what hindsight would have cost.
 */
import { CapacityPlanner } from './capacity-plan.js';
import type { Application } from './application.js';
import { plantFor, playTrace, type Conductor, type RunOptions, type RunResult } from './level-run.js';
import { traceSeconds, type Trace } from './trace.js';

/** Rates are rounded up to steps of 2 %. */
const LEVEL_STEP = Math.log(1.02);

type CountsAt = (rate: number) => readonly number[];

const byLevel = (plan: CountsAt): CountsAt => {
  const known = new Map<number, readonly number[]>();
  return (rate) => {
    const level = rate <= 0 ? -1_000 : Math.ceil(Math.log(rate) / LEVEL_STEP - 1e-9);
    let counts = known.get(level);
    if (counts === undefined) {
      counts = plan(level === -1_000 ? 0 : Math.exp(level * LEVEL_STEP));
      known.set(level, counts);
    }
    return counts;
  };
};

const pooledIndices = ({ components }: Application): readonly number[] =>
  components.flatMap(({ pooled }, i) => (pooled ? [i] : []));

/** Instances per second and component. */
const perSecond = (application: Application, trace: Trace, plan: CountsAt): readonly Uint16Array[] => {
  const cached = byLevel(plan);
  const series = pooledIndices(application).map(() => new Uint16Array(trace.rates.length * trace.binS));
  trace.rates.forEach((rate, bin) => {
    const counts = cached(rate);
    pooledIndices(application).forEach((index, i) => {
      series[i]?.fill(counts[index] ?? 0, bin * trace.binS, (bin + 1) * trace.binS);
    });
  });
  return series;
};

/** What holds the objective each second, for the elasticity metrics. `share`: late requests allowed, 0..1. */
export const demandOf = (application: Application, trace: Trace, share: number): readonly Uint16Array[] => {
  const planner = new CapacityPlanner(application);
  return perSecond(application, trace, (rate) => planner.holding(rate, share));
};

/** The highest of the next `ahead` seconds: paid from the start on, and kept where the gap is shorter than a start. */
export const highestAhead = (series: Uint16Array, ahead: number): Uint16Array => {
  const result = new Uint16Array(series.length);
  const deque = new Int32Array(series.length);
  let head = 0;
  let tail = 0;
  for (let i = series.length - 1; i >= 0; i -= 1) {
    const value = series[i] ?? 0;
    while (tail > head && (series[deque[tail - 1] ?? 0] ?? 0) <= value) tail -= 1;
    deque[tail] = i;
    tail += 1;
    while ((deque[head] ?? 0) > i + ahead) head += 1;
    result[i] = series[deque[head] ?? i] ?? 0;
  }
  return result;
};

export interface Clairvoyant {
  readonly instanceSeconds: number;
  readonly requests: number;
  readonly late: number;
  /** Instances ready, by component. */
  readonly ready: readonly Uint16Array[];
}

type PlayOptions = Omit<RunOptions, 'settings' | 'lagS' | 'everyS' | 'warmupS' | 'watch'>;

const play = (options: PlayOptions, plan: readonly Uint16Array[], startS: number): RunResult => {
  const plant = plantFor({ ...options, warmupS: 0, samples: SAMPLES, observed: false });
  const pools = plant.tiers.filter(({ component }) => component.pooled).map(({ pool }) => pool);
  // Starts differ by up to a tenth; who knows everything waits for the slowest.
  const paid = plan.map((series) => highestAhead(series, Math.ceil(startS * 1.1) + 1));
  const { trace, longestS } = options;
  const changesAt = (second: number): boolean => paid.some((series) => series[second] !== series[second - 1]);
  const conductor: Conductor = {
    within: (second) => {
      let seconds = 1;
      while (seconds < longestS && !changesAt(second + seconds)) seconds += 1;
      return seconds;
    },
    act: (last) =>
      pools.forEach((pool, i) => pool.scaleTo(paid[i]?.[last + 1] ?? pool.count, (last + 1) * 1_000)),
  };
  pools.forEach((pool, i) => pool.reset(paid[i]?.[0] ?? 1, 0));
  return { ...playTrace({ trace, longestS, warmupS: 0 }, plant, conductor), decisions: 0 };
};

/** Enough for a share of the whole trace. */
const SAMPLES = 8;
/** Halvings of the price on a logarithmic scale. */
const SEARCH_STEPS = 9;
const LOWEST = Math.log(1e-4);
const HIGHEST = Math.log(100);

interface Found {
  readonly run: RunResult;
  readonly logPrice: number;
}

const isHeld = ({ late, requests }: RunResult, share: number): boolean => late <= share * requests;

/** The dearest price whose plan still keeps the share. */
const search = (at: (logPrice: number) => RunResult, share: number): Found => {
  let low = LOWEST;
  let high = HIGHEST;
  let best: Found = { run: at(low), logPrice: low };
  for (let i = 0; i < SEARCH_STEPS; i += 1) {
    const middle = (low + high) / 2;
    const run = at(middle);
    if (isHeld(run, share)) {
      low = middle;
      if (run.instanceSeconds < best.run.instanceSeconds) best = { run, logPrice: middle };
    } else high = middle;
  }
  return best;
};

/** Of a longer trace the price is first sought on a part of it. */
const LONG_S = 3 * 86_400;
/** Three hours of each twenty-one: every hour of the day comes in turn. */
const PART_S = 3 * 3_600;
const PART_EVERY_S = 21 * 3_600;

const partOf = (trace: Trace): Trace => {
  const isIn = (bin: number): boolean => (bin * trace.binS) % PART_EVERY_S < PART_S;
  return { ...trace, rates: trace.rates.filter((_, bin) => isIn(bin)) };
};

/** Steps of the logarithm of the price from where the part of the trace says it is. */
const REFINE = 0.05;
const REFINE_STEPS = 5;

/** From a price nearby to the dearest one that keeps the share; null: it is not near. */
const refine = (at: (logPrice: number) => RunResult, share: number, from: number): RunResult | null => {
  const first = at(from);
  const up = isHeld(first, share);
  let best = up ? first : null;
  for (let i = 1; i <= REFINE_STEPS; i += 1) {
    const run = at(from + (up ? i : -i) * REFINE);
    if (isHeld(run, share) && (best === null || run.instanceSeconds < best.instanceSeconds)) best = run;
    if (isHeld(run, share) !== up) break;
  }
  return best;
};

/** Least instance-time with at most `share` of the requests late, and what it would have been late. */
export const clairvoyantFor = (options: PlayOptions, startMs: number, share: number): Clairvoyant => {
  const { application, trace } = options;
  const planner = new CapacityPlanner(application);
  const over =
    (played: Trace) =>
    (logPrice: number): RunResult =>
      play(
        { ...options, trace: played },
        perSecond(application, played, (rate) => planner.worth(rate, Math.exp(logPrice))),
        startMs / 1_000,
      );
  const whole = over(trace);
  const near =
    traceSeconds(trace) > LONG_S ? refine(whole, share, search(over(partOf(trace)), share).logPrice) : null;
  const { instanceSeconds, requests, late, ready } = near ?? search(whole, share).run;
  return { instanceSeconds, requests, late, ready };
};
