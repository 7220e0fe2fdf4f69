/** A second host joins a root level by a token: once, in time, with the right secret, and is then one of the level. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '@mitosis/coordination/testing';
import { decodeJoinToken, encodeJoinToken, TlsIdentity } from '@mitosis/identity';
import { Authority, writeTlsDirectory } from '@mitosis/identity/authority';
import { Host, REPOSITORY, type CommandResult } from '../level/host.js';
import { until } from '../level/until.js';
import { knock } from './strangers.js';

const COMPOSE = join(REPOSITORY, 'test/security/one.yaml');
let first: Host;
const hosts: Host[] = [];
const ports: number[] = [];

const addHost = async (address: string, tls: Readonly<Record<string, string>>): Promise<Host> => {
  const port = await freePort();
  const host = new Host({ ...tls, MITOSIS_HOST: address, MITOSIS_AGENT_LISTEN: `${address}:${port}` });
  hosts.push(host);
  ports.push(port);
  return host;
};

const newToken = async (...options: readonly string[]): Promise<string> => {
  const given = await first.mitosis('join-token', ...options);
  expect(given.code, given.stderr).toBe(0);
  return given.stdout.trim();
};

const expectNoEntry = (host: Host, result: CommandResult, words: RegExp): void => {
  expect(result.code).not.toBe(0);
  expect(result.stderr).toMatch(words);
  expect(existsSync(join(host.home, 'authority'))).toBe(false);
};

beforeAll(async () => {
  first = await addHost('127.0.0.1', { MITOSIS_TLS: 'on' });
  const up = await first.mitosis('up', COMPOSE);
  expect(up.code, up.stderr).toBe(0);
});
afterAll(async () => {
  for (const host of hosts.toReversed()) await host.dispose();
});

describe('a host that joins', () => {
  it('gets in with a token, once, and is served by the first host and its etcd', async () => {
    const second = await addHost('127.0.0.2', { MITOSIS_TLS: 'on' });
    const token = await newToken('--ttl', '5m');
    const joined = await second.mitosis('join', token);
    expect(joined.code, joined.stderr).toBe(0);
    expect(statSync(join(second.home, 'authority/shop/ca.key')).mode & 0o777).toBe(0o600);
    const mine = new TlsIdentity(join(second.home, 'tls/shop/operator'));
    expect(await knock(ports[0] ?? 0, mine, 'h2')).toMatchObject({ served: true });
    const theirs = new TlsIdentity(join(first.home, 'tls/shop/operator'));
    await until(
      'the second agent serves the first host',
      async () => (await knock(ports[1] ?? 0, theirs, 'h2', '', '127.0.0.2')).served || undefined,
      10_000,
    );
    // What the second host certifies is of the level to an etcd that knows only the first host's certificate of it.
    const directory = join(second.home, 'router');
    const authority = await Authority.open(join(second.home, 'authority/shop'), 'shop');
    const name = { level: 'shop', role: 'router', id: 'r-2', hosts: [], ttlMs: 60_000 };
    writeTlsDirectory(directory, await authority.issue(name));
    const [level] = await first.levels();
    const etcd =
      level?.management.find(({ component }) => component === 'mitosis-etcd')?.ports['client'] ?? 0;
    expect(await knock(etcd, new TlsIdentity(directory), 'http/1.1', '/health')).toMatchObject({
      served: true,
    });

    const third = await addHost('127.0.0.3', {});
    expectNoEntry(third, await third.mitosis('join', token), /let this one not join/u);
  });

  it('stays out with a wrong secret, an expired token, or where another authority answers', async () => {
    const fourth = await addHost('127.0.0.4', {});
    const token = decodeJoinToken(await newToken('--uses', '2'));
    const wrong = encodeJoinToken({ ...token, secret: 'x'.repeat(43) });
    expectNoEntry(fourth, await fourth.mitosis('join', wrong), /the token is not valid/u);
    const impostor = encodeJoinToken({ ...token, fingerprint: token.fingerprint.replace(/^./u, 'f0') });
    expectNoEntry(fourth, await fourth.mitosis('join', impostor), /is not the authority the token names/u);
    const late = encodeJoinToken({ ...token, expiresAtMs: Date.now() - 1 });
    expectNoEntry(fourth, await fourth.mitosis('join', late), /has expired/u);
    const short = await newToken('--ttl', '10ms');
    const stretched = encodeJoinToken({ ...decodeJoinToken(short), expiresAtMs: Date.now() + 60_000 });
    expectNoEntry(fourth, await fourth.mitosis('join', stretched), /not join/u);
    const lines = readFileSync(join(first.home, 'agent.log'), 'utf8').split('\n');
    expect(
      lines.filter((line) => line.includes('"edge":"join"') && line.includes('the secret is wrong')),
    ).toHaveLength(1);
    expect(lines.filter((line) => line.includes(token.secret))).toEqual([]);
  });
});
