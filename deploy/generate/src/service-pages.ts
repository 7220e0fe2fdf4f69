/** docs/services/<name>.md: configuration, ports, gRPC and metrics of each service, taken from the code itself. */
import { AUTOSCALER_SETTINGS } from '@mitosis/autoscaler';
import * as contracts from '@mitosis/contracts';
import { FUNCTION_NAMES, type FunctionName } from '@mitosis/contracts';
import { ROUTER_SETTINGS } from '@mitosis/router';
import { PROCESS_SETTINGS, type Setting } from '@mitosis/service-kit';
import { GENERATED, grpcPort, httpPort, REPLICAS, summaryOf } from './deployment.js';

type Settings = Readonly<Record<string, Setting<unknown>>>;

/** What each service has besides the settings of every process. */
const OWN_SETTINGS: Readonly<Partial<Record<FunctionName, Settings>>> = {
  autoscaler: AUTOSCALER_SETTINGS,
  router: ROUTER_SETTINGS,
};

interface Beside {
  /** What it needs of the system it runs beside, and what it then does. */
  readonly text: string;
  readonly more?: string;
}

/** What one service is good for beside a system that has none of the others. */
const BESIDE: Readonly<Partial<Record<FunctionName, Beside>>> = {
  monitor: {
    text: 'It merges what routers and agents of the level stream, and serves it to Prometheus and to the other functions.',
  },
  health: {
    text: 'It needs a spec, targets and placements in etcd and an agent to act through; alone it says what is missing.',
  },
  autoscaler: {
    text: 'In mode `advise` it decides as ever, records each decision with its reason, and applies nothing but the first targets:',
    more: [
      '```sh',
      'mitosis pause autoscaler --advise     # or: control/autoscaler = advise before its start',
      'mitosis decisions --follow             # what it would have done, and why',
      '```',
    ].join('\n'),
  },
  composer: {
    text: 'It takes compositions (`mitosis apply`), keeps the type graph in force and chooses bindings.',
  },
  placer: { text: 'It answers each target with a placement on the sites that the composition names.' },
  router: {
    text: 'Without an agent it binds the addresses of `listeners/` itself and serves from `spec/`, `endpoints/` and `bindings/`, from its last table while etcd is away.',
  },
};

const EVERYWHERE = ['mitosis_leader', 'mitosis_passes_total', 'mitosis_pass_duration_seconds'] as const;
export const OWN_METRICS: Readonly<Partial<Record<FunctionName, readonly string[]>>> = {
  monitor: [
    'known',
    'requests_per_second',
    'error_ratio',
    'latency_p50_seconds',
    'latency_p95_seconds',
    'latency_p99_seconds',
    'in_flight',
    'queued',
    'rejected_per_second',
    'cpu_cores',
    'memory_bytes',
  ].map((name) => `mitosis_component_${name}`),
  autoscaler: ['mitosis_autoscaler_target'],
  router: [
    'requests_total',
    'errors_total',
    'rejected_total',
    'retries_total',
    'request_seconds_total',
    'in_flight',
    'queued',
    'latency_seconds',
  ].map((name) => `mitosis_router_${name}`),
};
export const metricsOf = (name: FunctionName): readonly string[] => [
  ...EVERYWHERE,
  ...(OWN_METRICS[name] ?? []),
];

const defaultOf = ({ schema }: Setting<unknown>): string => {
  const parsed = schema.safeParse(undefined);
  if (!parsed.success) return 'required';
  const { data } = parsed;
  if (data === null || data === '') return 'none';
  const text = Array.isArray(data) ? data.join(',') : JSON.stringify(data).replaceAll('"', '');
  return text.startsWith('manual-')
    ? 'a new id'
    : text.includes('/.mitosis')
      ? '`~/.mitosis`'
      : `\`${text}\``;
};

const settingRows = (settings: Settings): readonly string[] =>
  Object.values(settings).map(
    (setting) => `| \`${setting.variable}\` | ${defaultOf(setting)} | ${setting.remedy} |`,
  );

interface Method {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

const methodsOf = (name: FunctionName): readonly Method[] => {
  const service = `${name.charAt(0).toUpperCase()}${name.slice(1)}Service`;
  const module = (contracts as Readonly<Record<string, unknown>>)[name] as
    | Readonly<Record<string, Readonly<Record<string, Method>>>>
    | undefined;
  return Object.values(module?.[service] ?? {});
};

const methodRow = ({ path, requestStream, responseStream }: Method): string => {
  const form = requestStream || responseStream ? 'stream' : 'one answer';
  return `| \`${path.slice(1)}\` | ${form} |`;
};

const page = (name: FunctionName): string => {
  const own = OWN_SETTINGS[name];
  const beside = BESIDE[name];
  const methods = methodsOf(name);
  return [
    `<!-- ${GENERATED} -->`,
    '',
    `# ${name}`,
    '',
    `${summaryOf(name)}.`,
    '',
    '## Alone, beside a system that exists',
    '',
    ...(beside === undefined ? [] : [beside.text, '']),
    '```sh',
    `MITOSIS_LEVEL=shop MITOSIS_ETCD=http://127.0.0.1:2379 MITOSIS_HTTP_PORT=${httpPort(name, 1)} \\`,
    `  node services/${name}/dist/bundle/main.mjs`,
    '```',
    '',
    ...(beside?.more === undefined ? [] : [beside.more, '']),
    'or from the image, only this one of the compose file (`--no-deps` leaves etcd to you):',
    '',
    '```sh',
    `docker-compose -f deploy/compose/docker-compose.yml up --no-deps ${name}-1`,
    '```',
    '',
    '## Configuration',
    '',
    '| variable | default | what is right |',
    '| --- | --- | --- |',
    ...(own === undefined ? [] : settingRows(own)),
    ...settingRows(PROCESS_SETTINGS),
    '',
    '## Ports',
    '',
    '| port | in docker-compose | speaks |',
    '| --- | --- | --- |',
    `| \`MITOSIS_GRPC_PORT\` | ${REPLICAS.map((replica) => grpcPort(name, replica)).join(', ')} | gRPC, below |`,
    `| \`MITOSIS_HTTP_PORT\` | ${REPLICAS.map((replica) => httpPort(name, replica)).join(', ')} | \`/healthz\`, \`/readyz\`, \`/metrics\`, \`/status\` |`,
    '',
    '## gRPC',
    '',
    'Besides `mitosis.v1.Management`, which every service has:',
    '',
    '| method | answers |',
    '| --- | --- |',
    ...methods.map(methodRow),
    '',
    '## Metrics',
    '',
    ...metricsOf(name).map((metric) => `- \`${metric}\``),
    '- `process_*` and `nodejs_*` of the process',
    '',
  ].join('\n');
};

/** File name → text. */
export const servicePages = (): Readonly<Record<string, string>> =>
  Object.fromEntries(FUNCTION_NAMES.map((name) => [`${name}.md`, page(name)]));
