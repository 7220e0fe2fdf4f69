/**
 * Brings the host's agent back when it is gone. Every management process does this; one lock per host makes that one
 * start. Gone means that nobody listens at its address: a slow or stopped agent is left alone.
 */
import { connect } from 'node:net';
import type { Logger } from '../logger.js';

export interface AgentWatchOptions {
  /** `unix:/path` or `host:port`. */
  readonly address: string;
  /** Starts the agent unless another process has; resolves when it answers. */
  readonly ensureAgent: (signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
  readonly random: () => number;
  readonly periodMs?: number;
}

/** A connect to a unix socket costs some microseconds; a second is the order of the agent's own restart. */
const PERIOD_MS = 1_000;
const ENSURE_TIMEOUT_MS = 10_000;
const BACKOFF_MAX_MS = 10_000;
const CONNECT_TIMEOUT_MS = 1_000;

/** Until the signal aborts. Never throws: the next look is the retry. */
export const watchAgent = async (options: AgentWatchOptions, signal: AbortSignal): Promise<void> => {
  const { address, log, random } = options;
  const periodMs = options.periodMs ?? PERIOD_MS;
  let failures = 0;
  while (!signal.aborted) {
    await pause(Math.min(BACKOFF_MAX_MS, periodMs * 2 ** failures) * (0.75 + random() / 2), signal);
    if (signal.aborted || !(await isGone(address))) {
      failures = 0;
      continue;
    }
    // All processes of the host see it at about the same time: the first one's start is the others' second look.
    await pause(random() * periodMs * 0.3, signal);
    if (signal.aborted || !(await isGone(address))) continue;
    failures = (await ensure(options, signal)) ? 0 : Math.min(failures + 1, 8);
  }
  log.debug({}, 'agent watch ended');
};

const ensure = async (
  { address, ensureAgent, log }: AgentWatchOptions,
  signal: AbortSignal,
): Promise<boolean> => {
  log.warn({ agent: address }, 'the agent of this host is gone: starting it');
  try {
    await ensureAgent(AbortSignal.any([signal, AbortSignal.timeout(ENSURE_TIMEOUT_MS)]));
    log.info({ agent: address }, 'the agent of this host answers');
    return true;
  } catch (err) {
    if (!signal.aborted) log.error({ agent: address, err }, 'the agent could not be started');
    return false;
  }
};

const REFUSED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT']);

/** True when nobody listens at the address; a time-out or any other error says nothing and counts as present. */
export const isGone = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(targetOf(address));
    const done = (gone: boolean): void => {
      socket.destroy();
      resolve(gone);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => done(false));
    socket.once('connect', () => done(false));
    socket.once('error', (error: NodeJS.ErrnoException) => done(REFUSED.has(error.code ?? '')));
  });

const targetOf = (address: string): { path: string } | { host: string; port: number } => {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
