/** Errors of sockets and of undici → what they mean for a retry. */
import type { AttemptFailure } from '../decide/retry.js';

const TIMEOUTS: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
/** The request itself is wrong: no target would be sent it. */
const INVALID: ReadonlySet<string> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);
const UNTRUSTED =
  /^(ERR_TLS_CERT|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA|ERR_SSL)/;

/** @param reached - the request was given a connection: some of it may have got there */
export const classifyFailure = (error: Error, reached: boolean): AttemptFailure | 'invalid' => {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (INVALID.has(code)) return 'invalid';
  if (TIMEOUTS.has(code)) return 'timeout';
  if (reached) return 'reset';
  return UNTRUSTED.test(code) ? 'untrusted' : 'unreachable';
};
