/** What a plan of `slo` is made of: the load and what waits, the instances, and what a request may wait. Pure. */
import type { LatencyBound } from '@mitosis/contracts';
import type { DemandState, Forecast } from '../decide/demand.js';
import { startMsOf } from '../decide/horizon.js';
import { capacityOf, concurrencyOf, serviceSpread, type InstanceModel } from '../decide/instance-model.js';
import type { ComponentObservation } from '../decide/observation.js';
import { slackOf, type Slack } from '../decide/slack.js';
import { slackMs, type PlanInput } from '../decide/slo-plan.js';
import type { Worth } from '../decide/worth-plan.js';
import { strictest } from './slo-text.js';

/** Backlog is worked off within this time (3–6 s did best on bursts in the prototype, ALGORITHMS.md §1.4). */
export const DRAIN_S = 5;
/** A backlog is at most what arrives in this time: older requests have been given up by their clients. */
export const BACKLOG_MAX_S = 8;
/** Scale out when so much of the objective would be passed. */
const AIM_UP = 0.9;

export const variabilityOf = (demand: DemandState, model: InstanceModel): number => {
  const service = Math.min(4, serviceSpread(model) ** 2);
  const arrivals = Math.min(4, Math.max(0.5, demand.dispersion));
  return (arrivals + service) / 2;
};

/** What waits now and will have piled up when an instance started now is ready (fluid approximation). */
const projectedBacklog = (observation: ComponentObservation, model: InstanceModel, rate: number): number => {
  const capacity = capacityOf(model, observation.resources.limits.cpus);
  const served = observation.ready * capacity;
  const inside = Math.max(0, (observation.requests?.inFlight ?? 0) - (observation.downstream?.inFlight ?? 0));
  const atWork = Math.max(observation.ready, (served * model.serviceMs) / 1_000);
  const waitingNow = Math.max(0, inside - atWork) + (observation.requests?.queued ?? 0);
  const grows = Math.max(0, rate - served) * (startMsOf(observation) / 1_000);
  return Math.min(waitingNow + grows, rate * BACKLOG_MAX_S);
};

export const planInput = (
  observation: ComponentObservation,
  demand: DemandState,
  model: InstanceModel,
  forecast: Forecast,
  rate = forecast.upper,
): PlanInput => ({
  model,
  cpus: observation.resources.limits.cpus,
  rate,
  backlog: projectedBacklog(observation, model, forecast.now),
  drainS: DRAIN_S,
  downstreamMs: observation.downstream?.last10Ms ?? 0,
  waitMs: observation.waitMs,
  variability: variabilityOf(demand, model),
  objective: observation.objective,
  aim: AIM_UP,
  max: observation.scale.max,
});

/** What a request that takes long may wait; not above 0: the bound cannot be reached. */
export const leastWaitMs = (input: PlanInput, bound: LatencyBound): number =>
  input.waitMs ?? slackMs(input, bound);

/** null: the bound cannot be reached. */
const slackFor = (input: PlanInput, bound: LatencyBound): Slack | null => {
  const { waitMs, model, downstreamMs } = input;
  const leastMs = leastWaitMs(input, bound);
  if (leastMs <= 0) return null;
  const usualMs = waitMs ?? bound.ms - downstreamMs - model.serviceMs;
  return slackOf(usualMs / 1_000, leastMs / 1_000, (serviceSpread(model) * model.serviceMs) / 1_000);
};

/** What the components' late requests are worth; null: nothing has to be in time, or no count would bring it there. */
export const worthOf = (input: PlanInput): Worth | null => {
  const bound = strictest(input.objective);
  if (bound === null) return null;
  const slack = slackFor(input, bound);
  if (slack === null) return null;
  const capacity = capacityOf(input.model, input.cpus);
  return {
    capacity,
    concurrency: concurrencyOf(input.model),
    slack,
    variability: input.variability,
    price: 0,
  };
};
