/** Objectives as written → objectives as numbers. */
import type { Objective } from '@mitosis/contracts';
import { PERCENTILES } from '../shape/mitosis-shape.js';
import { type Node, textOf } from '../source/node.js';
import { durationMs } from '../values/duration.js';
import { ratio } from '../values/ratio.js';
import { requestsPerSecond } from '../values/rate.js';

/** Null when the node says nothing. */
export const objectiveOf = (node: Node | undefined): Objective | null => {
  if (node === undefined) return null;
  const latency = Object.entries(PERCENTILES).flatMap(([name, percentile]) => {
    const ms = durationMs(textOf(node, name) ?? '');
    return ms === undefined ? [] : [{ percentile, ms }];
  });
  const errorRatio = ratio(textOf(node, 'errors') ?? '') ?? null;
  const throughput = requestsPerSecond(textOf(node, 'throughput') ?? '') ?? null;
  if (latency.length === 0 && errorRatio === null && throughput === null) return null;
  return { latency, errorRatio, throughput };
};

export const hasLatency = (objective: Objective | null): boolean => (objective?.latency.length ?? 0) > 0;

/** The bound at the 95th percentile, or of the nearest percentile above it. */
export const p95Of = (objective: Objective | null): number | undefined =>
  objective?.latency.find(({ percentile }) => percentile >= 95)?.ms;
