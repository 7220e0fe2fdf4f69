import { describe, expect, it } from 'vitest';
import {
  decodeJoinToken,
  encodeJoinToken,
  givenToken,
  isSpent,
  redeem,
  type GivenToken,
} from './join-token.js';

const token = {
  root: 'shop',
  address: '10.0.0.1:7000',
  fingerprint: 'ab',
  id: 'i1',
  secret: 's',
  expiresAtMs: 1_000,
};
const given = givenToken('i1', 's', 1_000, 2);

describe('a join token', () => {
  it('travels as one word', () => {
    const text = encodeJoinToken(token);
    expect(text).toMatch(/^\S+$/u);
    expect(decodeJoinToken(text)).toEqual(token);
  });

  it.each(['', 'hello', 'mitosis-join-1.', 'mitosis-join-1.e30', encodeJoinToken(token).slice(0, -9)])(
    'is not %j, and the answer repeats none of it',
    (text) => expect(() => decodeJoinToken(text)).toThrow(/^this is no join token: copy the whole line/u),
  );

  it('lets in as often as it was given for, until it expires', () => {
    let left: GivenToken = given;
    for (const use of [1, 2]) {
      const verdict = redeem(left, 's', 999);
      expect(verdict.kind, `use ${use}`).toBe('welcome');
      left = verdict.token ?? left;
    }
    expect(redeem(left, 's', 999)).toMatchObject({ kind: 'refused', reason: 'the token has been used' });
    expect(isSpent(left, 0)).toBe(true);
    expect(redeem(given, 's', 1_000)).toMatchObject({ kind: 'refused', reason: 'the token has expired' });
    expect(isSpent(given, 1_000)).toBe(true);
    expect(redeem(undefined, 's', 0)).toMatchObject({ kind: 'refused', reason: 'there is no such token' });
  });

  it('is void after ten wrong secrets, also for the right one', () => {
    let left: GivenToken = given;
    for (let n = 0; n < 10; n += 1) {
      const verdict = redeem(left, `s${n}`, 0);
      expect(verdict).toMatchObject({ kind: 'refused', reason: 'the secret is wrong' });
      left = verdict.token ?? left;
    }
    expect(redeem(left, 's', 0)).toMatchObject({ kind: 'refused', reason: 'the token was tried too often' });
  });
});
