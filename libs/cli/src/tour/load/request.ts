/**
 * One idempotent GET as a careful client sends it: bounded in time, a connection error tried again once within two
 * seconds. Never throws.
 */
import http from 'node:http';
import type { Outcome, Sample } from './sample.js';

/** Longer than anything an objective allows; bounds what is in flight. */
const TIMEOUT_MS = 8_000;
const RETRY_WITHIN_MS = 2_000;
/** What refuses or resets now may answer a moment later. */
const RETRY_AFTER_MS = 100;

type Answer = Pick<Sample, 'status' | 'degraded' | 'provider'>;
type Try =
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'refused' | 'reset' | 'timeout' };

const tryOnce = (agent: http.Agent, url: string, timeoutMs: number): Promise<Try> =>
  new Promise((resolve) => {
    const request = http.get(url, { agent, timeout: timeoutMs }, (response) => {
      response.resume();
      response.on('error', () => resolve({ kind: 'reset' }));
      response.on('end', () => resolve({ kind: 'answered', answer: answerOf(response) }));
    });
    // `timeout` of the socket counts silence only: the whole request is bounded here.
    const timer = setTimeout(() => {
      resolve({ kind: 'timeout' });
      request.destroy();
    }, timeoutMs);
    request.on('close', () => clearTimeout(timer));
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: error.code === 'ECONNREFUSED' ? 'refused' : 'reset' }),
    );
  });

const header = (response: http.IncomingMessage, name: string): string => {
  const value = response.headers[name];
  return Array.isArray(value) ? value.join(',') : (value ?? '');
};

const answerOf = (response: http.IncomingMessage): Answer => ({
  status: response.statusCode ?? 0,
  degraded: header(response, 'x-degraded') !== '',
  provider: header(response, 'x-provider'),
});

const NOTHING: Answer = { status: 0, degraded: false, provider: '' };

const outcomeOf = (last: Try): Outcome => {
  switch (last.kind) {
    case 'answered':
      return last.answer.status < 500 ? 'ok' : 'error';
    case 'timeout':
      return 'timeout';
    case 'refused':
    case 'reset':
      return 'unreachable';
    default:
      return last satisfies never;
  }
};

/** `dueMs` is the monotonic moment it was meant to be sent at; latency counts from there. */
export const sendRequest = async (
  agent: http.Agent,
  url: string,
  kind: number,
  dueMs: number,
): Promise<Sample> => {
  const atMs = Date.now() - (performance.now() - dueMs);
  let last = await tryOnce(agent, url, TIMEOUT_MS);
  const firstTry = last.kind === 'refused' || last.kind === 'reset' ? last.kind : '';
  if (firstTry !== '' && performance.now() - dueMs < RETRY_WITHIN_MS) {
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
    last = await tryOnce(agent, url, TIMEOUT_MS);
  }
  const answer = last.kind === 'answered' ? last.answer : NOTHING;
  return { atMs, latencyMs: performance.now() - dueMs, kind, outcome: outcomeOf(last), firstTry, ...answer };
};
