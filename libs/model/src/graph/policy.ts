/** `x-mitosis.policy` → scaling policy. */
import type { ScalingPolicy, ScheduleWindow, SinglePolicy, ThresholdRule } from '@mitosis/contracts';
import { POLICY_KINDS } from '../shape/mitosis-shape.js';
import { child, entriesOf, itemsOf, type Node, numberOf, textOf } from '../source/node.js';
import { durationMs } from '../values/duration.js';
import { ratio } from '../values/ratio.js';
import { HPA_SETTINGS, hpaOf, KPA_SETTINGS, kpaOf } from './peer-policies.js';
import { EXAMPLES, metricOf, POLICY_KEYS as KEYS, valueOf } from './scaling-metric.js';
import { type Building, complain, extensionOf, type Service } from './service.js';

/** HPA's tolerance. */
const TOLERANCE = 0.1;
/** No scale-in before the count was too high for this long; the autoscaler's own default for `slo`, too. */
const DOWN_WINDOW_MS = 60_000;
const PERIOD_MS = 30_000;
const COOLDOWN_MS = 60_000;

/** 60 % of a core per instance. */
export const defaultTarget: ScalingPolicy = {
  kind: 'target',
  metric: 'cpu',
  value: 0.6,
  tolerance: TOLERANCE,
  downWindowMs: DOWN_WINDOW_MS,
};

const defaultRules: readonly ThresholdRule[] = [
  {
    metric: 'cpu',
    comparator: 'above',
    threshold: 0.8,
    periodMs: PERIOD_MS,
    change: 1,
    cooldownMs: COOLDOWN_MS,
  },
  {
    metric: 'cpu',
    comparator: 'below',
    threshold: 0.3,
    periodMs: 2 * PERIOD_MS,
    change: -1,
    cooldownMs: COOLDOWN_MS,
  },
];

/** Which settings each kind knows, so that one of another kind is not taken in silence. */
const SETTINGS = {
  slo: ['hold', 'concurrency'],
  target: ['metric', 'value', 'tolerance', 'down_window'],
  threshold: ['rules'],
  schedule: ['timezone', 'windows'],
  external: ['address', 'options'],
  hpa: HPA_SETTINGS,
  kpa: KPA_SETTINGS,
  fixed: [],
} as const satisfies Record<SinglePolicy['kind'], readonly string[]>;

/** Undefined when nothing is said. */
export const policyOf = (service: Service, building: Building): ScalingPolicy | undefined => {
  const node = child(extensionOf(service), 'policy');
  if (node?.kind !== 'seq') return node && singleOf(node, service, building);
  const policies = node.items.flatMap((item) => singleOf(item, service, building) ?? []);
  if (policies.length === 0)
    complain(building, service, KEYS, 'there is no policy in the list', 'name one, such as slo');
  return { kind: 'combine', policies };
};

const singleOf = (node: Node, service: Service, building: Building): SinglePolicy | undefined => {
  const kind = POLICY_KINDS.find(
    (name) => name === (node.kind === 'scalar' ? node.text : textOf(node, 'kind')),
  );
  if (kind === undefined) return undefined;
  rejectForeignSettings(node, kind, service, building);
  if (kind === 'fixed') return { kind };
  if (kind === 'slo') return sloOf(node);
  if (kind === 'target') return targetOf(node, service, building);
  if (kind === 'schedule') return scheduleOf(node, service, building);
  if (kind === 'external') return externalOf(node, service, building);
  if (kind === 'hpa') return hpaOf(node, service, building);
  if (kind === 'kpa') return kpaOf(node, service, building);
  const rules = itemsOf(node, 'rules').flatMap((rule) => ruleOf(rule, service, building) ?? []);
  return { kind, rules: rules.length === 0 ? defaultRules : rules };
};

const rejectForeignSettings = (
  node: Node,
  kind: SinglePolicy['kind'],
  service: Service,
  { problems }: Building,
): void => {
  if (node.kind !== 'map') return;
  const known: readonly string[] = SETTINGS[kind];
  for (const [key, { keyAt }] of node.entries)
    if (key !== 'kind' && !key.startsWith('x-') && !known.includes(key))
      problems.error(
        keyAt,
        `${service.path}.x-mitosis.policy.${key}`,
        `policy ${kind} has no setting "${key}"`,
        known.length === 0 ? 'remove it' : `it has: ${known.join(', ')}`,
      );
};

const sloOf = (node: Node): SinglePolicy => {
  const holdMs = durationMs(textOf(node, 'hold') ?? '') ?? 0;
  const concurrency = numberOf(node, 'concurrency');
  return { kind: 'slo', holdMs, ...(concurrency === undefined ? {} : { concurrency }) };
};

const scheduleOf = (node: Node, service: Service, building: Building): SinglePolicy => {
  const windows = itemsOf(node, 'windows').map((window): ScheduleWindow => ({
    start: textOf(window, 'start') ?? '',
    end: textOf(window, 'end') ?? '',
    count: numberOf(window, 'count') ?? 0,
  }));
  if (windows.length === 0)
    complain(
      building,
      service,
      KEYS,
      'policy schedule needs windows',
      'add windows: [{ start: "0 8 * * 1-5", end: "0 18 * * 1-5", count: 4 }]',
    );
  return { kind: 'schedule', timezone: textOf(node, 'timezone') ?? 'UTC', windows };
};

const externalOf = (node: Node, service: Service, building: Building): SinglePolicy => {
  const address = textOf(node, 'address') ?? '';
  if (address === '')
    complain(
      building,
      service,
      KEYS,
      'policy external needs the address of its gRPC service',
      'add address: 127.0.0.1:9100',
    );
  const options = entriesOf(node, 'options').map(([key, value]) => [key, textOf(value) ?? ''] as const);
  return { kind: 'external', address, options: Object.fromEntries(options) };
};

const targetOf = (node: Node, service: Service, building: Building): SinglePolicy => {
  const metric = metricOf(node);
  const said = textOf(node, 'value');
  if (said === undefined && metric !== 'cpu')
    complain(
      building,
      service,
      KEYS,
      `policy target on ${metric} needs a value`,
      `add value: ${EXAMPLES[metric]}`,
    );
  return {
    kind: 'target',
    metric,
    value: said === undefined ? 0.6 : valueOf(said, metric, service, building),
    tolerance: ratio(textOf(node, 'tolerance') ?? '') ?? TOLERANCE,
    downWindowMs: durationMs(textOf(node, 'down_window') ?? '') ?? DOWN_WINDOW_MS,
  };
};

const ruleOf = (rule: Node, service: Service, building: Building): ThresholdRule | undefined => {
  const above = textOf(rule, 'above');
  const below = textOf(rule, 'below');
  const threshold = above ?? below;
  if (threshold === undefined || (above !== undefined && below !== undefined)) {
    building.problems.error(
      rule.at,
      `${service.path}.x-mitosis.policy.rules`,
      'a rule says either above or below',
      'write { metric: cpu, above: 0.8, change: 1 }',
    );
    return undefined;
  }
  const metric = metricOf(rule);
  return {
    metric,
    comparator: above === undefined ? 'below' : 'above',
    threshold: valueOf(threshold, metric, service, building),
    periodMs: durationMs(textOf(rule, 'period') ?? '') ?? PERIOD_MS,
    change: Number(textOf(rule, 'change') ?? 0),
    cooldownMs: durationMs(textOf(rule, 'cooldown') ?? '') ?? COOLDOWN_MS,
  };
};
