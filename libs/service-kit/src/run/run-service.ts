/**
 * The `main` of every management process: environment in, signals handled, exit codes out. 0: told to end and did;
 * 1: failed; 2: a mistake in the environment. Must end within its bound however much of it hangs.
 */
import { setMaxListeners } from 'node:events';
import { MitosisError } from '@mitosis/contracts';
import type { TlsIdentity } from '@mitosis/identity';
import { readServiceConfig, type ServiceConfig } from '../config.js';
import type { Logger } from '../logger.js';
import { createLogger } from '../pino-logger.js';
import type { ServiceDefinition } from '../service.js';
import { SettingsError } from '../settings.js';
import { identityOf } from './process-identity.js';
import { connectLevel } from './connect-level.js';
import { startService, type RunningService } from './start-service.js';

/** Views of a process, and calls a pass makes side by side; beyond it Node warns, as it should. */
const SIGNAL_LISTENERS = 200;
/** All bounds of an orderly stop together, besides what services ask for. */
const STOP_MS = 5_000;

/** Runs until SIGTERM or SIGINT. Functions named in the environment must be among the definitions. */
export const runService = async (
  definitions: readonly ServiceDefinition[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<void> => {
  const config = configOrExit(definitions, env);
  const log = createLogger(config.logLevel, { level: config.level, replica: config.replica });
  onCrash(log);
  // One session's signal reaches every call made under it: more listeners than ten are no leak here.
  setMaxListeners(SIGNAL_LISTENERS);
  const identity = identityOrExit(config, log);
  let running: Promise<RunningService> | undefined;
  const stop = once(() => {
    const boundMs = STOP_MS + Math.max(0, ...definitions.map(({ stopBoundMs = 0 }) => stopBoundMs));
    setTimeout(() => {
      log.error({ boundMs }, 'not ended in time: leaving');
      process.exit(1);
    }, boundMs).unref();
    void finish(running, log);
  });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const ensureAgent = agentStarter(config);
  running = startService({
    config,
    definitions,
    log,
    connection: connectLevel(config, log, identity),
    ...(identity === null ? {} : { identity }),
    ...(ensureAgent === undefined ? {} : { ensureAgent }),
  });
  try {
    await running;
  } catch (err) {
    log.error({ err }, 'could not start');
    process.exit(1);
  }
};

/** Undefined for a process that was started by hand: it knows no agent's program. */
const agentStarter = ({
  release,
  home,
  host,
}: ServiceConfig): ((signal: AbortSignal) => Promise<void>) | undefined => {
  if (release === null) return undefined;
  return async (signal) => {
    // Loaded when it is needed, which is hardly ever.
    const { ensureAgent } = await import('@mitosis/actuators');
    await ensureAgent({ home, host, release, signal });
  };
};

const finish = async (running: Promise<RunningService> | undefined, log: Logger): Promise<void> => {
  try {
    log.info({}, 'told to end');
    await (await running)?.stop();
    process.exit(0);
  } catch (err) {
    log.error({ err }, 'did not end in order');
    process.exit(1);
  }
};

const configOrExit = (
  definitions: readonly ServiceDefinition[],
  env: Readonly<Record<string, string | undefined>>,
): ServiceConfig => {
  try {
    return readServiceConfig({ ...env, MITOSIS_FUNCTIONS: definitions.map(({ name }) => name).join(',') });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(2);
  }
};

const identityOrExit = (config: ServiceConfig, log: Logger): TlsIdentity | null => {
  try {
    return identityOf(config, (error) =>
      log.warn({ reason: error.message }, 'the certificate could not be read again: the one before stays'),
    );
  } catch (error) {
    if (!(error instanceof MitosisError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(2);
  }
};

/** What nobody caught leaves the process in a state nobody knows; the agent starts it again within 100 ms. */
const onCrash = (log: Logger): void => {
  const crash = (err: unknown): void => {
    log.error({ err }, 'crashed');
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
};

const once = (run: () => void): (() => void) => {
  let ran = false;
  return () => {
    if (ran) return;
    ran = true;
    run();
  };
};
