/**
 * A join token: what lets one more host into a root level. It says where to ask, which authority must answer there (so
 * that nobody else can), and a secret that is good for a few uses within a short time.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { MitosisError } from '@mitosis/contracts';

export interface JoinToken {
  readonly root: string;
  /** `host:port` of the agent that gave it, open only while a token is valid. */
  readonly address: string;
  /** SHA-256 of the root certificate, hex. */
  readonly fingerprint: string;
  readonly id: string;
  readonly secret: string;
  readonly expiresAtMs: number;
}

const PREFIX = 'mitosis-join-1.';

export const encodeJoinToken = (token: JoinToken): string =>
  PREFIX + Buffer.from(JSON.stringify(token)).toString('base64url');

/** Throws MitosisError `invalid_input`, without a word of the token's content. */
export const decodeJoinToken = (text: string): JoinToken => {
  const wrong = new MitosisError(
    'invalid_input',
    'this is no join token: copy the whole line that `mitosis join-token` printed on a host of the level',
  );
  if (!text.startsWith(PREFIX)) throw wrong;
  let token: Partial<JoinToken>;
  try {
    token = JSON.parse(
      Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8'),
    ) as Partial<JoinToken>;
  } catch {
    throw wrong;
  }
  const { root, address, fingerprint, id, secret, expiresAtMs } = token;
  if (
    ![root, address, fingerprint, id, secret].every((part) => typeof part === 'string' && part !== '') ||
    typeof expiresAtMs !== 'number'
  )
    throw wrong;
  return token as JoinToken;
};

/** What is kept of a token by whoever gave it. */
export interface GivenToken {
  readonly id: string;
  readonly secretHash: Buffer;
  readonly expiresAtMs: number;
  readonly usesLeft: number;
  readonly failures: number;
}

export type Redemption =
  | { readonly kind: 'welcome'; readonly token: GivenToken }
  | { readonly kind: 'refused'; readonly reason: string; readonly token: GivenToken | undefined };

/** Guessing a secret of 32 bytes is hopeless; whoever tries all the same ends the token. */
const FAILURES_MAX = 10;
const SECRET_BYTES = 32;

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

export const newJoinSecret = (): { readonly id: string; readonly secret: string } => ({
  id: randomBytes(6).toString('hex'),
  secret: randomBytes(SECRET_BYTES).toString('base64url'),
});

export const givenToken = (id: string, secret: string, expiresAtMs: number, uses: number): GivenToken => ({
  id,
  secretHash: hashOf(secret),
  expiresAtMs,
  usesLeft: uses,
  failures: 0,
});

export const isSpent = ({ usesLeft, failures, expiresAtMs }: GivenToken, nowMs: number): boolean =>
  usesLeft <= 0 || failures >= FAILURES_MAX || expiresAtMs <= nowMs;

/** The token as it is after the attempt comes with the verdict. */
export const redeem = (token: GivenToken | undefined, secret: string, nowMs: number): Redemption => {
  if (token === undefined) return { kind: 'refused', reason: 'there is no such token', token };
  if (token.expiresAtMs <= nowMs) return { kind: 'refused', reason: 'the token has expired', token };
  if (token.usesLeft <= 0) return { kind: 'refused', reason: 'the token has been used', token };
  if (token.failures >= FAILURES_MAX)
    return { kind: 'refused', reason: 'the token was tried too often', token };
  if (!timingSafeEqual(hashOf(secret), token.secretHash))
    return {
      kind: 'refused',
      reason: 'the secret is wrong',
      token: { ...token, failures: token.failures + 1 },
    };
  return { kind: 'welcome', token: { ...token, usesLeft: token.usesLeft - 1 } };
};
