/** `x-mitosis`, of a composition and of a component: all that Mitosis adds to the Compose Specification. */
import {
  amount,
  bytes,
  count,
  cron,
  duration,
  money,
  positiveCount,
  share,
  throughput,
  timezone,
} from './formats.js';
import {
  anyScalar,
  either,
  flag,
  formatted,
  list,
  mapOf,
  numberOrText,
  oneOfTexts,
  text,
  withAbout,
} from './shape.js';

export const PERCENTILES: Readonly<Record<string, number>> = {
  p50: 50,
  p90: 90,
  p95: 95,
  p99: 99,
  'p99.9': 99.9,
};
export const METRICS = ['cpu', 'memory', 'rps', 'concurrency', 'p95', 'errors'] as const;
export const POLICY_KINDS = [
  'slo',
  'target',
  'threshold',
  'hpa',
  'kpa',
  'schedule',
  'external',
  'fixed',
] as const;

export const objective = mapOf(
  {
    ...Object.fromEntries(Object.keys(PERCENTILES).map((name) => [name, duration])),
    errors: share,
    throughput,
  },
  { about: 'What is to be held: latency per percentile, share of failed requests, requests per second.' },
);

/** In the unit of the metric: cores, bytes, per second, count, duration, share. */
const metricValue = formatted(
  'a value of the metric: cores, a size, requests per second, a count, a duration or a share',
  '^\\d*\\.?\\d+\\s*[a-zA-Z%/]*$',
);

const rule = mapOf(
  {
    metric: oneOfTexts(...METRICS),
    above: metricValue,
    below: metricValue,
    period: duration,
    change: formatted('instances to add (1) or to remove (-1)', '^[+-]?[1-9]\\d*$'),
    cooldown: duration,
  },
  { required: ['metric', 'change'] },
);

const scheduleWindow = mapOf(
  { start: cron, end: cron, count },
  { required: ['start', 'end', 'count'], about: 'A count from each match of start until the next of end.' },
);

const hpaMetric = mapOf(
  { metric: oneOfTexts(...METRICS), value: metricValue },
  { required: ['metric', 'value'] },
);

const hpaBehavior = mapOf(
  {
    window: duration,
    select: oneOfTexts('max', 'min', 'disabled'),
    limits: list(mapOf({ pods: positiveCount, percent: amount, period: duration })),
  },
  { about: 'As behavior.scaleUp and behavior.scaleDown of autoscaling/v2.' },
);

const rateLimit = formatted('a factor above 1', '^(1\\.\\d*[1-9]\\d*|[2-9](\\.\\d+)?|[1-9]\\d+(\\.\\d+)?)$');

const policyName = oneOfTexts(...POLICY_KINDS);
const policyMap = mapOf(
  {
    kind: policyName,
    hold: duration,
    concurrency: positiveCount,
    metric: oneOfTexts(...METRICS),
    value: metricValue,
    tolerance: share,
    down_window: duration,
    rules: list(rule),
    timezone,
    windows: list(scheduleWindow),
    address: formatted('host:port', '^[^\\s/]+:[0-9]+$'),
    options: mapOf({}, { others: anyScalar }),
    metrics: list(hpaMetric),
    sync: duration,
    up: hpaBehavior,
    down: hpaBehavior,
    utilization: share,
    stable_window: duration,
    panic_window: share,
    panic_threshold: rateLimit,
    up_rate: rateLimit,
    down_rate: rateLimit,
    down_delay: duration,
  },
  { required: ['kind'] },
);

const policy = either(
  policyName,
  policyMap,
  list(either(policyName, policyMap), 'Several: the one that wants most instances wins.'),
);

const alternative = mapOf(
  { name: text, url: text, component: text, price: amount },
  { required: ['name'], about: 'One of those that can fulfil this component: a URL or another component.' },
);

const sizeBound = mapOf({ cpus: amount, memory: bytes });
const sizeMode = oneOfTexts('advise', 'apply');

export const componentExtension = mapOf(
  {
    size: withAbout(
      either(sizeMode, mapOf({ mode: sizeMode, min: sizeBound, max: sizeBound })),
      'Whether the limits of an instance are changed to what it is seen to need, and within which bounds.',
    ),
    scale: withAbout(
      mapOf({ min: count, max: count, idle: duration }),
      'Bounds within which the autoscaler chooses.',
    ),
    policy: withAbout(policy, 'How the number of instances is chosen.'),
    objective,
    composition: withAbout(text, 'Path of a composition file: this component is a child level.'),
    alternatives: withAbout(list(alternative), 'This component is bound to one of these.'),
    rebind: mapOf(
      { p95: duration, errors: share, after: duration, return_after: duration, trial: share },
      { about: 'When a binding is left for a better alternative, and when it is returned to.' },
    ),
    exclusive: withAbout(flag, 'No replacement starts before the death of its predecessor is certain.'),
    process: withAbout(flag, 'Runs as a process of the site although there is an image.'),
    secrets: withAbout(
      list(text),
      'Environment variables whose values are secrets: never stored or shown in clear.',
    ),
    protocol: withAbout(oneOfTexts('http', 'tcp'), 'What its ports speak, for the router.'),
    probe: mapOf(
      { http: text, tcp: flag, port: numberOrText },
      { about: 'How an instance is probed when no healthcheck says so.' },
    ),
    drain: either(duration, mapOf({ deadline: duration })),
  },
  { about: 'What Mitosis holds for this component.' },
);

const site = mapOf(
  {
    name: text,
    driver: oneOfTexts('process', 'docker'),
    agent: text,
    cpus: amount,
    memory: bytes,
    zone: text,
    price: amount,
  },
  { required: ['name'], about: 'A place that can run instances; price is per core and hour.' },
);

export const siteList = list(site);

export const levelExtension = mapOf(
  {
    entry: withAbout(text, 'The component clients reach.'),
    objective,
    budget: mapOf({ cost: money }),
    sites: either(text, siteList),
    management: mapOf({
      managers: positiveCount,
      routers: positiveCount,
      etcd: formatted('1, 3 or 5', '^[135]$'),
    }),
  },
  { about: 'What Mitosis holds for the whole composition.' },
);
