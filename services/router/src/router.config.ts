/** The router's own settings: environment → validated, defaulted, frozen. Durations in ms. */
import { jsonOrNull, readSettings, setting, textOr, wholeNumberOr } from '@mitosis/service-kit';
import { z } from 'zod';
import type { HeldSocket } from './data-path/listeners.js';

export interface RouterConfig {
  /** Longest wait for an endpoint, also between retries of a failed attempt. */
  readonly holdMaxMs: number;
  /** The same for a component that may have no instance at all: its start is waited for. */
  readonly zeroHoldMaxMs: number;
  /** Requests of one route that may wait at once. */
  readonly holdQueueMax: number;
  /** Longest wait for the head of an answer. */
  readonly answerTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Longest time for the head of a request (slow senders). */
  readonly requestHeadTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly headerBytesMax: number;
  /** Bodies up to this size are kept, so that an idempotent request can be made again. */
  readonly replayBytesMax: number;
  /** Connections of one listener. */
  readonly connectionsMax: number;
  /** At a stop: idle connections get this long to see `Connection: close` before they are closed. */
  readonly drainIdleMs: number;
  /** At a stop: the longest wait for requests in flight. Health grants 30 s before it kills. */
  readonly drainMaxMs: number;
}

export const ROUTER_DEFAULTS: RouterConfig = {
  holdMaxMs: 5_000,
  zeroHoldMaxMs: 60_000,
  holdQueueMax: 512,
  answerTimeoutMs: 30_000,
  connectTimeoutMs: 2_000,
  requestHeadTimeoutMs: 10_000,
  keepAliveMs: 75_000,
  headerBytesMax: 32 * 1024,
  replayBytesMax: 64 * 1024,
  connectionsMax: 10_000,
  drainIdleMs: 1_000,
  drainMaxMs: 25_000,
};

const MINUTE_MS = 60_000;
const D = ROUTER_DEFAULTS;
const duration = (fallback: number, max: number) => wholeNumberOr(fallback, 1, max);

export const ROUTER_SETTINGS = {
  holdMaxMs: setting('MITOSIS_ROUTER_HOLD_MS', duration(D.holdMaxMs, MINUTE_MS), 'milliseconds up to 60000'),
  zeroHoldMaxMs: setting(
    'MITOSIS_ROUTER_ZERO_HOLD_MS',
    duration(D.zeroHoldMaxMs, 10 * MINUTE_MS),
    'milliseconds up to 600000',
  ),
  holdQueueMax: setting(
    'MITOSIS_ROUTER_HOLD_QUEUE',
    wholeNumberOr(D.holdQueueMax, 0, 100_000),
    'a number of requests up to 100000',
  ),
  answerTimeoutMs: setting(
    'MITOSIS_ROUTER_ANSWER_TIMEOUT_MS',
    duration(D.answerTimeoutMs, 60 * MINUTE_MS),
    'milliseconds up to 3600000',
  ),
  connectTimeoutMs: setting(
    'MITOSIS_ROUTER_CONNECT_TIMEOUT_MS',
    duration(D.connectTimeoutMs, MINUTE_MS),
    'milliseconds up to 60000',
  ),
  connectionsMax: setting(
    'MITOSIS_ROUTER_CONNECTIONS',
    wholeNumberOr(D.connectionsMax, 1, 1_000_000),
    'a number of connections up to 1000000',
  ),
  outside: setting('MITOSIS_OUTSIDE', textOr(''), 'the path of a file about the system beside (alone.md)'),
};

const HELD = {
  held: setting(
    'MITOSIS_LISTENERS',
    jsonOrNull(
      z.array(z.object({ name: z.string(), fd: z.int().min(3), host: z.string(), port: z.int().min(1) })),
    ),
    'JSON [{"name","fd","host","port"}] of open sockets, as the agent sets it; not set: sockets are bound here',
  ),
};

export interface RouterSettings {
  readonly config: RouterConfig;
  /** Sockets handed down by the agent; undefined: this process binds them itself. */
  readonly held: readonly HeldSocket[] | undefined;
  /** Where the last good table lies when the process was given no directory of its own. */
  readonly workingDirectory: string;
  /** File about a system beside this router; empty: the level's store says what is routed. */
  readonly outside: string;
}

/** Throws SettingsError with every mistake at once. */
export const readRouterSettings = (
  env: Readonly<Record<string, string | undefined>>,
  workingDirectory: string,
): RouterSettings => {
  const { held, outside, ...read } = readSettings({ ...ROUTER_SETTINGS, ...HELD }, env);
  return Object.freeze({
    config: Object.freeze({ ...ROUTER_DEFAULTS, ...read }),
    held: held ?? undefined,
    workingDirectory,
    outside,
  });
};
