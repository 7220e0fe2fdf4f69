/**
 * How often each component calls the next one per request, learned from traffic, and what therefore is on its way to a
 * component but is held up in one that calls it. By it a surge at the entry is seen by all tiers in the same second,
 * not by each when the one before it has grown. Must never learn from tiers that queue or reject: what these pass on is
 * not what they were asked, and must add nothing in calm times, when each tier sees its own load best.
 */
import type { TypeGraph } from '@mitosis/contracts';
import { own, recordByName } from './by-name.js';
import { linksOf, type Link } from './call-graph.js';
import type { ComponentMetrics } from './level-input.js';
import type { Downstream, RequestMetrics } from './observation.js';

/** Requests at work or waiting in the component itself, not in what it calls. */
type Inside = {
  readonly own: number;
  /** Growth per second, smoothed. */
  readonly growth: number;
  readonly atMs: number;
};

export type VisitsState = {
  readonly inside: { readonly [component: string]: Inside };
  /** Calls per request, by component called and by caller. */
  readonly calls: { readonly [called: string]: { readonly [caller: string]: number } };
  readonly learnedMs: number;
};

export const EMPTY_VISITS: VisitsState = { inside: {}, calls: {}, learnedMs: 0 };

/** Windows of ten seconds, looked at when they share no second. */
const LEARN_MS = 10_000;
const GAP_MS = 5_000;
/** Requests of all callers in a window of which a ratio can be told. */
const REQUESTS_MIN = 30;
const GAIN = 0.3;
const GROWTH_GAIN = 0.3;
/** Standard deviations of a second's count: of one second that stands for itself, and of the smoothed growth. */
const SUDDEN = 4;
const LASTING = 1.5;
/** Shares of the rate above which a component rejects, or fails so often that callers try again. */
const REJECTED_MAX = 0.01;
const ERRORS_MAX = 0.05;
/** Above this no number of a monitor is believed. */
const ABSURD = 1e7;

type Metrics = ReadonlyMap<string, ComponentMetrics>;

const sound = (value: number): boolean => value >= 0 && value < ABSURD;

const noiseOf = (rate: number): number => Math.sqrt(Math.max(1, rate));

const insideOf = (
  before: Inside | undefined,
  { inFlight, queued }: RequestMetrics,
  downstream: Downstream | null | undefined,
  nowMs: number,
): Inside & { readonly raw: number } => {
  const own = Math.max(0, inFlight + queued - (downstream?.inFlight ?? 0));
  const elapsedMs = before === undefined ? 0 : nowMs - before.atMs;
  if (before === undefined || !(elapsedMs > 0) || elapsedMs > GAP_MS)
    return { own, growth: 0, atMs: nowMs, raw: 0 };
  const raw = ((own - before.own) * 1_000) / elapsedMs;
  return { own, growth: before.growth + GROWTH_GAIN * (raw - before.growth), atMs: nowMs, raw };
};

/** Requests per second that a component was asked and did not pass on. */
const heldIn = (seen: Inside & { readonly raw: number }, requests: RequestMetrics): number => {
  const rate = requests.last1?.rate ?? requests.last10?.rate ?? 0;
  const noise = noiseOf(rate);
  // What it works off it passes on, also while the last ten seconds still count rejections.
  if (seen.growth < -LASTING * noise) return 0;
  const grown = seen.raw > SUDDEN * noise ? seen.raw : seen.growth > LASTING * noise ? seen.growth : 0;
  const rejected = requests.rejectedRate > REJECTED_MAX * rate ? requests.rejectedRate : 0;
  return grown + rejected;
};

const isCalm = (
  state: VisitsState['inside'],
  name: string,
  { last10, rejectedRate }: RequestMetrics,
): boolean => {
  if (last10 === null || !sound(last10.rate) || last10.errorRatio > ERRORS_MAX) return false;
  const growth = Math.abs(own(state, name)?.growth ?? 0);
  return growth <= LASTING * noiseOf(last10.rate) && rejectedRate <= REJECTED_MAX * last10.rate;
};

/**
 * One step of normalised least mean squares (Kaczmarz): exact at once for a single caller; for several the ratios become
 * those that explain the rates seen, in whatever mix these come.
 */
const learnedFor = (
  before: { readonly [caller: string]: number } | undefined,
  rates: readonly (readonly [caller: string, rate: number])[],
  rate: number,
): { readonly [caller: string]: number } => {
  const all = rates.reduce((sum, [, each]) => sum + each, 0);
  const known = (caller: string): number | undefined =>
    before === undefined ? undefined : own(before, caller);
  const from = rates.map(([caller, each]) => ({ caller, each, ratio: known(caller) ?? rate / all }));
  const error = rate - from.reduce((sum, { each, ratio }) => sum + each * ratio, 0);
  const squares = from.reduce((sum, { each }) => sum + each * each, 0);
  return Object.fromEntries(
    from.map(({ caller, each, ratio }) => [caller, Math.max(0, ratio + (GAIN * error * each) / squares)]),
  );
};

const learn = (
  state: VisitsState,
  inside: VisitsState['inside'],
  links: readonly Link[],
  metrics: Metrics,
): VisitsState['calls'] => {
  const calls = recordByName<{ readonly [caller: string]: number }>();
  for (const { name, callers } of links) {
    if (callers.length === 0) continue;
    const before = own(state.calls, name);
    if (before !== undefined) calls[name] = before;
    const called = metrics.get(name)?.requests;
    if (called === undefined || !isCalm(inside, name, called)) continue;
    const seen = callers.map((caller) => [caller, metrics.get(caller)?.requests] as const);
    if (seen.some(([caller, requests]) => requests === undefined || !isCalm(inside, caller, requests)))
      continue;
    const rates = seen.map(([caller, requests]) => [caller, requests?.last10?.rate ?? 0] as const);
    const requests = 10 * rates.reduce((sum, [, rate]) => sum + rate, 0);
    if (requests >= REQUESTS_MIN) calls[name] = learnedFor(before, rates, called.last10?.rate ?? 0);
  }
  return calls;
};

export interface VisitsStep {
  readonly state: VisitsState;
  /** Requests per second on their way to each component that those which call it hold up; absent: none. */
  readonly heldBack: ReadonlyMap<string, number>;
}

const NOTHING: ReadonlyMap<string, number> = new Map();

/** `downstreamOf`: of components that call others. Without metrics nothing changes, and nothing is known to come. */
export const observeVisits = (
  state: VisitsState,
  typeGraph: TypeGraph,
  metrics: Metrics | null,
  nowMs: number,
  downstreamOf: (component: string) => Downstream | null | undefined,
): VisitsStep => {
  const links = linksOf(typeGraph);
  if (metrics === null || links.length === 0) return { state, heldBack: NOTHING };
  const inside = recordByName<Inside>();
  const heldBack = new Map<string, number>();
  const passedLess = new Map<string, number>();
  for (const { name, callers, calls } of links) {
    const requests = metrics.get(name)?.requests;
    if (requests === undefined || !sound(requests.inFlight) || !sound(requests.queued)) continue;
    const before = own(state.inside, name);
    const seen = insideOf(before, requests, calls ? downstreamOf(name) : null, nowMs);
    inside[name] = { own: seen.own, growth: seen.growth, atMs: nowMs };
    const ratios = own(state.calls, name);
    const onItsWay = callers.reduce((sum, caller) => {
      const ratio = ratios === undefined ? 0 : (own(ratios, caller) ?? 0);
      return sum + ratio * (passedLess.get(caller) ?? 0);
    }, 0);
    if (onItsWay > 0) heldBack.set(name, onItsWay);
    const less = onItsWay + (calls ? heldIn(seen, requests) : 0);
    if (sound(less)) passedLess.set(name, less);
  }
  const due = state.learnedMs === 0 || nowMs - state.learnedMs >= LEARN_MS || nowMs < state.learnedMs;
  return {
    state: {
      inside,
      calls: due ? learn(state, inside, links, metrics) : state.calls,
      learnedMs: due ? nowMs : state.learnedMs,
    },
    heldBack,
  };
};

/** Requests each component sees per request at the entry, as far as the ratios are known. */
export const visitsFrom = (
  state: VisitsState,
  typeGraph: TypeGraph,
  entry: string,
): ReadonlyMap<string, number> => {
  const visits = new Map<string, number>([[entry, 1]]);
  for (const { name, callers } of linksOf(typeGraph)) {
    const ratios = own(state.calls, name);
    if (name === entry || ratios === undefined) continue;
    let sum: number | undefined;
    for (const caller of callers) {
      const of = visits.get(caller);
      const ratio = own(ratios, caller);
      if (of !== undefined && ratio !== undefined) sum = (sum ?? 0) + of * ratio;
    }
    if (sum !== undefined) visits.set(name, sum);
  }
  return visits;
};
