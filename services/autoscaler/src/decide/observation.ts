/**
 * What a scaling policy may know about one component at one moment: plain data, so that the same policies run in
 * production, in tests and in `mitosis simulate`. `null` always means unknown; it must never be read as zero.
 */
import type { ComponentName, Objective, Resources, Scale } from '@mitosis/contracts';
import type { Outlook } from './demand-outlook.js';

/** One window of requests. A window without fresh samples is represented by null, never by zeros. */
export interface RequestWindow {
  readonly seconds: number;
  /** Completed requests per second (TCP: connections), those the router rejected included. */
  readonly rate: number;
  /** 0..1 */
  readonly errorRatio: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly meanMs: number;
}

export interface RequestMetrics {
  readonly last1: RequestWindow | null;
  readonly last10: RequestWindow | null;
  readonly last60: RequestWindow | null;
  /** Requests at instances now, over all routers. */
  readonly inFlight: number;
  /** Requests held by the routers for want of an endpoint. */
  readonly queued: number;
  /** Per second over the last 10 s: answered by the router itself because no endpoint could take them. */
  readonly rejectedRate: number;
}

export interface ResourceMetrics {
  /** Sum over the instances seen, last 10 s. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly instancesSeen: number;
}

/** Where this component's requests are while they are not at work in it: no instance of its own can shorten that. */
export interface Downstream {
  /** Time spent in dependencies per request of this component, in the last second and the last ten; null: unknown. */
  readonly last1Ms: number | null;
  readonly last10Ms: number | null;
  /** How far the 95th percentile of that time is above its mean, calls taken as independent; 0: unknown. */
  readonly spreadMs: number;
  /** Its requests that are in dependencies now. */
  readonly inFlight: number;
}

/** The last answer of an external policy. */
export interface ExternalAnswer {
  readonly count: number;
  readonly reason: string;
  readonly predicted: { readonly percentile: number; readonly ms: number } | null;
  /** When it came. */
  readonly atMs: number;
}

/** What may come to the entry of the level, as the entry itself foretells it. */
export interface EntryForecast {
  /** Requests per second there now. */
  readonly level: number;
  /** How far ahead it looks. */
  readonly horizonMs: number;
  readonly outlook: Outlook;
}

/**
 * What the objective of a component is judged by where that is a share of the level's: the requests at the entry. Lateness
 * there is the sum of what all components on the way cause, and is to be paid for where that is cheapest.
 */
export interface EndToEnd {
  /** Of the entry, last 10 s. */
  readonly window: RequestWindow | null;
  /** Per second: refused by any component on the way. */
  readonly rejectedRate: number;
  /** The level's bound, or the entry's own where that is stricter. */
  readonly boundMs: number;
  /** Its percentile, 0..100. */
  readonly percentile: number;
  /** Requests of this component per request at the entry, above 0. */
  readonly visits: number;
  /**
   * Late requests that capacity for one request a second at the entry must save, where that is dearest: a tier that buys
   * for a surge which another lets pass buys for nothing. Natural logarithm; null: no tier knows a price yet.
   */
  readonly price: number | null;
  /** null: nothing is known yet, how often this component is called is not, or it is the entry. */
  readonly forecast: EntryForecast | null;
  /** Most of the lateness lies in what the level does not scale itself. */
  readonly excused: boolean;
}

export interface ComponentObservation {
  readonly component: ComponentName;
  readonly nowMs: number;
  /** Hash of what runs: what was learned about one version does not hold for the next. */
  readonly version: string;
  /** The count in force; what is wanted of health. */
  readonly count: number;
  /** When the count in force was last changed; 0: never. */
  readonly countSinceMs: number;
  /** Endpoints that take requests. */
  readonly ready: number;
  /** Instances committed that are not ready yet. */
  readonly starting: number;
  /** No instance became ready or left the endpoints since then. */
  readonly readyStableSinceMs: number;
  /** Time from the decision to start an instance to its being ready, measured; null: none measured yet. */
  readonly startMs: number | null;
  readonly scale: Scale;
  readonly resources: Resources;
  /** What this component has to hold: its own, or its share of the level's. null: nothing. */
  readonly objective: Objective | null;
  readonly requests: RequestMetrics | null;
  readonly usage: ResourceMetrics | null;
  /** null: it has no dependency, or nothing is known about them. */
  readonly downstream: Downstream | null;
  /** Requests per second on their way here that its callers hold up for want of instances; 0: none, or unknown. */
  readonly heldBack: number;
  /** What a request may wait in this component, in ms, by the split of the level's objective; null: nothing is said. */
  readonly waitMs: number | null;
  /** null: the objective is about this component's own requests. */
  readonly endToEnd: EndToEnd | null;
  /** By address; without those that never answered. */
  readonly external: Readonly<Record<string, ExternalAnswer>>;
}

/** Above this no measurement of one component is believed: a router of ours serves some ten thousand requests a second. */
const RATE_MAX = 1e7;
/** An hour: longer than any request that is let live. */
const LATENCY_MAX_MS = 3_600_000;

const within = (value: number, max: number): boolean => Number.isFinite(value) && value >= 0 && value <= max;

/** False for what no working monitor can report: NaN, negative, infinite, or percentiles out of order. */
export const isPlausible = (window: RequestWindow): boolean =>
  within(window.rate, RATE_MAX) &&
  within(window.errorRatio, 1) &&
  window.seconds > 0 &&
  within(window.p50Ms, LATENCY_MAX_MS) &&
  within(window.p95Ms, LATENCY_MAX_MS) &&
  within(window.p99Ms, LATENCY_MAX_MS) &&
  within(window.meanMs, LATENCY_MAX_MS) &&
  window.p50Ms <= window.p95Ms &&
  window.p95Ms <= window.p99Ms;

const isSound = (window: RequestWindow | null): boolean => window === null || isPlausible(window);

/** With everything absurd turned into unknown; null: of all of it nothing is known. */
export const soundRequests = (requests: RequestMetrics | null): RequestMetrics | null => {
  if (requests === null) return null;
  const { last1, last10, last60, inFlight, queued, rejectedRate } = requests;
  if (!within(inFlight, RATE_MAX) || !within(queued, RATE_MAX) || !within(rejectedRate, RATE_MAX))
    return null;
  if (isSound(last1) && isSound(last10) && isSound(last60)) return requests;
  return {
    ...requests,
    last1: isSound(last1) ? last1 : null,
    last10: isSound(last10) ? last10 : null,
    last60: isSound(last60) ? last60 : null,
  };
};

const soundUsage = (usage: ResourceMetrics | null): ResourceMetrics | null =>
  usage !== null && within(usage.cpuCores, 1e5) && within(usage.memoryBytes, 1e15) && usage.instancesSeen > 0
    ? usage
    : null;

/** The observation with everything absurd turned into unknown; itself where nothing is. */
export const withoutAbsurdities = (observation: ComponentObservation): ComponentObservation => {
  const requests = soundRequests(observation.requests);
  const usage = soundUsage(observation.usage);
  return requests === observation.requests && usage === observation.usage
    ? observation
    : { ...observation, requests, usage };
};
