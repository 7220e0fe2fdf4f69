/** The metrics that rule-based policies compare, taken from an observation. */
import type { ScalingMetric } from '@mitosis/contracts';
import type { ComponentObservation, RequestWindow } from './observation.js';

export interface MeasuredMetric {
  /** A sum over instances, or the metric itself when it is none. */
  readonly value: number;
  /** How many instances the sum was measured over; null for metrics that are no sum. */
  readonly instances: number | null;
}

type Measure = (observation: ComponentObservation) => MeasuredMetric | null;

/** Request metrics are those of the last 10 s: one second is too noisy for rules without a model. */
const ofRequests =
  (measure: (window: RequestWindow, observation: ComponentObservation) => MeasuredMetric | null): Measure =>
  (observation) => {
    const window = observation.requests?.last10 ?? null;
    return window === null ? null : measure(window, observation);
  };

/** A latency or an error ratio of no request at all is unknown. */
const ofSomeRequests = (value: (window: RequestWindow) => number): Measure =>
  ofRequests((window) => (window.rate === 0 ? null : { value: value(window), instances: null }));

const MEASURES: Readonly<Record<ScalingMetric, Measure>> = {
  cpu: ({ usage }) => usage && { value: usage.cpuCores, instances: usage.instancesSeen },
  memory: ({ usage }) => usage && { value: usage.memoryBytes, instances: usage.instancesSeen },
  rps: ofRequests(({ rate }, { ready }) => ({ value: rate, instances: ready })),
  concurrency: ofRequests((_, { requests, ready }) =>
    requests === null ? null : { value: requests.inFlight + requests.queued, instances: ready },
  ),
  p95: ofSomeRequests(({ p95Ms }) => p95Ms),
  errors: ofSomeRequests(({ errorRatio }) => errorRatio),
};

/** null: unknown. */
export const measureMetric = (
  observation: ComponentObservation,
  metric: ScalingMetric,
): MeasuredMetric | null => MEASURES[metric](observation);

/** The metric per instance, as thresholds are stated; null when unknown or when there is no instance to divide by. */
export const metricPerInstance = (
  observation: ComponentObservation,
  metric: ScalingMetric,
): number | null => {
  const measured = measureMetric(observation, metric);
  if (measured === null) return null;
  if (measured.instances === null) return measured.value;
  return measured.instances === 0 ? null : measured.value / measured.instances;
};
