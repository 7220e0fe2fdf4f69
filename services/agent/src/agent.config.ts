/** Environment → validated, defaulted, frozen. What the environment does not say is taken from what the host was told before. */
import { parseEngineAddress } from '@mitosis/actuators';
import { MitosisError } from '@mitosis/contracts';
import { isNamePart } from '@mitosis/identity';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { PortRange } from './decide/ports.js';

export interface AgentConfig {
  /** State directory; as given, not yet resolved. */
  readonly home: string;
  /** Address instances bind to; undefined: as recorded, else 127.0.0.1. */
  readonly host: string | undefined;
  /** Further gRPC addresses; undefined: as recorded, else none. */
  readonly listen: string | undefined;
  /** Range that ports are allotted from; undefined: as recorded, else 20000-29999. */
  readonly ports: string | undefined;
  /** Certificates for root levels born from now on: `on`, `off`; undefined: as recorded, else by the host's address. */
  readonly tls: string | undefined;
  readonly certificateTtlMs: number;
  /** Root levels whose management somebody else's tool runs: this agent and its people get certificates of them. */
  readonly roots: readonly string[];
  /** A join token for a host whose agent is started by somebody else's tool; empty: none. */
  readonly joinToken: string;
  /** The Docker engine of this host; undefined: as recorded, else the usual socket. */
  readonly docker: DockerSettings | undefined;
  /**
   * Who binds the sockets of the routers: `agent` holds and hands them down; `router`, where routers run in containers of
   * their own and cannot inherit: then their addresses are only allotted here.
   */
  readonly sockets: 'agent' | 'router';
  readonly snapshotIntervalMs: number;
  /** From one look at the databases of etcd to the next. */
  readonly upkeepIntervalMs: number;
  readonly logLevel: string;
}

export interface DockerSettings {
  /** `DOCKER_HOST`; empty: the usual socket. */
  readonly host: string;
  /** `DOCKER_CERT_PATH` while `DOCKER_TLS_VERIFY` asks for TLS; empty: no TLS. */
  readonly certPath: string;
  /** Range that networks for components are taken from. */
  readonly pool: string;
}

/** Seldom used by anybody else; MITOSIS_DOCKER_POOL names another one. */
const DOCKER_POOL = '10.213.0.0/16';
export const DEFAULT_DOCKER: DockerSettings = { host: '', certPath: '', pool: DOCKER_POOL };

type Environment = Readonly<Record<string, string | undefined>>;

export const readAgentConfig = (env: Environment): AgentConfig =>
  Object.freeze({
    home: env['MITOSIS_HOME'] || join(homedir(), '.mitosis'),
    host: env['MITOSIS_HOST'] || undefined,
    listen: env['MITOSIS_AGENT_LISTEN'] || undefined,
    ports: checkedRange(env['MITOSIS_PORTS'] || undefined),
    tls: checkedSwitch(env['MITOSIS_TLS'] || undefined),
    certificateTtlMs: readWhole(env, 'MITOSIS_CERTIFICATE_TTL_MS', 86_400_000),
    roots: readRoots(env['MITOSIS_ROOTS'] ?? ''),
    joinToken: env['MITOSIS_JOIN'] ?? '',
    docker: readDocker(env),
    sockets: checkedSockets(env['MITOSIS_SOCKETS'] || 'agent'),
    snapshotIntervalMs: readWhole(env, 'MITOSIS_SNAPSHOT_INTERVAL_MS', 300_000),
    upkeepIntervalMs: readWhole(env, 'MITOSIS_UPKEEP_INTERVAL_MS', 60_000),
    logLevel: env['MITOSIS_LOG'] || 'info',
  });

/** Throws MitosisError `invalid_input`. */
const readRoots = (text: string): readonly string[] => {
  const roots = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = roots.find((name) => !isNamePart(name) || name.includes('.'));
  if (wrong === undefined) return roots;
  throw new MitosisError(
    'invalid_input',
    `MITOSIS_ROOTS names ${wrong}; it should be names of root levels (without dots), comma-separated`,
  );
};

const readDocker = (env: Environment): DockerSettings | undefined => {
  const { DOCKER_HOST: host = '', DOCKER_CERT_PATH: path = '', DOCKER_TLS_VERIFY: verify = '' } = env;
  const pool = env['MITOSIS_DOCKER_POOL'] ?? '';
  if (host === '' && pool === '') return undefined;
  const settings = { host, certPath: verify === '' ? '' : path, pool: pool === '' ? DOCKER_POOL : pool };
  parseEngineAddress(settings);
  return settings;
};

const DEFAULT_RANGE = '20000-29999';

const checkedSwitch = (text: string | undefined): string | undefined => {
  if (text === undefined || text === 'on' || text === 'off') return text;
  throw new MitosisError('invalid_input', `MITOSIS_TLS is ${text}; it should be on or off`);
};

const checkedSockets = (text: string): 'agent' | 'router' => {
  if (text === 'agent' || text === 'router') return text;
  throw new MitosisError('invalid_input', `MITOSIS_SOCKETS is ${text}; it should be agent or router`);
};

const checkedRange = (text: string | undefined): string | undefined => {
  if (text !== undefined) readPortRange(text);
  return text;
};

/** Empty: the default. Throws MitosisError `invalid_input`. */
export const readPortRange = (given: string): PortRange => {
  const text = given === '' ? DEFAULT_RANGE : given;
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (range.first >= 1 && range.last <= 65_535 && range.first <= range.last) return range;
  throw new MitosisError('invalid_input', `MITOSIS_PORTS is ${text}; it should be two ports, as 20000-29999`);
};

const readWhole = (env: Environment, name: string, fallback: number): number => {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new MitosisError('invalid_input', `${name} is ${text}; it should be a whole number of milliseconds`);
};
