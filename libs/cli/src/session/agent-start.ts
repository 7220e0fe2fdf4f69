/** Starts this host's agent when it is gone: what `up`, and `down` after a crash, need first. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAgent } from '@mitosis/actuators';
import { MitosisError, type Release } from '@mitosis/contracts';
import type { HostSession } from './host.js';
import { leftMs, type Bound } from './wait.js';

/** The kernel's limit of a socket's path (108) less its end. */
const SOCKET_PATH_MAX = 107;
const START_MS = 10_000;

/** True when an agent was started by this call. Throws MitosisError. */
export const startAgent = async (host: HostSession, release: Release, bound: Bound): Promise<boolean> => {
  const socket = join(host.home, 'agent.sock');
  if (Buffer.byteLength(socket) > SOCKET_PATH_MAX)
    throw new MitosisError(
      'invalid_input',
      `${socket} is too long for a socket (${SOCKET_PATH_MAX} bytes): set MITOSIS_HOME to a shorter path`,
    );
  const { started } = await ensureAgent({
    home: host.home,
    release,
    timeoutMs: Math.min(START_MS, leftMs(bound)),
    ...(bound.signal === undefined ? {} : { signal: bound.signal }),
  });
  return started;
};

/** Whether an agent runs or left something here: what it left may still run. */
export const hasState = (home: string): boolean => {
  const levels = join(home, 'levels');
  return existsSync(join(home, 'agent.sock')) || (existsSync(levels) && readdirSync(levels).length > 0);
};
