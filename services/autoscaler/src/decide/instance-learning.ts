/**
 * Learns what one instance of a component can do from what is measured anyway. Time spent in dependencies is taken out, so
 * that a slow third party never looks like a want of instances. Must never learn service time from congested windows
 * (latency then contains the queue) nor capacity from idle ones (throughput then is only the demand).
 */
import { startMsOf } from './horizon.js';
import { gainOver } from './cadence.js';
import {
  chooseWindow,
  minuteOf,
  ownTimeOf,
  perInstance,
  steadier,
  sureRateOf,
  usable,
  type InstanceWindow,
  type OwnTime,
} from './instance-window.js';
import {
  capacityOf,
  concurrencyOf,
  EMPTY_MODEL,
  parallelOf,
  possibleOf,
  serviceSpread,
  surelyBusy,
  type InstanceModel,
} from './instance-model.js';
import type { ComponentObservation, RequestWindow } from './observation.js';
import type { Draft } from './policy.js';
import { utilisationAt } from './queueing.js';

/** Response time up to this multiple of the service time counts as without queueing, from the other one on as saturated. */
const CALM_RATIO = 1.3;
const SATURATED_RATIO = 2;
/** Fewer requests at work per instance than this many times those it was seen to bear, and something waits only by chance. */
const WAITING_BUSY_MIN = 1.2;
const IDLE_BUSY_MAX = 0.3;
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
 * by chance: only what a longer one says as well is believed, and of more than before the lesser.
 */
const learnService = (
  model: Draft<InstanceModel>,
  observation: ComponentObservation,
  window: RequestWindow,
  seen: InstanceWindow,
  { calm, longer }: { readonly calm: boolean; readonly longer: boolean },
): void => {
  const { serviceKnown, serviceMs } = model;
  const isLess = seen.ownMs < serviceMs;
  if (!isLess && !calm) return;
  const other = serviceKnown ? steadier(observation, window) : window;
  const steady: OwnTime = other === window ? seen : ownTimeOf(observation, other);
  if (steady.ownMs < serviceMs !== isLess) return;
  const told = isLess || steady.ownMs < seen.ownMs ? steady : seen;
  const blurred = serviceKnown && seen.rate > UNBLURRED_LOAD_MAX * capacityOf(model, 0);
  const gains = seen.outsideMs > 0 ? GAINS_OF_A_DIFFERENCE : GAINS;
  const usual = isLess ? gains.less : longer ? gains.longer : blurred ? gains.blurred : gains.more;
  // Of windows that overlap each tells little that is new, unless all of them are far below.
  const isFar = CALM_RATIO * told.ownMs < serviceMs;
  const gain = Math.max(gainOver(usual, isFar ? seen.tells : seen.fresh * seen.tells), firstGain(model));
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

/** Of calm windows the mean of so many seconds is taken, which of few requests says more than any of them. */
const CALM_S = 300;
/** Standard deviations that it may be above what is usual by chance: it is looked at anew but every few minutes. */
const CALM_DEVIATIONS = 3;

const averageCalm = (model: Draft<InstanceModel>, { rate, seconds }: InstanceWindow): void => {
  model.calmS = Math.min(CALM_S, model.calmS + seconds);
  model.calmRate += Math.min(1, seconds / model.calmS) * (rate - model.calmRate);
};

const sureCalmMean = ({ calmRate, calmS }: InstanceModel, ready: number): number =>
  calmRate - CALM_DEVIATIONS * Math.sqrt(calmRate / (calmS * ready));

/** The highest sure rate of windows in which nothing waited: longer ones leave less to chance. */
const sureCalmRate = (
  model: InstanceModel,
  observation: ComponentObservation,
  seen: InstanceWindow,
): number => {
  let sure = seen.sureRate;
  for (const window of [observation.requests?.last10, minuteOf(observation)]) {
    if (!usable(observation, window)) continue;
    const rate = sureRateOf(observation, window);
    const tells = rate > sure && (model.capacity === 0 || rate * model.serviceMs > 1_000 * model.provenBusy);
    if (tells && ownTimeOf(observation, window).ownMs < CALM_RATIO * model.serviceMs) sure = rate;
  }
  return Math.max(sure, sureCalmMean(model, observation.ready));
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
  model: InstanceModel,
  observation: ComponentObservation,
  seconds: number,
  contradicted: boolean,
): number => {
  const { capacity, measuredCapacity } = model;
  const crept = measuredCapacity * CREEP_MAX;
  const further = (capacity < crept ? CREEP_PER_S : DOUBT_PER_S) ** seconds;
  const usual = Math.min(capacity * further, Math.max(crept, possibleOf(model)));
  if (model.unmet <= model.patience) return usual;
  return Math.max(usual, contradicted ? capacity * stretchOver(seconds, observation) : capacity);
};

const learnCalm = (
  model: Draft<InstanceModel>,
  observation: ComponentObservation,
  seen: InstanceWindow,
): void => {
  endSaturated(model);
  averageCalm(model, seen);
  const sureRate = sureCalmRate(model, observation, seen);
  model.provenBusy = Math.max(model.provenBusy, Math.min(seen.busy, (sureRate * model.serviceMs) / 1_000));
  model.hinted = Math.max(0, model.hinted - seen.seconds);
  if (model.limit > 0 && sureRate > REFUTED_MIN * model.limit) forgetLimit(model);
  if (model.capacity === 0) {
    const isFull = sureRate > STRETCH_LOAD_MIN * capacityOf(model, 0);
    if (isFull) model.stretch = Math.min(STRETCH_MAX, model.stretch * stretchOver(seen.seconds, observation));
    return;
  }
  const contradicted = contradictsLimit(model, observation);
  if (contradicted) model.unmet += seen.seconds;
  model.measuredCapacity = Math.max(model.measuredCapacity, seen.sureRate);
  model.capacity = Math.max(seen.sureRate, doubted(model, observation, seen.seconds, contradicted));
};

/** Nothing waited although more was completed: it was no limit, and how much an instance bears is unknown again. */
const forgetLimit = (model: Draft<InstanceModel>): void => {
  const { capacity, measuredCapacity, limit, stretch, unmet } = EMPTY_MODEL;
  Object.assign(model, { capacity, measuredCapacity, limit, stretch, unmet });
};

/** However often it was doubted and found again. */
const PATIENCE_MAX_S = 86_400;

const learnCapacity = (model: Draft<InstanceModel>, measured: number, from: number, gain: number): void => {
  model.capacity = from + gain * (measured - from);
  model.measuredCapacity = model.capacity;
  model.limit = model.capacity;
  if (model.unmet > model.patience) model.patience = Math.min(PATIENCE_MAX_S, 2 * model.patience);
  model.unmet = 0;
  model.hinted = 0;
  // What was completed before says nothing against it: requests may have become heavier.
  model.calmRate = 0;
  model.calmS = 0;
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

/**
 * So many windows must look as if something had waited. Once in a while one does where nothing waits: the fewer requests and the less
 * alike, the more often.
 */
const HINTED_WINDOWS = 2;
/** Of what is measured in one of them: a burst looks like this, too, and windows longer than ten seconds overlap the more. */
const MODERATE_GAIN = 0.1;

/** Utilisation of a pool whose answers take `ratio` times the service time, if that is waiting. */
const utilisationOf = (model: InstanceModel, ready: number, ratio: number): number => {
  // Of arrivals by chance: within ten seconds more than that is a leap, of which this says nothing.
  const variability = (1 + Math.min(1, serviceSpread(model) ** 2)) / 2;
  return utilisationAt(ratio, ready * concurrencyOf(model), variability);
};

/** A steady window somewhat above the service time gives the utilisation by the queueing formula, and so the capacity. */
const learnModerate = (
  model: Draft<InstanceModel>,
  observation: ComponentObservation,
  chosen: RequestWindow,
): void => {
  endSaturated(model);
  const window = steadier(observation, chosen);
  if (window === observation.requests?.last1 || model.serviceMs === 0) return;
  // What the user says needs no hints: where it is wrong instances show it by being full.
  if (model.said > 0 && model.limit === 0) return;
  const seen = perInstance(observation, model, window);
  const ratio = seen.ownMs / model.serviceMs;
  const blurred = seen.outsideMs > model.serviceMs;
  if (ratio < CALM_RATIO || ratio >= SATURATED_RATIO || blurred) return;
  if (model.capacity === 0) {
    model.hinted += seen.seconds;
    if (model.hinted < HINTED_WINDOWS * window.seconds) return;
  }
  const utilisation = utilisationOf(model, observation.ready, ratio);
  // However the wait is read, an instance works on one request at least, and on as many as it was seen to work on.
  const atLeast = (1_000 * surelyBusy(model)) / seen.ownMs;
  const measured = Math.max(seen.rate / Math.max(utilisation, 0.05), atLeast);
  learnCapacity(model, measured, capacityOf(model, 0), Math.min(MODERATE_GAIN, 1 / window.seconds));
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

/**
 * Takes one observation in. `lateMs`: the latency objective, by which a start amid overload is recognised; null: none.
 * `said`: requests an instance works on at once, by the user; 0: not said.
 */
export const observeInstances = (
  state: InstanceModel,
  observation: ComponentObservation,
  lateMs: number | null,
  said = 0,
): InstanceModel => {
  const known =
    state.version === observation.version ? state : { ...EMPTY_MODEL, version: observation.version };
  const window = chooseWindow(observation);
  if (window === null) return known;
  const model: Draft<InstanceModel> = { ...known, said };
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
  learnService(model, observation, window, seen, { calm, longer });
  if (calm) learnCalm(model, observation, seen);
  else if (ratio >= SATURATED_RATIO && slow && seen.busy >= WAITING_BUSY_MIN * surelyBusy(model))
    learnSaturated(model, seen, observation.ready);
  else learnModerate(model, observation, window);
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
