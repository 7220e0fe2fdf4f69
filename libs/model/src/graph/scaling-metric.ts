/** The metrics that scaling policies compare, and how their values are written. */
import type { ScalingMetric } from '@mitosis/contracts';
import { METRICS } from '../shape/mitosis-shape.js';
import { type Node, textOf } from '../source/node.js';
import { byteSize } from '../values/bytes.js';
import { durationMs } from '../values/duration.js';
import { ratio } from '../values/ratio.js';
import { requestsPerSecond } from '../values/rate.js';
import { type Building, complain, type Service } from './service.js';

export const POLICY_KEYS = ['x-mitosis', 'policy'] as const;

/** `cpu` where nothing is said. */
export const metricOf = (node: Node): ScalingMetric =>
  METRICS.find((name) => name === textOf(node, 'metric')) ?? 'cpu';

const plainNumber = (text: string): number | undefined =>
  /^\d*\.?\d+$/.test(text) ? Number(text) : undefined;
const READERS: Readonly<Record<ScalingMetric, (text: string) => number | undefined>> = {
  cpu: plainNumber,
  memory: byteSize,
  rps: requestsPerSecond,
  concurrency: plainNumber,
  p95: durationMs,
  errors: ratio,
};
export const EXAMPLES: Readonly<Record<ScalingMetric, string>> = {
  cpu: '0.6',
  memory: '128M',
  rps: '50/s',
  concurrency: '8',
  p95: '200ms',
  errors: '1%',
};

/** A value in the unit of its metric; complains of others. */
export const valueOf = (
  text: string,
  metric: ScalingMetric,
  service: Service,
  building: Building,
): number => {
  const value = READERS[metric](text);
  if (value === undefined || value <= 0)
    complain(
      building,
      service,
      POLICY_KEYS,
      `"${text}" is no value for ${metric}`,
      `write one such as ${EXAMPLES[metric]}`,
    );
  return value ?? 0;
};
