/** From environment to a serving agent: the host's lock, the recovered state, the gRPC server. */
import { chmodSync, rmSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { hostPaths, lockName, programHash, tryLock, type HeldLock } from '@mitosis/actuators';
import { agent as api, MitosisError } from '@mitosis/contracts';
import { agentHandlers } from '../agent.controller.js';
import { Agent } from '../agent.js';
import type { AgentConfig } from '../agent.config.js';
import type { Log } from '../adapters/log.js';
import type { HostIdentity } from '../identity/host-identity.js';
import { enterRoots } from '../identity/enter-roots.js';
import { openGuardedPort, type GuardedPortOptions } from './guarded-port.js';
import { StatsFeed } from './stats-feed.js';

/** Whoever looks whether an agent runs holds the lock for a moment. */
const LOCK_MS = 1_000;
const LOCK_RETRY_MS = 20;
/** What is answered while ending gets this long to reach its reader. */
const END_MS = 500;

export interface RunningAgent {
  readonly agent: Agent;
  /** Resolves when the agent has ended; what it started goes on. */
  readonly ended: Promise<void>;
  end(): void;
}

export interface RunOptions {
  readonly config: AgentConfig;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
}

/** Undefined when another agent of this home runs. */
export const runAgent = async ({
  config,
  log,
  env,
  version,
}: RunOptions): Promise<RunningAgent | undefined> => {
  const paths = hostPaths(config.home);
  const lock = await holdLock(paths.home);
  if (lock === undefined) return undefined;
  chmodSync(paths.home, 0o700);
  const agent = await Agent.start({ config, log, env });
  const server = new Server({
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
    // Readers on other hosts may vanish without a word.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  const cores = availableParallelism();
  const stats = new StatsFeed((name) => agent.levels.get(name), agent.services.nowMs, cores);
  let resolveEnded: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (resolveEnded = resolve));
  const end = (): void => {
    const force = setTimeout(() => server.forceShutdown(), END_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      agent.close();
      void lock.release();
      resolveEnded();
    });
  };
  const program = programHash(process.argv[1] ?? '');
  const resources = { cpus: cores, memoryBytes: totalmem() };
  server.addService(api.AgentService, agentHandlers({ agent, stats, version, program, resources, end }));
  // Ours by the lock: whoever bound it before is dead.
  rmSync(paths.socket, { force: true });
  const { identity } = agent.services;
  await enterRoots({ ...config, home: paths.home }, identity, log);
  for (const address of addresses(paths.address, agent.listen)) {
    const { host, port } = hostAndPort(address);
    if (address.startsWith('unix:') || !identity.guards(host)) await bind(server, address);
    else openWhenGuarded({ server, host, port, log }, identity);
  }
  chmodSync(paths.socket, 0o600);
  log.info({ home: paths.home, host: agent.services.host, pid: process.pid, version }, 'serving');
  return { agent, ended, end };
};

const holdLock = async (home: string): Promise<HeldLock | undefined> => {
  for (const untilMs = Date.now() + LOCK_MS; ;) {
    const lock = await tryLock(lockName('agent', home));
    if (lock !== undefined || Date.now() > untilMs) return lock;
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS));
  }
};

const addresses = (own: string, listen: string): readonly string[] => [
  own,
  ...listen
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '' && address !== own),
];

const hostAndPort = (address: string): { readonly host: string; readonly port: number } => {
  if (address.startsWith('unix:')) return { host: address, port: 0 };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/gu, ''), port: Number(address.slice(colon + 1)) };
};

/** Now, or when the first root level with certificates is born or joined here. */
const openWhenGuarded = (port: Omit<GuardedPortOptions, 'directory'>, identity: HostIdentity): void => {
  const at = { host: port.host, port: port.port };
  let opened = false;
  const open = (root: string): void => {
    if (opened) return;
    opened = true;
    openGuardedPort({ ...port, directory: identity.agentDirectory(root) }).then(
      () => port.log.info({ ...at, root }, 'serving other hosts'),
      (error: unknown) => {
        opened = false;
        port.log.error({ ...at, root, error: String(error) }, 'other hosts cannot be served');
      },
    );
  };
  const [first] = identity.roots();
  if (first === undefined)
    port.log.info(at, 'other hosts are served once a root level with certificates is here');
  else open(first);
  identity.onGuarded = open;
};

const bind = (server: Server, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else
        reject(
          new MitosisError('unavailable', `the agent cannot listen at ${address}: ${error.message}`, {
            cause: error,
          }),
        );
    });
  });
