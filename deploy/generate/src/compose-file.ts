/**
 * deploy/compose/docker-compose.yml: a level from separately deployed services on one host. Everything speaks on the
 * host's loopback, so nothing is reachable from outside but the published ports of the managed composition.
 */
import { FUNCTION_NAMES, type FunctionName } from '@mitosis/contracts';
import { stringify } from 'yaml';
import {
  ETCD_IMAGE,
  ETCD_MEMBERS,
  ETCD_TUNING,
  GENERATED,
  grpcPort,
  httpPort,
  IMAGE,
  programOf,
  PROGRAMS,
  REPLICAS,
  STATE,
  USER,
} from './deployment.js';

type Service = Readonly<Record<string, unknown>>;

const clientPort = (member: number): number => 23_790 + member;
const peerPort = (member: number): number => 23_890 + member;
const ETCD_URLS = ETCD_MEMBERS.map((member) => `http://127.0.0.1:${clientPort(member)}`).join(',');

/** Small, without rights, on a file system that cannot be written. */
const HARDENED = {
  network_mode: 'host',
  read_only: true,
  user: USER,
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  restart: 'unless-stopped',
  tmpfs: ['/tmp'],
} as const;

const etcd = (member: number): Service => ({
  ...HARDENED,
  image: ETCD_IMAGE,
  command: [
    'etcd',
    `--name=etcd-${member}`,
    '--data-dir=/etcd-data/member',
    `--listen-client-urls=http://127.0.0.1:${clientPort(member)}`,
    `--advertise-client-urls=http://127.0.0.1:${clientPort(member)}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort(member)}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort(member)}`,
    `--initial-cluster=${ETCD_MEMBERS.map((one) => `etcd-${one}=http://127.0.0.1:${peerPort(one)}`).join(',')}`,
    '--initial-cluster-token=${MITOSIS_LEVEL:-shop}',
    ...ETCD_TUNING,
  ],
  // As root only for the volume's sake, without any capability beyond writing to it.
  user: '0:0',
  volumes: [`etcd-${member}:/etcd-data`],
  healthcheck: {
    test: ['CMD', 'etcdctl', `--endpoints=http://127.0.0.1:${clientPort(member)}`, 'endpoint', 'health'],
    interval: '10s',
    timeout: '5s',
    retries: 3,
  },
});

const service = (name: FunctionName, replica: number): Service => ({
  ...HARDENED,
  image: IMAGE,
  command: [programOf(name)],
  stop_grace_period: name === 'router' ? '30s' : '10s',
  environment: {
    MITOSIS_LEVEL: '${MITOSIS_LEVEL:-shop}',
    MITOSIS_INSTANCE: `${name}-${replica}`,
    MITOSIS_SITE: 'local',
    MITOSIS_ETCD: ETCD_URLS,
    MITOSIS_AGENT: `unix:${STATE}/agent.sock`,
    MITOSIS_HOST: '127.0.0.1',
    MITOSIS_GRPC_PORT: String(grpcPort(name, replica)),
    MITOSIS_HTTP_PORT: String(httpPort(name, replica)),
    ...(name === 'router' ? { MITOSIS_DATA: '/data' } : {}),
    MITOSIS_LOG: '${MITOSIS_LOG:-info}',
  },
  volumes: [`\${MITOSIS_STATE:-state}:${STATE}`, ...(name === 'router' ? [`router-${replica}:/data`] : [])],
});

/** Drives this host's engine: its socket is a root's power over the host, so nothing else gets it. */
const agent = (): Service => ({
  ...HARDENED,
  image: IMAGE,
  command: [programOf('agent')],
  // Tells the processes of its containers apart while the engine is away.
  pid: 'host',
  group_add: ['${DOCKER_GROUP:-0}'],
  environment: {
    MITOSIS_HOME: STATE,
    MITOSIS_HOST: '127.0.0.1',
    MITOSIS_SOCKETS: 'router',
    DOCKER_HOST: 'unix:///var/run/docker.sock',
    MITOSIS_DOCKER_POOL: '${MITOSIS_DOCKER_POOL:-10.213.0.0/16}',
    MITOSIS_LOG: '${MITOSIS_LOG:-info}',
  },
  volumes: [
    `\${MITOSIS_STATE:-state}:${STATE}`,
    '${DOCKER_SOCKET:-/var/run/docker.sock}:/var/run/docker.sock',
  ],
  healthcheck: {
    test: ['CMD', 'node', `${PROGRAMS}/healthcheck.mjs`],
    interval: '10s',
    timeout: '5s',
    retries: 3,
  },
});

export const composeFile = (): string => {
  const services = {
    ...Object.fromEntries(ETCD_MEMBERS.map((member) => [`etcd-${member}`, etcd(member)])),
    agent: agent(),
    ...Object.fromEntries(
      FUNCTION_NAMES.flatMap((name) =>
        REPLICAS.map((replica) => [`${name}-${replica}`, service(name, replica)]),
      ),
    ),
  };
  const volumes = Object.fromEntries(
    [
      'state',
      ...ETCD_MEMBERS.map((member) => `etcd-${member}`),
      ...REPLICAS.map((replica) => `router-${replica}`),
    ].map((name) => [name, {}]),
  );
  const head = `# ${GENERATED}\n# What the variables mean and how to use it: deploy/README.md\n`;
  return (
    head + stringify({ version: '3.8', services, volumes }, { lineWidth: 0, aliasDuplicateObjects: false })
  );
};

/** Addresses for `MITOSIS_MANAGERS` of the command line. */
export const managersOf = (): string =>
  FUNCTION_NAMES.flatMap((name) => REPLICAS.map((replica) => `127.0.0.1:${grpcPort(name, replica)}`)).join(
    ',',
  );

export const prometheusFile = (): string =>
  `# ${GENERATED}\n` +
  stringify(
    {
      global: { scrape_interval: '5s' },
      scrape_configs: FUNCTION_NAMES.map((name) => ({
        job_name: `mitosis-${name}`,
        static_configs: [{ targets: REPLICAS.map((replica) => `127.0.0.1:${httpPort(name, replica)}`) }],
      })),
    },
    { lineWidth: 0 },
  );
