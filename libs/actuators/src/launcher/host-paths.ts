/** Where a host's state lies and how its one agent is told from others: shared by the agent and whoever starts it. */
import { createHash } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

export interface HostPaths {
  /** Real path; every process of the host carries it as MITOSIS_HOME. */
  readonly home: string;
  readonly socket: string;
  readonly address: string;
  /** FIFO of the process that keeps the sockets. */
  readonly keeper: string;
  /** Shell script that becomes the agent. */
  readonly launch: string;
  readonly agentLog: string;
}

/** Creates the directory (mode 0700) when it is missing. */
export const hostPaths = (home: string): HostPaths => {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const real = realpathSync(home);
  const socket = join(real, 'agent.sock');
  return {
    home: real,
    socket,
    address: `unix:${socket}`,
    keeper: join(real, 'keeper'),
    launch: join(real, 'launch'),
    agentLog: join(real, 'agent.log'),
  };
};

/**
 * Name of an abstract unix socket: the kernel lets one process bind it and frees it when that process dies, however it
 * dies. No file can be left behind.
 */
export const lockName = (purpose: 'agent' | 'launch', home: string): string =>
  `\0mitosis-${purpose}-${createHash('sha256').update(home).digest('hex').slice(0, 24)}`;

/** What an instance, the agent and its keeper take over from whoever started the first of them. */
const INHERITED =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|XDG_RUNTIME_DIR|DOCKER_HOST|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy)$/i;

/** The part of an environment that is handed on: no secret of the caller, no mark of an instance. */
export const inheritedEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      INHERITED.test(name) && value !== undefined ? [[name, value] as const] : [],
    ),
  );
