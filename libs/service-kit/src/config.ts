/**
 * What every management process is told by its environment (docs/internals.md); written in one place, the agent's specs
 * in contracts/release.ts. A service with settings of its own reads them with `readSettings` in its `<name>.config.ts`.
 */
import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  FUNCTION_NAMES,
  instanceId,
  isFunctionName,
  levelId,
  siteId,
  type FunctionName,
  type LevelId,
  type Release,
  type ReplicaId,
  type SiteId,
} from '@mitosis/contracts';
import * as z from 'zod';
import {
  jsonOrNull,
  listOr,
  oneOfOr,
  readSettings,
  setting,
  text,
  textOr,
  wholeNumberOr,
} from './settings.js';

export interface ServiceConfig {
  readonly level: LevelId;
  readonly replica: ReplicaId;
  readonly site: SiteId;
  /** etcd client URLs. */
  readonly etcd: readonly string[];
  readonly incarnation: number;
  /** gRPC address of the host's agent; empty: none (a service run by hand), so nobody watches over it. */
  readonly agent: string;
  readonly functions: readonly FunctionName[];
  /** Address to bind and to be reached at. */
  readonly host: string;
  /** 0: any free port. */
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly leaseTtlMs: number;
  /** Where the programs are; null when started by hand: then nothing of the management can be started from here. */
  readonly release: Release | null;
  readonly logLevel: LogLevel;
  /** State directory of the host. */
  readonly home: string;
  /**
   * Directory with this process's certificate (`cert.pem`, `key.pem`, `ca.pem`); empty: no TLS, which is allowed on
   * loopback only.
   */
  readonly tlsDir: string;
  /** Directory of this replica that outlives its restarts; empty: none. */
  readonly data: string;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const PORT_REMEDY = 'a port number, 0 for any free one';
const MAX_PORT = 65_535;

const release: z.ZodType<Release> = z.object({
  version: z.string(),
  node: z.string(),
  manager: z.string(),
  router: z.string(),
  agent: z.string(),
  etcd: z.string(),
});

const functionNames: z.ZodType<readonly FunctionName[]> = listOr(FUNCTION_NAMES).pipe(
  z.array(z.custom<FunctionName>((name) => typeof name === 'string' && isFunctionName(name), 'unknown name')),
);

/** What every process of a level is told; the pages in docs/services list it. */
export const PROCESS_SETTINGS = {
  level: setting('MITOSIS_LEVEL', text().transform(levelId), "the level's name, for example shop"),
  replica: setting(
    'MITOSIS_INSTANCE',
    textOr('').transform((id) => instanceId(id === '' ? `manual-${randomBytes(4).toString('hex')}` : id)),
    "this replica's instance id, never used before",
  ),
  site: setting(
    'MITOSIS_SITE',
    textOr('local').transform(siteId),
    'the name of the site this process runs on',
  ),
  etcd: setting(
    'MITOSIS_ETCD',
    listOr(['http://127.0.0.1:2379']).pipe(z.array(z.url({ protocol: /^https?$/ }))),
    "the level's etcd client URLs, comma-separated, for example http://127.0.0.1:2379",
  ),
  incarnation: setting(
    'MITOSIS_INCARNATION',
    wholeNumberOr(1, 1, Number.MAX_SAFE_INTEGER),
    "the incarnation of the level's store, at least 1",
  ),
  agent: setting('MITOSIS_AGENT', textOr(''), "the address of the host's agent, unix:/path or host:port"),
  functions: setting(
    'MITOSIS_FUNCTIONS',
    functionNames,
    `a comma-separated list out of ${FUNCTION_NAMES.join(', ')}`,
  ),
  host: setting('MITOSIS_HOST', textOr('127.0.0.1'), 'an address of this host to bind'),
  grpcPort: setting('MITOSIS_GRPC_PORT', wholeNumberOr(0, 0, MAX_PORT), PORT_REMEDY),
  httpPort: setting('MITOSIS_HTTP_PORT', wholeNumberOr(0, 0, MAX_PORT), PORT_REMEDY),
  leaseTtlMs: setting(
    'MITOSIS_LEASE_TTL_MS',
    wholeNumberOr(3_000, 1_000, 600_000),
    'milliseconds between 1000 and 600000 (etcd rounds up to whole seconds, at least 2)',
  ),
  release: setting('MITOSIS_RELEASE', jsonOrNull(release), 'the JSON of a Release, as the agent sets it'),
  logLevel: setting('MITOSIS_LOG', oneOfOr('info', LOG_LEVELS), `one of ${LOG_LEVELS.join(', ')}`),
  home: setting('MITOSIS_HOME', textOr(join(homedir(), '.mitosis')), "the host's state directory"),
  tlsDir: setting('MITOSIS_TLS_DIR', textOr(''), 'a directory with cert.pem, key.pem and ca.pem'),
  data: setting('MITOSIS_DATA', textOr(''), 'a directory of this replica that outlives its restarts'),
};

/** Throws SettingsError with every mistake at once. */
export const readServiceConfig = (env: Readonly<Record<string, string | undefined>>): ServiceConfig =>
  readSettings(PROCESS_SETTINGS, env);
