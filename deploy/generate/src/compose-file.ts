/**
 * deploy/compose/docker-compose.yml: a level from separately deployed services on one host. Everything speaks on the
 * host's loopback and over mutual TLS, so nothing is reachable from outside but the published ports of the managed
 * composition, and nothing inside without a certificate of the level. Each container sees its own key and no other.
 */
import { FUNCTION_NAMES, type FunctionName } from '@mitosis/contracts';
import { stringify } from 'yaml';
import {
  ETCD_IMAGE,
  ETCD_MEMBERS,
  ETCD_TLS,
  ETCD_TUNING,
  ETCDCTL,
  GENERATED,
  grpcPort,
  httpPort,
  IMAGE,
  programOf,
  PROGRAMS,
  REPLICAS,
  STATE,
  TLS,
  USER,
} from './deployment.js';

type Service = Readonly<Record<string, unknown>>;

const clientPort = (member: number): number => 23_790 + member;
const peerPort = (member: number): number => 23_890 + member;
const LEVEL = '${MITOSIS_LEVEL:-shop}';
/** Of the agent: the services reach it as other hosts would, with their certificates. */
const AGENT_ADDRESS = '127.0.0.1:7070';
const ETCD_URLS = ETCD_MEMBERS.map((member) => `https://127.0.0.1:${clientPort(member)}`).join(',');

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
/** How often a container that goes on is looked at. */
const LOOKED_AT = { interval: '10s', timeout: '5s', retries: 3 } as const;
const { restart: _restart, ...ENDS } = HARDENED;

const TTL = '${MITOSIS_CERTIFICATE_TTL_MS:-86400000}';
const REPLICA_NAMES = FUNCTION_NAMES.flatMap((name) => REPLICAS.map((replica) => `${name}-${replica}`));
const ETCD_NAMES = ETCD_MEMBERS.map((member) => `etcd-${member}`);
/** Who gets a certificate; the agent makes its own, and that of the people at its command line. */
const HOLDERS = [...ETCD_NAMES, ...REPLICA_NAMES, 'prometheus'];
const roleOf = (holder: string): string => holder.replace(/-\d+$/u, '');
const ownCertificate = (holder: string): string => `tls-${holder}:${TLS}:ro`;
const AFTER_CERTIFICATES = { certificates: { condition: 'service_healthy' } };

/** New volumes are root's: gives them to the user that everything runs as. The one process with a capability, and it ends. */
const volumes = (): Service => ({
  ...ENDS,
  network_mode: 'none',
  image: IMAGE,
  command: [
    '-e',
    "for (const one of fs.readdirSync('/volumes')) fs.chownSync('/volumes/' + one, 1000, 1000)",
  ],
  user: '0:0',
  cap_add: ['CHOWN'],
  healthcheck: { disable: true },
  volumes: [
    ...ETCD_NAMES.map((name) => `${name}:/volumes/${name}`),
    ...HOLDERS.map((holder) => `tls-${holder}:/volumes/tls-${holder}`),
  ],
});

/** Holds the authority, listens nowhere, and writes certificates as long as it runs: at first and at half their life. */
const certificates = (): Service => ({
  ...HARDENED,
  network_mode: 'none',
  image: IMAGE,
  command: [
    `${PROGRAMS}/services/agent/bundle/certificates.mjs`,
    ...HOLDERS.map((holder) => `${LEVEL}/${roleOf(holder)}/${holder}`),
  ],
  environment: {
    MITOSIS_HOME: STATE,
    MITOSIS_TLS_OUT: '/out',
    MITOSIS_CERTIFICATE_TTL_MS: TTL,
    MITOSIS_LOG: '${MITOSIS_LOG:-info}',
  },
  depends_on: { volumes: { condition: 'service_completed_successfully' } },
  volumes: [`\${MITOSIS_STATE:-state}:${STATE}`, ...HOLDERS.map((holder) => `tls-${holder}:/out/${holder}`)],
  healthcheck: {
    test: ['CMD', 'node', '-e', `fs.accessSync('/out/${HOLDERS.at(-1)}/cert.pem')`],
    interval: '1s',
    timeout: '5s',
    retries: 30,
  },
});

const etcd = (member: number): Service => ({
  ...HARDENED,
  image: ETCD_IMAGE,
  command: [
    'etcd',
    `--name=etcd-${member}`,
    '--data-dir=/etcd-data/member',
    `--listen-client-urls=https://127.0.0.1:${clientPort(member)}`,
    `--advertise-client-urls=https://127.0.0.1:${clientPort(member)}`,
    `--listen-peer-urls=https://127.0.0.1:${peerPort(member)}`,
    `--initial-advertise-peer-urls=https://127.0.0.1:${peerPort(member)}`,
    `--initial-cluster=${ETCD_MEMBERS.map((one) => `etcd-${one}=https://127.0.0.1:${peerPort(one)}`).join(',')}`,
    `--initial-cluster-token=${LEVEL}`,
    ...ETCD_TLS,
    ...ETCD_TUNING,
  ],
  depends_on: AFTER_CERTIFICATES,
  volumes: [`etcd-${member}:/etcd-data`, ownCertificate(`etcd-${member}`)],
  healthcheck: {
    test: ['CMD', ...ETCDCTL, `--endpoints=https://127.0.0.1:${clientPort(member)}`, 'endpoint', 'health'],
    ...LOOKED_AT,
  },
});

const service = (name: FunctionName, replica: number): Service => ({
  ...HARDENED,
  image: IMAGE,
  command: [programOf(name)],
  stop_grace_period: name === 'router' ? '30s' : '10s',
  environment: {
    MITOSIS_LEVEL: LEVEL,
    MITOSIS_INSTANCE: `${name}-${replica}`,
    MITOSIS_SITE: 'local',
    MITOSIS_ETCD: ETCD_URLS,
    MITOSIS_TLS_DIR: TLS,
    MITOSIS_AGENT: AGENT_ADDRESS,
    MITOSIS_HOST: '127.0.0.1',
    MITOSIS_GRPC_PORT: String(grpcPort(name, replica)),
    MITOSIS_HTTP_PORT: String(httpPort(name, replica)),
    ...(name === 'router' ? { MITOSIS_DATA: '/data' } : {}),
    MITOSIS_LOG: '${MITOSIS_LOG:-info}',
  },
  depends_on: AFTER_CERTIFICATES,
  volumes: [ownCertificate(`${name}-${replica}`), ...(name === 'router' ? [`router-${replica}:/data`] : [])],
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
    MITOSIS_TLS: 'on',
    MITOSIS_ROOTS: LEVEL,
    MITOSIS_AGENT_LISTEN: AGENT_ADDRESS,
    MITOSIS_JOIN: '${MITOSIS_JOIN:-}',
    MITOSIS_CERTIFICATE_TTL_MS: TTL,
    DOCKER_HOST: 'unix:///var/run/docker.sock',
    MITOSIS_DOCKER_POOL: '${MITOSIS_DOCKER_POOL:-10.213.0.0/16}',
    MITOSIS_LOG: '${MITOSIS_LOG:-info}',
  },
  depends_on: AFTER_CERTIFICATES,
  volumes: [
    `\${MITOSIS_STATE:-state}:${STATE}`,
    '${DOCKER_SOCKET:-/var/run/docker.sock}:/var/run/docker.sock',
  ],
  healthcheck: {
    test: ['CMD', 'node', `${PROGRAMS}/healthcheck.mjs`],
    ...LOOKED_AT,
  },
});

export const composeFile = (): string => {
  const services = {
    volumes: volumes(),
    certificates: certificates(),
    ...Object.fromEntries(ETCD_MEMBERS.map((member) => [`etcd-${member}`, etcd(member)])),
    agent: agent(),
    ...Object.fromEntries(
      FUNCTION_NAMES.flatMap((name) =>
        REPLICAS.map((replica) => [`${name}-${replica}`, service(name, replica)]),
      ),
    ),
  };
  const named = Object.fromEntries(
    [
      'state',
      ...ETCD_NAMES,
      ...REPLICAS.map((replica) => `router-${replica}`),
      ...HOLDERS.map((holder) => `tls-${holder}`),
    ].map((name) => [name, {}]),
  );
  const head = `# ${GENERATED}\n# What the variables mean and how to use it: deploy/README.md\n`;
  return (
    head +
    stringify(
      { version: '3.8', services, volumes: named },
      // docker-compose reads YAML 1.1, to which a bare `on` is true.
      { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false },
    )
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
        scheme: 'https',
        tls_config: {
          ca_file: `${TLS}/ca.pem`,
          cert_file: `${TLS}/cert.pem`,
          key_file: `${TLS}/key.pem`,
          min_version: 'TLS13',
        },
        static_configs: [{ targets: REPLICAS.map((replica) => `127.0.0.1:${httpPort(name, replica)}`) }],
      })),
    },
    { lineWidth: 0 },
  );
