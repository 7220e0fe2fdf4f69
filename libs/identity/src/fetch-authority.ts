/**
 * The joining side of a join token: asks the address that the token names for the authority. First whose authority
 * answers, by its fingerprint; only then, to that authority, the secret. Must never tell the secret to anybody else.
 */
import { X509Certificate } from 'node:crypto';
import https from 'node:https';
import { MitosisError } from '@mitosis/contracts';
import { peerNameOf } from './decide/peer-name.js';
import type { JoinToken } from './join-token.js';

const CALL_MS = 5_000;
const ANSWER_MAX = 4 * 1024 * 1024;

/**
 * The authority's files by name, as `writeAuthority` takes them. Throws MitosisError: `invalid_input` for an expired
 * token, `fenced` where another authority answers, `unavailable` where nobody does or the token is refused.
 */
export const fetchAuthority = async (
  token: JoinToken,
  signal: AbortSignal,
  nowMs = Date.now(),
): Promise<Readonly<Record<string, string>>> => {
  if (token.expiresAtMs <= nowMs)
    throw new MitosisError(
      'invalid_input',
      'the join token has expired: print a new one with `mitosis join-token`',
    );
  const authority = await ask(token, signal, { path: '/ca', rejectUnauthorized: false });
  if (fingerprintOf(authority) !== token.fingerprint)
    throw new MitosisError(
      'fenced',
      `who answers at ${token.address} is not the authority the token names: nothing was told to it`,
    );
  const answer = await ask(
    token,
    signal,
    {
      path: '/join',
      method: 'POST',
      ca: authority,
      checkServerIdentity: (_host, { subjectaltname }) => {
        const name = peerNameOf(subjectaltname);
        return name?.role === 'agent' && name.level === token.root ? undefined : new Error('it is no agent');
      },
    },
    JSON.stringify({ id: token.id, secret: token.secret }),
  );
  return JSON.parse(answer) as Readonly<Record<string, string>>;
};

/** Empty for what is no certificate. */
const fingerprintOf = (pem: string): string => {
  try {
    return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch {
    return '';
  }
};

const ask = (
  { address }: JoinToken,
  signal: AbortSignal,
  options: https.RequestOptions,
  body = '',
): Promise<string> =>
  new Promise((resolve, reject) => {
    const colon = address.lastIndexOf(':');
    const failed = (why: string, cause?: unknown): void =>
      reject(
        new MitosisError('unavailable', `the host at ${address} let this one not join: ${why}`, { cause }),
      );
    const target = {
      host: address.slice(0, colon).replace(/^\[|\]$/gu, ''),
      port: Number(address.slice(colon + 1)),
      agent: false,
      timeout: CALL_MS,
      servername: 'mitosis',
      signal,
    } as const;
    const request = https.request({ ...target, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_MAX) request.destroy(new Error('its answer is too long'));
      });
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(text)
          : failed(
              'the token is not valid (used, expired or wrong): print a new one with `mitosis join-token`',
            ),
      );
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${CALL_MS} ms`)));
    request.on('error', (error) => failed(error.message, error));
    request.end(body);
  });
