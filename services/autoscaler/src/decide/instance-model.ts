/**
 * What one instance of a component can do, as far as it is known: service time without queueing, the concurrency it was seen
 * to bear, the throughput at which it saturates; and what follows from that. Learned in `instance-learning.ts`.
 */
import { deviationShare } from './queueing.js';

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
  /** Requests an instance works on at once, as the user says; 0: not said. */
  readonly said: number;
  /** Completed per second and instance in windows in which nothing waited, on average, and over how many seconds. */
  readonly calmRate: number;
  readonly calmS: number;
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

/** At first; twice as long each time that a limit was doubted and measured again. */
const PATIENCE_S = 600;

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
  said: 0,
  calmRate: 0,
  calmS: 0,
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

/** Requests at once that an instance surely works on. */
export const surelyBusy = ({ provenBusy }: InstanceModel): number => Math.max(1, provenBusy);

/** Concurrency may grow this far beyond what was proven before more instances are wanted to be safe. */
const UNPROVEN_GROWTH = 1.4;
/** Instances that were never seen to bear more than one request at a time may grow by this only: most have one worker. */
const SINGLE_GROWTH = 1.1;
/** More at once than the first, without waiting, may be an error of the service time; more than the second is another worker. */
const SINGLE_BUSY_MAX = 1.1;
const SEVERAL_BUSY_MIN = 1.25;
/** A request that uses its service time on the CPU to at least this share is limited by the CPU. */
const CPU_BOUND_SHARE = 0.5;

/** Standard deviation of service times over their mean; 1 while nothing is known. */
export const serviceSpread = ({ serviceMs, serviceP95Ms }: InstanceModel): number =>
  serviceMs > 0 ? deviationShare(serviceP95Ms / serviceMs) : 1;

/** Servers one instance counts for in the queueing model: at least one, at most what keeps its formulas cheap. */
const CONCURRENCY_MAX = 32;

/** Requests at once, by Little's law, when an instance completes what it can. */
export const parallelOf = (model: InstanceModel): number =>
  Math.max(1, (capacityOf(model, 0) * model.serviceMs) / 1_000);

export const concurrencyOf = (model: InstanceModel): number =>
  Math.min(CONCURRENCY_MAX, Math.round(parallelOf(model)));

/** Requests at once that an instance is taken to bear while its limit was never seen. */
const assumedBusy = ({ said, provenBusy, stretch }: InstanceModel): number => {
  if (said > 0) return Math.max(said, provenBusy);
  const one = Math.max(stretch, SINGLE_GROWTH * provenBusy);
  const several = Math.max(2, UNPROVEN_GROWTH * provenBusy);
  const beyond = (provenBusy - SINGLE_BUSY_MAX) / (SEVERAL_BUSY_MIN - SINGLE_BUSY_MAX);
  return one + Math.min(1, Math.max(0, beyond)) * (several - one);
};

/** Several requests at once are asked of an instance, and how many it bears was never seen. */
export const isGuessed = ({ capacity, said, provenBusy }: InstanceModel): boolean =>
  capacity === 0 && said === 0 && provenBusy > SINGLE_BUSY_MAX;

/**
 * Requests per second one instance completes at most; 0: unknown. Measured where it was seen; else the concurrency that is
 * said, or it proved plus some, at least one request at a time, and no more than `cpus` (0: no limit) allow when the CPU limits it.
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

/** Where a request takes this many times as long, what was completed when it did not says nothing. */
const SLOWER_MIN = 1.3;

/** What an instance may be able to complete, whatever was measured; 0: nothing is known. */
export const possibleOf = ({ serviceKnown, serviceMs, provenRate, provenMs }: InstanceModel): number => {
  if (!serviceKnown) return 0;
  const single = 1_000 / serviceMs;
  return serviceMs < SLOWER_MIN * provenMs ? Math.max(single, provenRate) : single;
};
