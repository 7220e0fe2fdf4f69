/** Two levels of one root on one etcd: each is served its own keys, and refused the other's, to read, write or watch. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EtcdStore } from '@mitosis/coordination';
import { freePort } from '@mitosis/coordination/testing';
import { etcdCredentials, TLS_FILES, TlsIdentity } from '@mitosis/identity';
import { Host } from '../level/host.js';
import { until } from '../level/until.js';
import { Certificates } from './strangers.js';

const BOUND_MS = 20_000;
const LEVELS = ['shop.cart', 'shop.pay'] as const;
type Level = (typeof LEVELS)[number];

const folder = mkdtempSync('/tmp/m-');
const host = new Host();
const stores: EtcdStore[] = [];
const identities: TlsIdentity[] = [];
let etcd: ChildProcess;
let url = '';
let certificates: Certificates;

/** A process of a level, at the keys of a level. */
const open = async (level: Level, keysOf: Level = level): Promise<EtcdStore> => {
  const directory = await certificates.issue({ level, role: 'manager', id: 'm-1' });
  const identity = new TlsIdentity(directory);
  identities.push(identity);
  const store = new EtcdStore({
    endpoints: [url],
    prefix: `mitosis/${keysOf}/`,
    credentials: etcdCredentials(identity),
  });
  stores.push(store);
  return store;
};

beforeAll(async () => {
  certificates = await Certificates.in(folder);
  const tls = await certificates.issue({ level: 'shop', role: 'etcd', id: 'etcd-1' });
  url = `https://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  etcd = spawn(
    'etcd',
    [
      '--name=one',
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=one=${peer}`,
      '--client-cert-auth',
      // The root, whose levels are several here.
      `--trusted-ca-file=${join(tls, TLS_FILES.authority)}`,
      `--cert-file=${join(tls, TLS_FILES.certificate)}`,
      `--key-file=${join(tls, TLS_FILES.key)}`,
      '--logger=zap',
      '--log-level=error',
    ],
    { stdio: 'ignore' },
  );
  const first = await open('shop.cart');
  await until('etcd answers', async () => (await first.get('x'), true), BOUND_MS);
  // Before anybody has a role each reads everything: what is shown below comes of the command.
  await first.txn([], [{ kind: 'put', key: 'secret', value: 'of cart' }]);
  expect((await (await open('shop.pay', 'shop.cart')).get('secret'))?.value).toBe('of cart');
  const authority = join(folder, 'authority');
  for (let time = 0; time < 2; time += 1) {
    const shared = await host.mitosis('share-etcd', ...LEVELS, '--etcd', url, '--authority', authority);
    expect(shared.code, shared.stderr).toBe(0);
  }
});
afterAll(async () => {
  for (const store of stores) await store.close();
  for (const identity of identities) identity.close();
  etcd.kill('SIGKILL');
  await until('etcd has ended', () => etcd.signalCode !== null || undefined, BOUND_MS);
  await host.dispose();
  rmSync(folder, { recursive: true, force: true });
});

it.each(LEVELS)('%s does all a level does with its own keys', async (level) => {
  const store = await open(level);
  const view = store.view('');
  await view.whenSynced({ timeoutMs: BOUND_MS });
  const { id: lease } = await store.grantLease(60_000);
  const written = await store.txn([], [{ kind: 'put', key: 'mine', value: level, lease }]);
  expect(written.succeeded).toBe(true);
  await view.whenAt(written.revision);
  expect(view.get('mine')?.value).toBe(level);
  await store.catchUp();
  expect(await store.keepAlive(lease)).toBeGreaterThan(0);
  expect((await store.list('')).entries.map(({ key }) => key)).toContain('mine');
  await store.revokeLease(lease);
  expect(await store.get('mine')).toBeUndefined();
});

it.each([
  ['shop.pay', 'shop.cart'],
  ['shop.cart', 'shop.pay'],
] as const)('%s reads, writes and lists nothing of %s', async (level, other) => {
  const store = await open(level, other);
  await expect(store.get('secret')).rejects.toThrow(/permission denied/u);
  await expect(store.list('')).rejects.toThrow(/permission denied/u);
  await expect(store.txn([], [{ kind: 'put', key: 'secret', value: 'taken' }])).rejects.toThrow(
    /permission denied/u,
  );
});

it('refuses levels of two roots, and says why', async () => {
  const refused = await host.mitosis('share-etcd', 'shop.cart', 'bank.pay', '--etcd', url);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('share an etcd within one root');
});
