/**
 * The least count that holds a latency objective, by inverting the queueing model. Answers what it predicts and what it
 * could not hold; bounds, smoothing and permission to act are not its business.
 */
import type { LatencyBound, Objective } from '@mitosis/contracts';
import { capacityOf, concurrencyOf, type InstanceModel } from './instance-model.js';
import { leastWhere, waiting } from './queueing.js';

export interface PlanInput {
  readonly model: InstanceModel;
  /** CPUs one instance may use; 0: no limit. */
  readonly cpus: number;
  /** Arrivals per second to plan for. */
  readonly rate: number;
  /** Requests waiting now that have to be worked off beside them, and within how many seconds. */
  readonly backlog: number;
  readonly drainS: number;
  /** Mean time in dependencies per request, which no instance shortens. */
  readonly downstreamMs: number;
  /** What a request may wait here, where the level's objective was split over its components; null: by `objective` alone. */
  readonly waitMs: number | null;
  readonly variability: number;
  readonly objective: Objective | null;
  /** Share of the objective to aim for, below 1 to leave room for the model's error. */
  readonly aim: number;
  readonly max: number;
}

export type Plan = {
  readonly count: number;
  /** Why it is not less. `unreachable`: the objective is below what a request takes without any waiting. */
  readonly because: 'latency' | 'utilisation' | 'backlog' | 'throughput' | 'unreachable';
};

/** Above this a small error of the model is a large error of the latency. */
const UTILISATION_MAX = 0.85;
/** While a backlog is worked off, full use is what is wanted. */
const UTILISATION_DRAINING = 0.95;

/** Standard normal quantile (Tukey's lambda approximation, off by less than 0.01 between the 1st and the 99th). */
const normalQuantile = (q: number): number => 4.91 * (q ** 0.14 - (1 - q) ** 0.14);

/**
 * Predicted latency percentile with `count` instances in ms. Service and waiting are taken as independent: means add,
 * the distances of their percentiles from the means add in squares.
 */
export const predictMs = (input: PlanInput, count: number, percentile: number): number => {
  const { model, rate, variability, downstreamMs } = input;
  const capacity = capacityOf(model, input.cpus);
  const perInstance = concurrencyOf(model);
  const wait = waiting({
    rate,
    serviceS: perInstance / capacity,
    servers: count * perInstance,
    variability,
  });
  const q = percentile / 100;
  const spread = ((model.serviceP95Ms - model.serviceMs) * normalQuantile(q)) / normalQuantile(0.95);
  const waitMs = wait.meanS * 1_000;
  const waitSpread = wait.quantileS(q) * 1_000 - waitMs;
  if (!Number.isFinite(waitMs)) return Infinity;
  return downstreamMs + model.serviceMs + waitMs + Math.hypot(spread, waitSpread);
};

/** Latency with nothing waiting: what an objective must leave room for. */
const floorMs = (input: PlanInput, percentile: number): number => {
  const spread = (input.model.serviceP95Ms - input.model.serviceMs) * normalQuantile(percentile / 100);
  return input.downstreamMs + input.model.serviceMs + spread / normalQuantile(0.95);
};

/** Of its service time a request may always wait: where that alone takes most of the bound, no count buys the rest. */
const SLACK_MIN = 0.3;

/** What a request may wait, in ms, when all else takes its usual time; 0 or less: the bound cannot be reached. */
export const slackMs = (input: PlanInput, bound: LatencyBound): number => {
  const left = bound.ms - floorMs(input, Math.min(bound.percentile, 95));
  return left <= 0 ? left : Math.max(SLACK_MIN * input.model.serviceMs, left);
};

/** Requires a known capacity. */
export const planCount = (input: PlanInput): Plan => {
  const capacity = capacityOf(input.model, input.cpus);
  const bounds = input.objective?.latency ?? [];
  const reachable = bounds.filter(({ percentile, ms }) => floorMs(input, percentile) <= input.aim * ms);
  const holds = (count: number): boolean =>
    reachable.every(({ percentile, ms }) => predictMs(input, count, percentile) <= input.aim * ms);
  const atLeast = (rate: number, utilisation: number): number => Math.ceil(rate / (capacity * utilisation));
  const counts = {
    latency: reachable.length === 0 ? 1 : leastWhere(1, input.max, holds),
    utilisation: atLeast(input.rate, UTILISATION_MAX),
    backlog: input.backlog > 0 ? atLeast(input.rate + input.backlog / input.drainS, UTILISATION_DRAINING) : 0,
    throughput: atLeast(input.objective?.throughput ?? 0, UTILISATION_MAX),
  };
  const count = Math.max(1, ...Object.values(counts));
  const because = (['latency', 'utilisation', 'throughput', 'backlog'] as const).find(
    (name) => counts[name] === count,
  );
  const unreachable = bounds.length > reachable.length && because !== 'backlog';
  return { count, because: unreachable ? 'unreachable' : (because ?? 'utilisation') };
};
