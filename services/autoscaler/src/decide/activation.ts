/**
 * To and from zero, around every policy of a component whose minimum is 0: a policy says how many serve a load, this says
 * whether there is one. Requests that wait at the routers bring the first instance; a time without any takes the last
 * one. Must never take the last instance because nothing is known.
 */
import type { ComponentObservation, RequestMetrics } from './observation.js';
import type { Recommendation } from './policy.js';

/** As long as KEDA's cool-down before zero. */
const IDLE_MS = 300_000;

/** When a request was last seen; 0: nothing was known yet. */
export interface Activation {
  readonly activeAtMs: number;
  readonly recommendation: Recommendation;
}

const isAsked = ({ last1, last10, inFlight, queued, rejectedRate }: RequestMetrics): boolean =>
  inFlight > 0 || queued > 0 || rejectedRate > 0 || (last1?.rate ?? 0) > 0 || (last10?.rate ?? 0) > 0;

/** Nothing measured at all is not the same as no request. */
const isKnown = (requests: RequestMetrics | null): requests is RequestMetrics =>
  requests !== null && (requests.last1 !== null || requests.last10 !== null || requests.queued > 0);

const counting = (recommendation: Recommendation, count: number, why: string): Recommendation =>
  recommendation.count === count
    ? recommendation
    : {
        count,
        reason: why,
        predicted: count === 0 ? null : recommendation.predicted,
        inputs: recommendation.inputs,
      };

export const activate = (
  activeBeforeMs: number,
  observation: ComponentObservation,
  recommendation: Recommendation,
): Activation => {
  const { nowMs, scale, requests, count } = observation;
  if (scale.min > 0) return { activeAtMs: 0, recommendation };
  const awake = Math.max(1, recommendation.count);
  if (!isKnown(requests)) {
    const kept = count === 0 ? 0 : awake;
    return {
      activeAtMs: activeBeforeMs,
      recommendation: counting(recommendation, kept, `keeps ${kept}: no fresh metrics`),
    };
  }
  if (isAsked(requests)) {
    const why = count === 0 ? 'requests wait: the first instance' : 'keeps the last instance: requests come';
    return { activeAtMs: nowMs, recommendation: counting(recommendation, awake, why) };
  }
  if (count === 0) {
    return {
      activeAtMs: activeBeforeMs,
      recommendation: counting(recommendation, 0, 'stays at zero: no request'),
    };
  }
  const activeAtMs = activeBeforeMs === 0 ? nowMs : activeBeforeMs;
  const idleMs = scale.idleMs ?? IDLE_MS;
  if (nowMs - activeAtMs >= idleMs) {
    return {
      activeAtMs,
      recommendation: counting(recommendation, 0, `no request for ${idleMs / 1_000} s: to zero`),
    };
  }
  return {
    activeAtMs,
    recommendation: counting(recommendation, awake, `keeps ${awake}: the last request is not long ago`),
  };
};
