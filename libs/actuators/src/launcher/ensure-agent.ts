/**
 * Starts the agent of this host unless it runs: used by the command line and by every management process. One starter at
 * a time a host; asks the keeper of the sockets first, so that they are inherited. Must never end an agent unless told to
 * replace it: one that does not answer is left alone, for a second one cannot start beside it.
 */
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { MitosisError, type agent, type Release } from '@mitosis/contracts';
import { endAgent, helloAgent } from './connect-agent.js';
import { hostPaths, inheritedEnvironment, lockName, type HostPaths } from './host-paths.js';
import { tryLock, type HeldLock } from './lock.js';

export interface EnsureAgentOptions {
  /** State directory; created when missing. */
  readonly home: string;
  /** Address instances of this host are bound to. Default: MITOSIS_HOST, else what the host was told before. */
  readonly host?: string;
  /** Further addresses the agent listens at, comma-separated; its unix socket is always there. Default as above. */
  readonly listen?: string;
  readonly release: Pick<Release, 'node' | 'agent'>;
  /** Default: this process's own. Only a known part is handed on. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default 10,000 ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface EnsuredAgent {
  readonly address: string;
  readonly info: agent.AgentInfo;
  /** False when it ran already. */
  readonly started: boolean;
}

const HELLO_MS = 1_000;
const RETRY_MS = 25;
/** A keeper that was asked starts the agent in some 200 ms; a machine that is busy gets this long. */
const KEEPER_MS = 3_000;
const DIRECT_MS = 5_000;

/** Throws MitosisError `deadline` when no agent answers in time. */
export const ensureAgent = async (options: EnsureAgentOptions): Promise<EnsuredAgent> => {
  const paths = hostPaths(options.home);
  const limit = AbortSignal.timeout(Math.ceil(options.timeoutMs ?? 10_000));
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
  let started = false;
  for (;;) {
    const info = await answers(paths);
    if (info !== undefined) return { address: paths.address, info, started };
    if (signal.aborted)
      throw new MitosisError('deadline', `no agent answers at ${paths.socket}; its log: ${paths.agentLog}`);
    started = (await startOnce(paths, options, signal)) || started;
    await pause(RETRY_MS);
  }
};

/** Connects before it speaks gRPC, which would wait and retry where a plain refusal says all. */
const answers = async (paths: HostPaths): Promise<agent.AgentInfo | undefined> =>
  (await listens(paths.socket)) ? helloAgent(paths.address, HELLO_MS) : undefined;

const listens = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ path });
    const done = (result: boolean) => (): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(HELLO_MS, done(false));
    socket.once('connect', done(true));
    socket.once('error', done(false));
  });

/**
 * Another program for the agent that runs: ends it and starts the release's in its place. What it runs goes on and is
 * adopted; nobody else can start an agent meanwhile. Throws MitosisError `unavailable` or `deadline`.
 */
export const replaceAgent = async (options: EnsureAgentOptions): Promise<EnsuredAgent> => {
  const paths = hostPaths(options.home);
  const limit = AbortSignal.timeout(Math.ceil(options.timeoutMs ?? 10_000));
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
  const lock = await takeLaunch(paths, signal);
  try {
    writeLaunchScript(paths, options);
    await endAgent(paths);
    while (await isRunning(paths)) {
      if (signal.aborted)
        throw new MitosisError('deadline', `the agent of ${paths.home} was told to end and has not`);
      await pause(RETRY_MS);
    }
    await launch(paths, options, signal);
  } finally {
    await lock.release();
  }
  return { ...(await ensureAgent(options)), started: true };
};

const takeLaunch = async (paths: HostPaths, signal: AbortSignal): Promise<HeldLock> => {
  for (;;) {
    const lock = await tryLock(lockName('launch', paths.home));
    if (lock !== undefined) return lock;
    if (signal.aborted)
      throw new MitosisError('deadline', `somebody else is starting the agent of ${paths.home} all the time`);
    await pause(RETRY_MS);
  }
};

/** False when another process is starting it, or when it runs without answering. */
const startOnce = async (
  paths: HostPaths,
  options: EnsureAgentOptions,
  signal: AbortSignal,
): Promise<boolean> => {
  const lock = await tryLock(lockName('launch', paths.home));
  if (lock === undefined) return false;
  try {
    if (await isRunning(paths)) return false;
    writeLaunchScript(paths, options);
    return await launch(paths, options, signal);
  } finally {
    await lock.release();
  }
};

/** By the launch script; the caller holds the lock. False when none came up by it. */
const launch = async (
  paths: HostPaths,
  options: EnsureAgentOptions,
  signal: AbortSignal,
): Promise<boolean> => {
  if (askKeeper(paths) && (await comesUp(paths, KEEPER_MS, signal))) return true;
  if (await isRunning(paths)) return false;
  startDirectly(paths, options);
  return comesUp(paths, DIRECT_MS, signal);
};

/** The agent holds its lock from its first moment to its last; a free lock means that there is none. */
const isRunning = async (paths: HostPaths): Promise<boolean> => {
  const free = await tryLock(lockName('agent', paths.home));
  await free?.release();
  return free === undefined;
};

const quote = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** The keeper was started by an older agent; the script says how the present release starts its own. */
const writeLaunchScript = (paths: HostPaths, options: EnsureAgentOptions): void => {
  const from = options.env ?? process.env;
  const told: Readonly<Record<string, string | undefined>> = {
    MITOSIS_HOME: paths.home,
    MITOSIS_HOST: options.host ?? from['MITOSIS_HOST'],
    MITOSIS_AGENT_LISTEN: options.listen ?? from['MITOSIS_AGENT_LISTEN'],
    MITOSIS_PORTS: from['MITOSIS_PORTS'],
    MITOSIS_TLS: from['MITOSIS_TLS'],
    MITOSIS_CERTIFICATE_TTL_MS: from['MITOSIS_CERTIFICATE_TTL_MS'],
    DOCKER_HOST: from['DOCKER_HOST'],
    DOCKER_CERT_PATH: from['DOCKER_CERT_PATH'],
    DOCKER_TLS_VERIFY: from['DOCKER_TLS_VERIFY'],
    MITOSIS_DOCKER_POOL: from['MITOSIS_DOCKER_POOL'],
    MITOSIS_SNAPSHOT_INTERVAL_MS: from['MITOSIS_SNAPSHOT_INTERVAL_MS'],
    MITOSIS_UPKEEP_INTERVAL_MS: from['MITOSIS_UPKEEP_INTERVAL_MS'],
  };
  const env = Object.entries(told).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`export ${name}=${quote(value)}`],
  );
  const { release } = options;
  const script = [
    ...env,
    'cd /',
    `exec ${quote(release.node)} ${quote(release.agent)} </dev/null >>${quote(paths.agentLog)} 2>&1`,
    '',
  ];
  writeFileSync(`${paths.launch}.${process.pid}`, script.join('\n'), { mode: 0o600 });
  renameSync(`${paths.launch}.${process.pid}`, paths.launch);
};

/** False when there is no keeper. */
const askKeeper = (paths: HostPaths): boolean => {
  let fifo: number;
  try {
    // Without a reader this fails at once instead of waiting for one.
    fifo = openSync(paths.keeper, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    writeSync(fifo, 'start\n');
    return true;
  } catch {
    return false;
  } finally {
    closeSync(fifo);
  }
};

/** In a session of its own and as nobody's child: the agent outlives whoever started it. */
const startDirectly = (paths: HostPaths, options: EnsureAgentOptions): void => {
  const child = spawn('/bin/sh', ['-c', '/bin/sh "$0" &', paths.launch], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
    env: inheritedEnvironment(options.env ?? process.env),
  });
  child.on('error', () => undefined);
  child.unref();
};

const comesUp = async (paths: HostPaths, boundMs: number, signal: AbortSignal): Promise<boolean> => {
  for (const untilMs = Date.now() + boundMs; Date.now() < untilMs && !signal.aborted;) {
    if ((await answers(paths)) !== undefined) return true;
    await pause(RETRY_MS);
  }
  return false;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
