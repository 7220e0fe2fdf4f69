/** What is done while too few requests are answered to know what one takes: those inside say whether more instances are wanted. */
import type { ComponentObservation } from '../decide/observation.js';
import { hold, type Recommendation } from '../decide/policy.js';
import { round } from './slo-text.js';

/** Requests, also those that the routers hold. */
export const insideOf = ({ requests }: ComponentObservation): number =>
  (requests?.inFlight ?? 0) + (requests?.queued ?? 0);

/** Answers of ten seconds, and what passes until they are seen. */
const UNANSWERED_MS = 11_000;

/** Two requests are inside each instance and none is on its way: they take longer than was looked at, or wait for one another. */
export const isCrowded = (observation: ComponentObservation): boolean => {
  const { count, ready, nowMs, readyStableSinceMs, countSinceMs } = observation;
  const unchangedMs = nowMs - Math.max(readyStableSinceMs, countSinceMs);
  return count > 0 && ready >= count && unchangedMs >= UNANSWERED_MS && insideOf(observation) >= 2 * count;
};

/** Where too few are answered to know what one takes: twice as many instances while they are crowded. */
export const unknownYet = (observation: ComponentObservation): Recommendation => {
  const { count } = observation;
  if (!isCrowded(observation)) return hold(observation, 'too few requests to know what one takes');
  const inside = round(insideOf(observation), 0);
  const reason = `${inside} requests inside ${count}, too few answered to know what one takes: twice as many`;
  return { count: 2 * count, reason, predicted: null, inputs: {} };
};
