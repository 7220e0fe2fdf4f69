/**
 * `kpa`: Knative's pod autoscaler, faithful to its code: the average of a long, stable window decides, until that of a
 * short one wants twice what is ready; then, in panic, the count never falls until a stable window has passed without.
 * Requests that wait count as load, which makes it strong in overload.
 */
import type { KpaPolicy } from '@mitosis/contracts';
import type { ComponentObservation } from '../decide/observation.js';
import { hold, type PolicyStep, type Recommendation, type ScalingPolicyPlugin } from '../decide/policy.js';

type Sample = readonly [atMs: number, value: number];

type KpaState = {
  /** Oldest first; of the stable window. */
  readonly samples: readonly Sample[];
  readonly lastTickMs: number;
  /** Since when it panics; 0: it does not. */
  readonly panicMs: number;
  readonly panicCount: number;
  /** Answers of the delay window. */
  readonly answers: readonly Sample[];
};

/** Knative's tick. */
const TICK_MS = 2_000;

const sampleOf = ({ requests }: ComponentObservation, { metric }: KpaPolicy): number | null => {
  if (requests === null || (requests.last1 === null && requests.queued === 0)) return null;
  return metric === 'concurrency' ? requests.inFlight + requests.queued : (requests.last1?.rate ?? null);
};

/** null: no sample in the window. */
const averageSince = (samples: readonly Sample[], fromMs: number): number | null => {
  let sum = 0;
  let count = 0;
  for (let i = samples.length - 1; i >= 0; i -= 1) {
    const sample = samples[i];
    if (sample === undefined || sample[0] <= fromMs) break;
    sum += sample[1];
    count += 1;
  }
  return count === 0 ? null : sum / count;
};

interface Wanted {
  readonly stable: number;
  readonly panic: number;
  readonly over: boolean;
}

const wantedOf = (ready: number, stable: number, panic: number, options: KpaPolicy): Wanted => {
  const pods = Math.max(1, ready);
  const most = Math.ceil(options.upRateMax * pods);
  const least = Math.floor(pods / options.downRateMax);
  const within = (count: number): number => Math.min(Math.max(count, least), most);
  const wantedInPanic = Math.ceil(panic / options.target);
  return {
    stable: within(Math.ceil(stable / options.target)),
    panic: within(wantedInPanic),
    over: wantedInPanic / pods >= options.panicThreshold,
  };
};

/** The panic goes on while it is over the threshold, and a stable window beyond. */
const panicOf = (state: KpaState, nowMs: number, { over }: Wanted, { stableWindowMs }: KpaPolicy): number => {
  if (over) return nowMs;
  return state.panicMs > 0 && nowMs - state.panicMs <= stableWindowMs ? state.panicMs : 0;
};

const describe = (wanted: Wanted, count: number, panics: boolean, options: KpaPolicy): Recommendation => {
  const mode = panics
    ? `in panic: ${wanted.panic} by the last ${(options.panicWindow * options.stableWindowMs) / 1_000} s, never fewer`
    : `${wanted.stable} by the last ${options.stableWindowMs / 1_000} s`;
  return {
    count,
    reason: `${options.metric} target ${options.target} per instance: ${mode}`,
    predicted: null,
    inputs: { metric: options.metric, stable: wanted.stable, panic: wanted.panic, panics },
  };
};

const tick = (
  state: KpaState,
  observation: ComponentObservation,
  options: KpaPolicy,
): PolicyStep<KpaState> => {
  const { nowMs, ready } = observation;
  const stable = averageSince(state.samples, nowMs - options.stableWindowMs);
  const panic = averageSince(state.samples, nowMs - options.panicWindow * options.stableWindowMs);
  const ticked = { ...state, lastTickMs: nowMs };
  if (stable === null || panic === null) {
    return { state: ticked, recommendation: hold(observation, `no fresh ${options.metric}`) };
  }
  const wanted = wantedOf(ready, stable, panic, options);
  const panicMs = panicOf(state, nowMs, wanted, options);
  const panics = panicMs > 0;
  const panicCount = panics ? Math.max(state.panicCount, wanted.stable, wanted.panic) : 0;
  const answer = panics ? panicCount : wanted.stable;
  const answers =
    options.downDelayMs === 0
      ? state.answers
      : [...state.answers.filter(([atMs]) => nowMs - atMs < options.downDelayMs), [nowMs, answer] as const];
  const delayed = Math.max(answer, ...answers.map(([, count]) => count));
  return {
    state: { ...ticked, panicMs, panicCount, answers },
    recommendation: describe(wanted, delayed, panics, options),
  };
};

const step = (
  state: KpaState,
  observation: ComponentObservation,
  options: KpaPolicy,
): PolicyStep<KpaState> => {
  const { nowMs } = observation;
  const value = sampleOf(observation, options);
  // Knative would go on with what is left in its windows; here nothing is concluded from silence.
  if (value === null) return { state, recommendation: hold(observation, `no fresh ${options.metric}`) };
  const oldest = state.samples[0];
  const kept =
    oldest !== undefined && nowMs - oldest[0] >= options.stableWindowMs
      ? state.samples.filter(([atMs]) => nowMs - atMs < options.stableWindowMs)
      : state.samples;
  const sampled: KpaState = { ...state, samples: [...kept, [nowMs, value]] };
  return nowMs - state.lastTickMs < TICK_MS - 500
    ? { state: sampled, recommendation: hold(observation, 'its next look is not due yet') }
    : tick(sampled, observation, options);
};

export const kpa = {
  summary: "Knative's autoscaler: a stable and a panic window over concurrency or requests per second",
  initial: (): KpaState => ({ samples: [], lastTickMs: 0, panicMs: 0, panicCount: 0, answers: [] }),
  step,
} satisfies ScalingPolicyPlugin<KpaPolicy, KpaState>;
