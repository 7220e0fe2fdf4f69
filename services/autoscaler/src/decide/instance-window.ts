/** What a window of a component's requests says of one of its instances: dependencies taken out, chance allowed for. Pure. */
import type { ComponentObservation, Downstream, RequestWindow } from './observation.js';

/** What a request takes in an instance itself, by a window, in ms. */
export interface OwnTime {
  readonly ownMs: number;
  readonly ownP95Ms: number;
  /** Time in dependencies that was taken out. */
  readonly outsideMs: number;
}

/** The share of a window that belongs to one instance. */
export interface InstanceWindow extends OwnTime {
  /** That were not looked at before, however long the window is. */
  readonly seconds: number;
  /** Windows of a second that tell as much of what a request takes: of few requests fewer than seconds. */
  readonly tells: number;
  /** Share of the window that was not looked at before, 0..1. */
  readonly fresh: number;
  readonly rate: number;
  /** What the rate is at least, but for chance: the highest of many windows must not count as proven. */
  readonly sureRate: number;
  /** Requests at work per instance, smoothed. */
  readonly busy: number;
  /** More of them than before: what arrives is more than what is completed. */
  readonly growing: boolean;
}

/** Requests a window needs before its mean says something. */
const REQUESTS_MIN = 10;
/** However long a window is, it is one look. */
const TELLS_MAX = 4;

export const usable = (
  observation: ComponentObservation,
  window: RequestWindow | null | undefined,
): window is RequestWindow =>
  window !== null &&
  window !== undefined &&
  observation.ready > 0 &&
  window.rate * window.seconds >= REQUESTS_MIN &&
  observation.nowMs - observation.readyStableSinceMs >= (window.seconds + 1) * 1_000;

/** Rejections are counted over ten seconds: beside them a single second does not say what instances completed. */
const REJECTED_SHARE_MAX = 0.001;

/** Null where it is of no use: of dependencies no longer window than ten seconds is known, by which theirs could be taken out. */
export const minuteOf = ({ downstream, requests }: ComponentObservation): RequestWindow | null =>
  downstream === null ? (requests?.last60 ?? null) : null;

/** The shortest window with enough requests over which the set of ready instances did not change. */
export const chooseWindow = (observation: ComponentObservation): RequestWindow | null => {
  const { last1, last10, rejectedRate = 0 } = observation.requests ?? {};
  const rejecting = rejectedRate > REJECTED_SHARE_MAX * (last10?.rate ?? 0);
  if (!rejecting && usable(observation, last1)) return last1;
  if (usable(observation, last10)) return last10;
  const minute = minuteOf(observation);
  return usable(observation, minute) ? minute : null;
};

/** A longer window than the chosen one: what both say is no chance. The chosen one itself where none is longer. */
export const steadier = (observation: ComponentObservation, chosen: RequestWindow): RequestWindow => {
  const { last1, last10 } = observation.requests ?? {};
  const longer = chosen === last1 ? last10 : minuteOf(observation);
  return usable(observation, longer) ? longer : chosen;
};

/** Standard deviations of a count that a window may be above the mean by chance. */
const CHANCE_DEVIATIONS = 4;

/** Of the model so far: service time, 0 while unknown, and requests at work per instance, smoothed. */
interface Known {
  readonly serviceMs: number;
  readonly busy: number;
}

/** What is left of the spread when that of the dependencies is taken out: squares add. */
const ownSpreadMs = (window: RequestWindow, downstream: Downstream | null): number => {
  const whole = Math.max(0, window.p95Ms - window.meanMs);
  return Math.sqrt(Math.max(0, whole ** 2 - (downstream?.spreadMs ?? 0) ** 2));
};

/** What an instance completed at least, but for chance. */
export const sureRateOf = ({ ready, requests }: ComponentObservation, window: RequestWindow): number =>
  Math.max(
    0,
    window.rate - (requests?.rejectedRate ?? 0) - CHANCE_DEVIATIONS * Math.sqrt(window.rate / window.seconds),
  ) / ready;

const outsideMsOf = ({ downstream, requests }: ComponentObservation, window: RequestWindow): number => {
  if (downstream === null) return 0;
  const measuredMs = window === requests?.last1 ? downstream.last1Ms : downstream.last10Ms;
  return Math.min(measuredMs ?? downstream.last10Ms ?? 0, 0.95 * window.meanMs);
};

export const ownTimeOf = (observation: ComponentObservation, window: RequestWindow): OwnTime => {
  const outsideMs = outsideMsOf(observation, window);
  const ownMs = Math.max(window.meanMs - outsideMs, 0.01);
  return { ownMs, ownP95Ms: ownMs + ownSpreadMs(window, observation.downstream), outsideMs };
};

export const perInstance = (
  observation: ComponentObservation,
  model: Known,
  window: RequestWindow,
): InstanceWindow => {
  const { ready, downstream, requests } = observation;
  const { ownMs, ownP95Ms, outsideMs } = ownTimeOf(observation, window);
  const seconds = requests?.last1?.seconds ?? 1;
  const busyNow = Math.max(0, (requests?.inFlight ?? 0) - (downstream?.inFlight ?? 0)) / ready;
  return {
    seconds,
    tells: Math.min(seconds, TELLS_MAX, Math.max(1, (window.rate * seconds) / REQUESTS_MIN)),
    fresh: Math.min(1, seconds / window.seconds),
    rate: Math.max(0, window.rate - (requests?.rejectedRate ?? 0)) / ready,
    sureRate: sureRateOf(observation, window),
    ownMs,
    ownP95Ms,
    outsideMs,
    busy: model.serviceMs === 0 ? busyNow : 0.5 * (model.busy + busyNow),
    growing: busyNow >= model.busy,
  };
};
