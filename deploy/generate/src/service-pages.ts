/** docs/services/<name>.md: configuration, ports, gRPC and metrics of each service, taken from the code itself. */
import { FUNCTION_NAMES, SERVICES, type FunctionName } from '@mitosis/contracts';
import { DEFINITIONS } from '@mitosis/mitosisd';
import {
  PROCESS_SETTINGS,
  type GrpcService,
  type ServiceDefinition,
  type Setting,
} from '@mitosis/service-kit';
import { GENERATED, grpcPort, httpPort, REPLICAS, summaryOf } from './deployment.js';

type Settings = Readonly<Record<string, Setting<unknown>>>;

interface Beside {
  /** What it needs of the system it runs beside, and what it then does. */
  readonly text: string;
  /** What it is told for that. */
  readonly environment?: string;
}

/** What one service is good for beside a system that has none of the others. */
const BESIDE: Readonly<Partial<Record<FunctionName, Beside>>> = {
  monitor: {
    text: 'It merges what routers and agents of the level stream, and serves it to Prometheus and over gRPC; beside a [router that runs alone](alone.md#only-the-router) those are the figures of its components.',
  },
  health: {
    text: 'It needs a spec, targets and placements in etcd and an agent to act through; alone it says what is missing.',
  },
  autoscaler: {
    text: '[As an adviser](alone.md#only-the-autoscaler-as-an-adviser) over a Prometheus that you have: with `MITOSIS_OUTSIDE` it says how many instances it would run and why, in decisions, `/status` and `mitosis_autoscaler_recommended`, and applies nothing. Without that it reads the spec, instances and the monitor of its level; `mitosis pause autoscaler --advise` has it advise there, too.',
    environment: 'MITOSIS_OUTSIDE=outside.yaml',
  },
  composer: {
    text: 'It takes compositions (`mitosis apply`), keeps the type graph in force and chooses bindings.',
  },
  placer: { text: 'It answers each target with a placement on the sites that the composition names.' },
  router: {
    text: '[With a list of addresses](alone.md#only-the-router): with `MITOSIS_OUTSIDE` it binds the published ports of a composition and carries requests to whom the file names. Without that it serves what the store of its level says, from its last table while etcd is away; without an agent it binds addresses itself.',
    environment: 'MITOSIS_OUTSIDE=outside.yaml',
  },
};

const EVERYWHERE = ['mitosis_leader', 'mitosis_passes_total', 'mitosis_pass_duration_seconds'] as const;

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

type Method = Pick<GrpcService[string], 'path' | 'requestStream' | 'responseStream'>;

const methodsOf = ({ grpc }: ServiceDefinition): readonly Method[] =>
  Object.values(grpc).flatMap((service) => Object.values(service));

const methodRow = ({ path, requestStream, responseStream }: Method): string => {
  const form = requestStream || responseStream ? 'stream' : 'one answer';
  return `| \`${path.slice(1)}\` | ${form} |`;
};

const grpcText = (methods: readonly Method[]): readonly string[] =>
  methods.length === 0
    ? ['`mitosis.v1.Management`, which every service has.']
    : [
        'Besides `mitosis.v1.Management`, which every service has:',
        '',
        '| method | answers |',
        '| --- | --- |',
        ...methods.map(methodRow),
      ];

const page = (definition: ServiceDefinition): string => {
  const { name, settings = {}, metrics = [] } = definition;
  const beside = BESIDE[name];
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
    ...(beside?.environment === undefined ? [] : [`  ${beside.environment} \\`]),
    `  node services/${name}/dist/bundle/main.mjs`,
    '```',
    '',
    'or from the image, only this one out of the compose file, with certificates and the agent that gives the command line its own:',
    '',
    '```sh',
    `docker-compose -f deploy/compose/docker-compose.yml up -d agent etcd-1 etcd-2 etcd-3 ${name}-1`,
    '```',
    '',
    '## Configuration',
    '',
    '| variable | default | what is right |',
    '| --- | --- | --- |',
    ...settingRows(settings),
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
    ...grpcText(methodsOf(definition)),
    '',
    '## Metrics',
    '',
    ...[...EVERYWHERE, ...metrics].map((metric) => `- \`${metric}\``),
    '- `process_*` and `nodejs_*` of the process',
    '',
  ].join('\n');
};

/** Where people look a service up; links to its page. */
const listPage = (): string =>
  [
    `<!-- ${GENERATED} -->`,
    '',
    '# The services',
    '',
    ...FUNCTION_NAMES.map(
      (name) =>
        `- [${name}](${name}.md): ${summaryOf(name)} (${SERVICES[name].inManager ? 'in `mitosisd`, or alone' : 'a process of its own'})`,
    ),
    '',
  ].join('\n');

/** File name → text. */
export const servicePages = async (): Promise<Readonly<Record<string, string>>> => ({
  'list.md': listPage(),
  ...Object.fromEntries(
    await Promise.all(
      FUNCTION_NAMES.map(async (name) => [`${name}.md`, page(await DEFINITIONS[name]())] as const),
    ),
  ),
});
