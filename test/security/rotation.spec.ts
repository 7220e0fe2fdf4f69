/** Certificates that live twenty seconds: a level outlives them, and so do its etcd, its command line and its requests. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '@mitosis/coordination/testing';
import { TLS_FILES } from '@mitosis/identity';
import { Host, REPOSITORY } from '../level/host.js';
import { startLoad } from '../level/load.js';
import { until } from '../level/until.js';

const COMPOSE = join(REPOSITORY, 'test/security/published.yaml');
const TTL_MS = 20_000;

let host: Host;
let port = 0;
beforeAll(async () => {
  port = await freePort();
  const env = { MITOSIS_TLS: 'on', MITOSIS_CERTIFICATE_TTL_MS: String(TTL_MS), ROTATION_PORT: String(port) };
  host = new Host(env);
  const up = await host.mitosis('up', COMPOSE);
  expect(up.code, up.stderr).toBe(0);
});
afterAll(() => host.dispose());

const certificateOf = (id: string): X509Certificate =>
  new X509Certificate(
    readFileSync(join(host.home, 'levels/shop/instances', id, 'tls', TLS_FILES.certificate), 'utf8'),
  );

const management = async () => {
  const [level] = await host.levels();
  return level?.management ?? [];
};

const ready = async (): Promise<true> => {
  const status = await host.mitosis('status', 'shop', '--json');
  if (status.code !== 0) throw new Error(status.stderr);
  const unhealthy = (await management()).filter(({ health }) => health !== 'healthy');
  if (unhealthy.length > 0) throw new Error(unhealthy.map(({ id }) => id).join(', '));
  return true;
};

it('renews them in use, and takes new connections with the renewed ones', async () => {
  await until('the level is complete', ready, 30_000, 500);
  const before = new Map((await management()).map(({ id }) => [id, certificateOf(id)] as const));
  const load = startLoad(`http://127.0.0.1:${port}/`, 20);
  const lastMs = Math.max(...[...before.values()].map(({ validTo }) => Date.parse(validTo)));
  await until(
    'every certificate of the start has expired',
    () => Date.now() > lastMs + 1_000 || undefined,
    60_000,
  );
  for (const [id, certificate] of before) {
    const now = certificateOf(id);
    expect(now.serialNumber, id).not.toBe(certificate.serialNumber);
    expect(now.publicKey.equals(certificate.publicKey), id).toBe(true);
    expect(Date.parse(now.validTo), id).toBeGreaterThan(Date.now());
  }
  // Connections that stand prove nothing: etcd, a manager and the command line start anew.
  const victims = await management();
  const etcd = victims.find(({ component }) => component === 'mitosis-etcd');
  const manager = victims.find(({ component }) => component === 'mitosis-manager');
  for (const victim of [etcd, manager]) if (victim !== undefined) process.kill(victim.pid, 'SIGKILL');
  await until(
    'both were started again',
    async () => {
      const now = await management();
      const again = [etcd, manager].every((one) =>
        now.some(({ id, pid }) => id === one?.id && pid !== one.pid && pid !== 0),
      );
      return again || undefined;
    },
    20_000,
  );
  await until('the level is complete again', ready, 40_000, 500);
  await until(
    'a count set by hand is taken',
    async () => (await host.mitosis('scale', 'shop', 'web=2')).code === 0 || undefined,
    20_000,
    500,
  );
  const counts = await load.stop();
  expect(counts.failures).toEqual([]);
  expect(counts.refused).toBe(0);
  expect(counts.ok).toBeGreaterThan(0);
});
