/** The autoscalers of Kubernetes and Knative under `x-mitosis.policy`, with the defaults they have there. */
import type { HpaBehavior, HpaLimit, HpaMetric, HpaPolicy, KpaPolicy } from '@mitosis/contracts';
import { child, itemsOf, type Node, numberOf, textOf } from '../source/node.js';
import { durationMs } from '../values/duration.js';
import { ratio } from '../values/ratio.js';
import { EXAMPLES, metricOf, POLICY_KEYS, valueOf } from './scaling-metric.js';
import { type Building, complain, type Service } from './service.js';

export const HPA_SETTINGS = ['metric', 'value', 'metrics', 'tolerance', 'sync', 'up', 'down'] as const;
export const KPA_SETTINGS = [
  'metric',
  'value',
  'utilization',
  'stable_window',
  'panic_window',
  'panic_threshold',
  'up_rate',
  'down_rate',
  'down_delay',
] as const;

const TOLERANCE = 0.1;
const SYNC_MS = 15_000;
const PERIOD_MS = 15_000;

const UP: HpaBehavior = {
  windowMs: 0,
  select: 'max',
  limits: [
    { by: 'percent', value: 100, periodMs: PERIOD_MS },
    { by: 'pods', value: 4, periodMs: PERIOD_MS },
  ],
};
const DOWN: HpaBehavior = {
  windowMs: 300_000,
  select: 'max',
  limits: [{ by: 'percent', value: 100, periodMs: PERIOD_MS }],
};

const metricFrom = (node: Node, service: Service, building: Building): HpaMetric => {
  const metric = metricOf(node);
  const said = textOf(node, 'value');
  if (said === undefined)
    complain(building, service, POLICY_KEYS, `${metric} needs a value`, `add value: ${EXAMPLES[metric]}`);
  return { metric, value: said === undefined ? 1 : valueOf(said, metric, service, building) };
};

const limitOf = (node: Node, service: Service, building: Building): readonly HpaLimit[] => {
  const pods = numberOf(node, 'pods');
  const percent = numberOf(node, 'percent');
  const value = pods ?? percent;
  if (value === undefined || (pods !== undefined && percent !== undefined)) {
    building.problems.error(
      node.at,
      `${service.path}.x-mitosis.policy`,
      'a limit says either pods or percent',
      'write { percent: 100, period: 15s } or { pods: 4, period: 15s }',
    );
    return [];
  }
  const periodMs = durationMs(textOf(node, 'period') ?? '') ?? PERIOD_MS;
  return [{ by: pods === undefined ? 'percent' : 'pods', value, periodMs }];
};

const behaviorOf = (
  node: Node | undefined,
  otherwise: HpaBehavior,
  service: Service,
  building: Building,
): HpaBehavior => {
  if (node === undefined) return otherwise;
  const select = textOf(node, 'select');
  const limits = itemsOf(node, 'limits').flatMap((limit) => limitOf(limit, service, building));
  return {
    windowMs: durationMs(textOf(node, 'window') ?? '') ?? otherwise.windowMs,
    select: select === 'min' || select === 'disabled' ? select : 'max',
    limits: limits.length === 0 ? otherwise.limits : limits,
  };
};

export const hpaOf = (node: Node, service: Service, building: Building): HpaPolicy => {
  const several = itemsOf(node, 'metrics').map((metric) => metricFrom(metric, service, building));
  const only: HpaMetric =
    textOf(node, 'metric') === undefined && textOf(node, 'value') === undefined
      ? { metric: 'cpu', value: 0.6 }
      : metricFrom(node, service, building);
  return {
    kind: 'hpa',
    metrics: several.length > 0 ? several : [only],
    tolerance: ratio(textOf(node, 'tolerance') ?? '') ?? TOLERANCE,
    syncMs: durationMs(textOf(node, 'sync') ?? '') ?? SYNC_MS,
    up: behaviorOf(child(node, 'up'), UP, service, building),
    down: behaviorOf(child(node, 'down'), DOWN, service, building),
  };
};

/** Knative's defaults: 100 requests at once, of which 70 % are aimed at. */
const CONCURRENCY = 100;
const UTILIZATION = 0.7;

export const kpaOf = (node: Node, service: Service, building: Building): KpaPolicy => {
  const metric = textOf(node, 'metric') ?? 'concurrency';
  if (metric !== 'concurrency' && metric !== 'rps')
    complain(
      building,
      service,
      POLICY_KEYS,
      `policy kpa knows no metric ${metric}`,
      'write metric: concurrency or metric: rps',
    );
  const kind = metric === 'rps' ? 'rps' : 'concurrency';
  const said = textOf(node, 'value');
  const value =
    said === undefined ? (kind === 'rps' ? 200 : CONCURRENCY) : valueOf(said, kind, service, building);
  return {
    kind: 'kpa',
    metric: kind,
    target: value * (ratio(textOf(node, 'utilization') ?? '') ?? UTILIZATION),
    stableWindowMs: durationMs(textOf(node, 'stable_window') ?? '') ?? 60_000,
    panicWindow: ratio(textOf(node, 'panic_window') ?? '') ?? 0.1,
    panicThreshold: numberOf(node, 'panic_threshold') ?? 2,
    upRateMax: numberOf(node, 'up_rate') ?? 1_000,
    downRateMax: numberOf(node, 'down_rate') ?? 2,
    downDelayMs: durationMs(textOf(node, 'down_delay') ?? '') ?? 0,
  };
};
