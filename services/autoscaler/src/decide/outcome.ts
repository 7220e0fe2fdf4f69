/**
 * Prediction against achievement: what a policy expected of a count, compared with the latency measured once the count
 * has had its effect. Shown and kept in the next decision, so that a model that errs is seen to err.
 */
import type { DecisionId } from '@mitosis/contracts';
import type { ComponentObservation } from './observation.js';
import type { Prediction } from './policy.js';

export interface Expectation {
  readonly component: string;
  readonly decision: DecisionId;
  readonly count: number;
  readonly predicted: Prediction;
  /** Not before: instances must have started, and the ten-second window must lie behind that. */
  readonly dueMs: number;
}

export interface Outcome {
  readonly component: string;
  readonly decision: DecisionId;
  readonly percentile: number;
  readonly predictedMs: number;
  readonly achievedMs: number;
}

const WINDOW_MS = 12_000;
const START_MS_DEFAULT = 3_000;

export const expectationOf = (
  decision: DecisionId,
  count: number,
  predicted: Prediction,
  observation: ComponentObservation,
): Expectation => ({
  component: observation.component,
  decision,
  count,
  predicted,
  dueMs: observation.nowMs + (observation.startMs ?? START_MS_DEFAULT) + WINDOW_MS,
});

/**
 * `waiting` until it is due; null when it can no longer be compared (the count was changed again, or no request was
 * measured at a percentile that the monitor knows).
 */
export const outcomeOf = (
  expectation: Expectation,
  observation: ComponentObservation,
): Outcome | 'waiting' | null => {
  if (observation.count !== expectation.count) return null;
  if (observation.nowMs < expectation.dueMs) return 'waiting';
  const window = observation.requests?.last10 ?? null;
  if (window === null || window.rate === 0) return null;
  const { percentile, ms: predictedMs } = expectation.predicted;
  const measured: Readonly<Record<number, number>> = { 50: window.p50Ms, 95: window.p95Ms, 99: window.p99Ms };
  const achievedMs = measured[percentile];
  if (achievedMs === undefined) return null;
  return {
    component: expectation.component,
    decision: expectation.decision,
    percentile,
    predictedMs,
    achievedMs,
  };
};
