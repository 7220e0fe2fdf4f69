/** Whose lateness the account of late requests is kept of, and by which bound: a component's own, or that at the entry. */
import type { InstanceModel } from '../decide/instance-model.js';
import type { LateSample } from '../decide/late-budget.js';
import type { ComponentObservation } from '../decide/observation.js';
import { strictest } from './slo-text.js';

/** Late share that a bound allows. */
export const allowedOf = (percentile: number): number => Math.max(0.001, 1 - percentile / 100);

/** Where so much may pass, minutes are late before anything can be known of an instance: no later headroom makes that undone. */
const LONG_MS = 1_000;

/** Nobody could have known yet; or dependencies take much longer than usual: lateness is theirs, and more instances would not shorten it. */
const isExcused = (model: InstanceModel, observation: ComponentObservation, boundMs: number): boolean => {
  if (!model.serviceKnown && boundMs >= LONG_MS) return true;
  const outsideMs = observation.downstream?.last10Ms ?? 0;
  return outsideMs > 2 * model.outsideMs && outsideMs > model.serviceMs;
};

/** null: nothing has to be in time. */
export const lateSampleOf = (model: InstanceModel, observation: ComponentObservation): LateSample | null => {
  const { requests, nowMs, endToEnd } = observation;
  const bound = strictest(observation.objective);
  if (bound === null) return null;
  const judged = endToEnd ?? {
    window: requests?.last10 ?? null,
    rejectedRate: requests?.rejectedRate ?? 0,
    boundMs: bound.ms,
    percentile: bound.percentile,
    excused: isExcused(model, observation, bound.ms),
  };
  return { ...judged, nowMs, allowed: allowedOf(judged.percentile) };
};

export interface Account {
  /** Share of the requests, 0..1. */
  readonly allowed: number;
  /** Requests per second. */
  readonly rate: number;
}

/** `level`: arrivals per second here. `percentile`: of the component's own bound. */
export const accountOf = (
  level: number,
  { endToEnd }: ComponentObservation,
  percentile: number,
): Account => ({
  allowed: allowedOf(endToEnd?.percentile ?? percentile),
  rate: level / (endToEnd?.visits ?? 1),
});
