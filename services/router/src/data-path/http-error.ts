/** The answers a router gives itself, as JSON: `{ error, component, reason }`. */
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AttemptFailure } from '../decide/retry.js';

export type RouterError = AttemptFailure | 'no-endpoint' | 'no-route' | 'bad-request' | 'not-supported';

const STATUS: Readonly<Record<RouterError, number>> = {
  'no-endpoint': 503,
  'no-route': 503,
  unreachable: 503,
  reset: 502,
  untrusted: 502,
  timeout: 504,
  'bad-request': 400,
  'not-supported': 501,
};

/** Seconds; a replacement takes about one. */
const RETRY_AFTER = '1';

const errorMessage = (error: RouterError, component: string, reason: string) => {
  const status = STATUS[error];
  const body = `${JSON.stringify({ error, component, reason })}\n`;
  const headers = [
    ['Content-Type', 'application/json'],
    ['Content-Length', String(Buffer.byteLength(body))],
    ...(status === 503 ? [['Retry-After', RETRY_AFTER]] : []),
  ] as [string, string][];
  return { status, body, headers };
};

export const answerError = (
  res: ServerResponse,
  error: RouterError,
  component: string,
  reason: string,
): void => {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const { status, body, headers } = errorMessage(error, component, reason);
  // What is left of the request's body is not worth reading.
  if (!res.req.complete) res.shouldKeepAlive = false;
  res.writeHead(status, headers.flat()).end(res.req.method === 'HEAD' ? undefined : body);
};

/** The same on a socket that has no response object: an upgrade, or a request that could not be parsed. */
export const answerErrorOnSocket = (
  socket: Duplex,
  error: RouterError,
  component: string,
  reason: string,
): void => {
  const { status, body, headers } = errorMessage(error, component, reason);
  endWithStatus(socket, status, headers, body);
};

export const endWithStatus = (
  socket: Duplex,
  status: number,
  headers: readonly (readonly [string, string])[],
  body: string,
): void => {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const lines = [...headers, ['Connection', 'close']]
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}\r\n${body}`);
};
