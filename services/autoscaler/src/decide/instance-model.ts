/**
 * What one instance of a component can do, learned from what is measured anyway: service time without queueing, the
 * concurrency it was seen to bear, and the throughput at which it saturates. Time spent in dependencies is taken out, so
 * that a slow third party never looks like a want of instances. Must never learn service time from congested windows
 * (latency then contains the queue) nor capacity from idle ones (throughput then is only the demand).
 */
import { startMsOf } from './horizon.js';
import { gainOver } from './cadence.js';
import { chooseWindow, perInstance, sureRateOf, usable, type InstanceWindow } from './instance-window.js';
import type { ComponentObservation, RequestWindow } from './observation.js';
import type { Draft } from './policy.js';
import { deviationShare, utilisationAt } from './queueing.js';

export type InstanceModel = {
  /** The version this was learned of; another one starts anew. */
  readonly version: string;
  /** Mean time a request is in an instance without waiting, dependencies not counted; 0: unknown. */
  readonly serviceMs: number;
  /** 95th percentile likewise. */
  readonly serviceP95Ms: number;
  /** False while only congested windows were seen: the true service time is at most `serviceMs`. */
  readonly serviceKnown: boolean;
  /** Completed per second and instance while only congested windows were seen, smoothed: it completes that at least. */
  readonly congestedRate: number;
  /** Windows that service time was learned from, counted up to FIRST_WINDOWS. */
  readonly windows: number;
  /** Requests per second one instance can complete, measured at or near saturation; 0: never seen there. */
  readonly capacity: number;
  /** The last measurement behind `capacity`, which creeps above it in calm times. */
  readonly measuredCapacity: number;
  /** The last measurement itself; 0: none. */
  readonly limit: number;
  /** Seconds in which something waited a little, less those in which nothing did, until that is taken for a limit. */
  readonly hinted: number;
  /** Seconds without waiting at nearly the capacity since it was measured, and how many of them make it doubtful. */
  readonly unmet: number;
  readonly patience: number;
  /** Highest concurrency per instance seen while nothing waited. */
  readonly provenBusy: number;
  /** Requests at once that an instance which was never seen to bear several is taken to bear. */
  readonly stretch: number;
  /** Highest rate per instance ever completed, but for chance, and the service time then. */
  readonly provenRate: number;
  readonly provenMs: number;
  /** CPU seconds per request; 0: unknown. */
  readonly cpuS: number;
  /** Requests at work per instance, smoothed over about two samples. */
  readonly busy: number;
  /** Saturated windows in a row; those of them that no measurement was made of yet, and the sum of their rates per instance. */
  readonly saturatedRuns: number;
  readonly unmeasured: number;
  readonly unmeasuredRate: number;
  /** Time per request that dependencies take usually; falls fast, rises within about a minute. */
  readonly outsideMs: number;
};

/** At first, and at most: twice as long each time that it was doubted and measured again. */
const PATIENCE_S = 600;
const PATIENCE_MAX_S = 86_400;

export const EMPTY_MODEL: InstanceModel = {
  version: '',
  serviceMs: 0,
  serviceP95Ms: 0,
  serviceKnown: false,
  congestedRate: 0,
  windows: 0,
  capacity: 0,
  measuredCapacity: 0,
  limit: 0,
  hinted: 0,
  unmet: 0,
  patience: PATIENCE_S,
  provenBusy: 0,
  stretch: 1,
  provenRate: 0,
  provenMs: 0,
  cpuS: 0,
  busy: 0,
  saturatedRuns: 0,
  unmeasured: 0,
  unmeasuredRate: 0,
  outsideMs: 0,
};

/** Response time up to this multiple of the service time counts as without queueing, from the other one on as saturated. */
const CALM_RATIO = 1.3;
const SATURATED_RATIO = 2;
/** Fewer requests at work per instance than this many times those it was seen to bear, and something waits only by chance. */
const WAITING_BUSY_MIN = 1.2;
const IDLE_BUSY_MAX = 0.3;
/** Concurrency may grow this far beyond what was proven before more instances are wanted to be safe. */
const UNPROVEN_GROWTH = 1.4;
/** Instances that were never seen to bear more than one request at a time may grow by this only: most have one worker. */
const SINGLE_GROWTH = 1.1;
/** More at once than the first, without waiting, may be an error of the service time; more than the second is another worker. */
const SINGLE_BUSY_MAX = 1.1;
const SEVERAL_BUSY_MIN = 1.25;
/**
 * Where one request at a time is all that was seen, because never more was asked, more is tried while nothing waits at more than
 * STRETCH_LOAD_MIN of what is assumed: up to what tells several workers from one, by so much a second, and in the time of a start by
 * no more than the other. One worker shows by its waits that it is one, and is short until another has started.
 */
const STRETCH_PER_S = 0.0005;
const STRETCH_PER_START = 0.0075;
const STRETCH_LOAD_MIN = 0.7;
const STRETCH_MAX = 1.5;
/** In calm times a measured capacity is doubted upwards, slowly and not far: what limited it may be gone. */
const CREEP_PER_S = 1.001;
const CREEP_MAX = 1.02;
/**
 * A measurement below one request at a time, or below what was completed once, may be wrong altogether; it is doubted until that,
 * within about half an hour.
 */
const DOUBT_PER_S = 1.0003;
/**
 * A limit of which nothing is seen for long, although nearly as much is asked, is doubted beyond all that, as slowly as one that was
 * never seen; where nothing waits at so many times of it, it was none.
 */
const REFUTED_MIN = 1.25;
/** Where a request takes this many times as long, what was completed when it did not says nothing. */
const SLOWER_MIN = 1.3;
/** A request that uses its service time on the CPU to at least this share is limited by the CPU. */
const CPU_BOUND_SHARE = 0.5;

/** Requests at once that an instance surely works on. */
const surelyBusy = ({ provenBusy }: InstanceModel): number => Math.max(1, provenBusy);

/** Of the time in dependencies that was taken out: the rest may be that much too large by chance. */
const BLUR_SHARE = 0.15;

/** How much longer a request takes than without a queue: measured on the completed, and by Little's law on those inside. */
const congestion = (model: InstanceModel, seen: InstanceWindow): number => {
  const impliedByLittle = seen.rate > 0 && seen.busy >= WAITING_BUSY_MIN ? seen.busy / seen.rate : 0;
  const surelyMs = Math.max(seen.ownMs - BLUR_SHARE * seen.outsideMs, Math.min(seen.ownMs, model.serviceMs));
  return Math.max(surelyMs / 1_000, impliedByLittle) / (model.serviceMs / 1_000);
};

/** Above this load some of the time is waiting, however little: taken for service it would raise what counts as calm. */
const UNBLURRED_LOAD_MAX = 0.7;

/** Of the service time: where it is less, more, more but blurred, and so much more that it could be waiting but for Little's law. */
const GAINS = { less: 0.2, more: 0.05, blurred: 0.001, longer: 0.01 } as const;
/** A difference of two measurements is often too small by chance: taken over quickly it would be the least of many. */
const GAINS_OF_A_DIFFERENCE = { less: 0.03, more: 0.03, blurred: 0.01, longer: 0.01 } as const;

/**
 * An instance's first requests are slower than it will ever be again (code is loaded, connections are opened). As many windows
 * count as a mean in which the first weigh least (polynomial decay: of n windows the last weighs 2 / (n + 1)).
 */
const FIRST_WINDOWS = 10;

const firstGain = ({ windows }: InstanceModel): number => (windows < FIRST_WINDOWS ? 2 / (windows + 2) : 0);

/**
 * What a window changes of what a request takes. Of few requests, or of such that take unlike long, every second one is below the mean
 * by chance: only what ten seconds say as well is believed, and of more than before the lesser.
 */
const learnService = (
  model: Draft<InstanceModel>,
  observation: ComponentObservation,
  seen: InstanceWindow,
  { calm, longer }: { readonly calm: boolean; readonly longer: boolean },
): void => {
  const { serviceKnown, serviceMs } = model;
  const isLess = seen.ownMs < serviceMs;
  if (!isLess && !calm) return;
  const { last10 } = observation.requests ?? {};
  const steady = serviceKnown && usable(observation, last10) ? perInstance(observation, model, last10) : seen;
  if (steady.ownMs < serviceMs !== isLess) return;
  const told = isLess || steady.ownMs < seen.ownMs ? steady : seen;
  const blurred = serviceKnown && seen.rate > UNBLURRED_LOAD_MAX * capacityOf(model, 0);
  const gains = seen.outsideMs > 0 ? GAINS_OF_A_DIFFERENCE : GAINS;
  const usual = isLess ? gains.less : longer ? gains.longer : blurred ? gains.blurred : gains.more;
  const gain = Math.max(gainOver(usual, seen.tells), firstGain(model));
  model.serviceMs += gain * (told.ownMs - serviceMs);
  model.serviceP95Ms += gain * (told.ownP95Ms - model.serviceP95Ms);
  model.serviceKnown ||= calm;
  model.windows = Math.min(FIRST_WINDOWS, model.windows + 1);
};

const beginMeasurement = (model: Draft<InstanceModel>): void => {
  model.unmeasured = 0;
  model.unmeasuredRate = 0;
};

const endSaturated = (model: Draft<InstanceModel>): void => {
  model.saturatedRuns = 0;
  beginMeasurement(model);
};

/** The highest sure rate of windows in which nothing waited: longer ones leave less to chance. */
const sureCalmRate = (
  model: InstanceModel,
  observation: ComponentObservation,
  seen: InstanceWindow,
): number => {
  const { downstream, requests } = observation;
  let sure = seen.sureRate;
  // Of dependencies no longer window than ten seconds is known, by which theirs could be taken out.
  for (const window of [requests?.last10, downstream === null ? requests?.last60 : null]) {
    if (!usable(observation, window)) continue;
    const rate = sureRateOf(observation, window);
    const tells = rate > sure && (model.capacity === 0 || rate * model.serviceMs > 1_000 * model.provenBusy);
    if (tells && perInstance(observation, model, window).ownMs < CALM_RATIO * model.serviceMs) sure = rate;
  }
  return sure;
};

/** Factor by which more is asked of an instance over so many seconds, to see whether anything waits then. */
const stretchOver = (seconds: number, observation: ComponentObservation): number =>
  (1 + Math.min(STRETCH_PER_S, STRETCH_PER_START / (startMsOf(observation) / 1_000))) ** seconds;

/** By servers of a pool: utilisation from which on something waits, where service varies little. */
const WAITS_FROM = Float64Array.from({ length: 65 }, (_, servers) =>
  utilisationAt(CALM_RATIO, Math.max(1, servers), 0.6),
);

/** Nothing waits although at this load something would, were the limit true: large pools show nothing until they are nearly full. */
const contradictsLimit = (model: InstanceModel, { requests, ready }: ComponentObservation): boolean => {
  if (model.limit === 0) return false;
  const servers = Math.min(WAITS_FROM.length - 1, ready * concurrencyOf(model));
  return (requests?.last10?.rate ?? 0) > (WAITS_FROM[servers] ?? 1) * model.limit * ready;
};

/** The capacity after a window in which nothing waited. */
const doubted = (
  model: Draft<InstanceModel>,
  observation: ComponentObservation,
  seen: InstanceWindow,
): number => {
  const { capacity, measuredCapacity } = model;
  const crept = measuredCapacity * CREEP_MAX;
  const further = (capacity < crept ? CREEP_PER_S : DOUBT_PER_S) ** seen.seconds;
  const usual = Math.min(capacity * further, Math.max(crept, possible(model)));
  const contradicts = contradictsLimit(model, observation);
  if (contradicts) model.unmet += seen.seconds;
  if (model.unmet <= model.patience) return usual;
  return Math.max(usual, contradicts ? capacity * stretchOver(seen.seconds, observation) : capacity);
};

const learnCalm = (
  model: Draft<InstanceModel>,
  observation: ComponentObservation,
  seen: InstanceWindow,
): void => {
  endSaturated(model);
  const sureRate = sureCalmRate(model, observation, seen);
  model.provenBusy = Math.max(model.provenBusy, Math.min(seen.busy, (sureRate * model.serviceMs) / 1_000));
  model.hinted = Math.max(0, model.hinted - seen.seconds);
  if (model.limit > 0 && sureRate > REFUTED_MIN * model.limit) forgetLimit(model);
  if (model.capacity === 0) {
    const isFull = sureRate > STRETCH_LOAD_MIN * capacityOf(model, 0);
    if (isFull) model.stretch = Math.min(STRETCH_MAX, model.stretch * stretchOver(seen.seconds, observation));
    return;
  }
  model.measuredCapacity = Math.max(model.measuredCapacity, seen.sureRate);
  model.capacity = Math.max(seen.sureRate, doubted(model, observation, seen));
};

/** Nothing waited although more was completed: it was no limit, and how much an instance bears is unknown again. */
const forgetLimit = (model: Draft<InstanceModel>): void => {
  const { capacity, measuredCapacity, limit, stretch, unmet } = EMPTY_MODEL;
  Object.assign(model, { capacity, measuredCapacity, limit, stretch, unmet });
};

/** What an instance may be able to complete, whatever was measured; 0: nothing is known. */
const possible = ({ serviceKnown, serviceMs, provenRate, provenMs }: InstanceModel): number => {
  if (!serviceKnown) return 0;
  const single = 1_000 / serviceMs;
  return serviceMs < SLOWER_MIN * provenMs ? Math.max(single, provenRate) : single;
};

const learnCapacity = (model: Draft<InstanceModel>, measured: number, from: number, gain: number): void => {
  model.capacity = from + gain * (measured - from);
  model.measuredCapacity = model.capacity;
  model.limit = model.capacity;
  if (model.unmet > model.patience) model.patience = Math.min(PATIENCE_MAX_S, 2 * model.patience);
  model.unmet = 0;
  model.hinted = 0;
};

/** Completions a measurement is made of: of a small pool a second's burst looks like saturation, and says little. */
const MEASURED_MIN = 100;

/**
 * Completions while everything is busy are the capacity. While a queue shrinks they are only a lower bound: it may stand
 * before some of the instances.
 */
const learnSaturated = (model: Draft<InstanceModel>, seen: InstanceWindow, ready: number): void => {
  model.saturatedRuns += 1;
  // The first saturated second is only partly so.
  if (model.saturatedRuns < 2 || (!seen.growing && seen.sureRate <= model.capacity)) return;
  model.unmeasured += seen.seconds;
  model.unmeasuredRate += seen.seconds * seen.rate;
  if (model.unmeasuredRate * ready < MEASURED_MIN) return;
  const measured = model.unmeasuredRate / model.unmeasured;
  // What was assumed before is worth nothing beside a measurement.
  if (model.capacity > 0) learnCapacity(model, measured, model.capacity, 0.3);
  else if (seen.growing) learnCapacity(model, measured, measured, 1);
  else return;
  // Completions while everything is busy say how many at once: what seemed more was not.
  model.provenBusy = Math.min(model.provenBusy, parallelOf(model));
  beginMeasurement(model);
};

/** Once in a while ten seconds look as if something had waited, where nothing does: the fewer requests and the less alike, the more often. */
const HINTED_MIN_S = 20;

/** Utilisation of a pool whose answers take `ratio` times the service time, if that is waiting. */
const utilisationOf = (model: InstanceModel, ready: number, ratio: number): number => {
  // Of arrivals by chance: within ten seconds more than that is a leap, of which this says nothing.
  const variability = (1 + Math.min(1, serviceSpread(model) ** 2)) / 2;
  return utilisationAt(ratio, ready * concurrencyOf(model), variability);
};

/** Ten steady seconds somewhat above the service time give the utilisation by the queueing formula, and so the capacity. */
const learnModerate = (model: Draft<InstanceModel>, observation: ComponentObservation): void => {
  endSaturated(model);
  const window = observation.requests?.last10;
  if (!usable(observation, window) || model.serviceMs === 0) return;
  const seen = perInstance(observation, model, window);
  const ratio = seen.ownMs / model.serviceMs;
  const blurred = seen.outsideMs > model.serviceMs;
  if (ratio < CALM_RATIO || ratio >= SATURATED_RATIO || blurred) return;
  if (model.capacity === 0) {
    model.hinted += seen.seconds;
    if (model.hinted < HINTED_MIN_S) return;
  }
  const utilisation = utilisationOf(model, observation.ready, ratio);
  // However the wait is read, an instance works on one request at least, and on as many as it was seen to work on.
  const atLeast = (1_000 * surelyBusy(model)) / seen.ownMs;
  const measured = Math.max(seen.rate / Math.max(utilisation, 0.05), atLeast);
  // One window says little: bursts look like this, too.
  learnCapacity(model, measured, capacityOf(model, 0), 0.1);
};

/** Of the requests that were inside if some waited: where there are fewer, none does. */
const WAITING_SHARE_MIN = 0.6;

/**
 * A request takes longer than it did, and it is not that it waits: with so many instances it would only if many more were inside
 * (Little's law). Taken for waiting, the service time would stay what it was, and nothing would ever be calm again.
 */
const isLonger = (model: InstanceModel, ready: number, seen: InstanceWindow): boolean => {
  const ratio = seen.ownMs / model.serviceMs;
  if (ratio < CALM_RATIO || !model.serviceKnown) return false;
  const inside = Math.max(seen.busy, (seen.rate * seen.ownMs) / 1_000);
  const waiting = utilisationOf(model, ready, ratio) * ratio * surelyBusy(model);
  return inside < WAITING_SHARE_MIN * waiting;
};

const learnCpu = (model: Draft<InstanceModel>, { usage, requests, ready }: ComponentObservation): void => {
  const rate = requests?.last10?.rate ?? 0;
  if (usage === null || usage.instancesSeen < ready || rate < 1) return;
  const seconds = usage.cpuCores / rate;
  model.cpuS = model.cpuS === 0 ? seconds : 0.9 * model.cpuS + 0.1 * seconds;
};

/** Takes one observation in. `lateMs`: the latency objective, by which a start amid overload is recognised; null: none. */
export const observeInstances = (
  state: InstanceModel,
  observation: ComponentObservation,
  lateMs: number | null,
): InstanceModel => {
  const known =
    state.version === observation.version ? state : { ...EMPTY_MODEL, version: observation.version };
  const window = chooseWindow(observation);
  if (window === null) return known;
  const model: Draft<InstanceModel> = { ...known };
  learn(model, observation, window, lateMs !== null && window.p95Ms > lateMs);
  return model;
};

const learn = (
  model: Draft<InstanceModel>,
  observation: ComponentObservation,
  window: RequestWindow,
  late: boolean,
): void => {
  const seen = perInstance(observation, model, window);
  model.busy = seen.busy;
  trackOutside(model, seen);
  learnCpu(model, observation);
  if (dependenciesDominate(model, seen)) {
    endSaturated(model);
    return;
  }
  // However long it took: what waited for a dependency and ends all at once was left out above.
  if (seen.sureRate > model.provenRate) {
    model.provenRate = seen.sureRate;
    model.provenMs = model.serviceMs === 0 ? seen.ownMs : model.serviceMs;
  }
  const bornLate = late && !model.serviceKnown;
  // Where fewer are inside than instances, what is completed is what is asked.
  if (bornLate && seen.busy >= WAITING_BUSY_MIN) trackCongested(model, seen);
  if (model.serviceMs === 0) {
    firstWindow(model, observation, seen, late);
    return;
  }
  const ratio = bornLate ? SATURATED_RATIO : congestion(model, seen);
  // By Little's law, too: a burst that has just been worked off leaves nothing inside and slow answers in the window.
  const idle = Math.max(seen.busy, (seen.rate * seen.ownMs) / 1_000) < IDLE_BUSY_MAX;
  const longer = isLonger(model, observation.ready, seen);
  const calm = idle || longer || ratio < CALM_RATIO;
  // Slow without anything waiting is a slow moment of the instances, not a want of them; many inside whose answers are as
  // quick as ever are chance. Taken for saturation both would make a capacity of what was merely asked.
  const slow = bornLate || seen.ownMs >= CALM_RATIO * model.serviceMs;
  learnService(model, observation, seen, { calm, longer });
  if (calm) learnCalm(model, observation, seen);
  else if (ratio >= SATURATED_RATIO && slow && seen.busy >= WAITING_BUSY_MIN * surelyBusy(model))
    learnSaturated(model, seen, observation.ready);
  else learnModerate(model, observation);
};

/** Of the rates of congested windows: a few requests are more or less by chance. */
const CONGESTED_GAIN = 0.1;

const trackCongested = (model: Draft<InstanceModel>, { rate, seconds }: InstanceWindow): void => {
  const gain = model.congestedRate === 0 ? 1 : gainOver(CONGESTED_GAIN, seconds);
  model.congestedRate += gain * (rate - model.congestedRate);
};

const trackOutside = (model: Draft<InstanceModel>, seen: InstanceWindow): void => {
  const gain = seen.outsideMs < model.outsideMs ? 0.3 : 0.02;
  model.outsideMs +=
    (model.serviceMs === 0 ? 1 : gainOver(gain, seen.seconds)) * (seen.outsideMs - model.outsideMs);
};

/**
 * Dependencies are much slower than usual: a small error of what they take is then as large as what the instance takes
 * itself, and nothing can be learned about it.
 */
const dependenciesDominate = (model: InstanceModel, seen: InstanceWindow): boolean =>
  seen.outsideMs > 2 * model.outsideMs && seen.outsideMs > model.serviceMs;

/** Its spread is that of a start: until the next window none is believed. */
const firstWindow = (
  model: Draft<InstanceModel>,
  observation: ComponentObservation,
  seen: InstanceWindow,
  late: boolean,
): void => {
  model.serviceMs = seen.ownMs;
  model.serviceP95Ms = seen.ownMs;
  model.serviceKnown = !late;
  model.windows = 1;
  if (!late) learnCalm(model, observation, seen);
};

/** Standard deviation of service times over their mean; 1 while nothing is known. */
export const serviceSpread = ({ serviceMs, serviceP95Ms }: InstanceModel): number =>
  serviceMs > 0 ? deviationShare(serviceP95Ms / serviceMs) : 1;

/** Servers one instance counts for in the queueing model: at least one, at most what keeps its formulas cheap. */
const CONCURRENCY_MAX = 32;

/** Requests at once, by Little's law, when an instance completes what it can. */
const parallelOf = (model: InstanceModel): number =>
  Math.max(1, (capacityOf(model, 0) * model.serviceMs) / 1_000);

export const concurrencyOf = (model: InstanceModel): number =>
  Math.min(CONCURRENCY_MAX, Math.round(parallelOf(model)));

/** Requests at once that an instance is taken to bear while its limit was never seen. */
const assumedBusy = ({ provenBusy, stretch }: InstanceModel): number => {
  const one = Math.max(stretch, SINGLE_GROWTH * provenBusy);
  const several = Math.max(2, UNPROVEN_GROWTH * provenBusy);
  const beyond = (provenBusy - SINGLE_BUSY_MAX) / (SEVERAL_BUSY_MIN - SINGLE_BUSY_MAX);
  return one + Math.min(1, Math.max(0, beyond)) * (several - one);
};

/** Several requests at once are asked of an instance, and how many it bears was never seen. */
export const isGuessed = ({ capacity, provenBusy }: InstanceModel): boolean =>
  capacity === 0 && provenBusy > SINGLE_BUSY_MAX;

/**
 * Requests per second one instance completes at most; 0: unknown. Measured where it was seen; else the concurrency it
 * proved plus some, at least one request at a time, and no more than `cpus` (0: no limit) allow when the CPU limits it.
 */
export const capacityOf = (model: InstanceModel, cpus: number): number => {
  if (model.capacity > 0) return model.capacity;
  if (model.serviceMs === 0) return 0;
  const assumed = assumedBusy(model) / (model.serviceMs / 1_000);
  const cpuBound = cpus > 0 && model.cpuS >= (CPU_BOUND_SHARE * model.serviceMs) / 1_000;
  const byCpu = cpuBound ? cpus / model.cpuS : Infinity;
  const congested = model.serviceKnown ? 0 : model.congestedRate;
  return Math.max(Math.min(assumed, byCpu), model.provenRate, congested);
};
