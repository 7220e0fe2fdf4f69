import { mkdtempSync, rmSync } from 'node:fs';
import {
  KEYS,
  management,
  router,
  type AckRecord,
  type ChildEntryRecord,
  type ChildRecord,
} from '@mitosis/contracts';
import { ShellHarness } from '@mitosis/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, at, closeServer, freePort, listen, until } from './data-path/data-path.testing.js';
import { component, listener, spec } from './decide/table.testing.js';
import { ROUTER_DEFAULTS } from './router.config.js';
import { RouterReconciler } from './router.reconciler.js';
import { createServer, type RequestListener } from 'node:http';

let data: string;
let port: number;
let harness: ShellHarness;
let shell: RouterReconciler;
const closers: (() => Promise<unknown>)[] = [];

const CONFIG = { ...ROUTER_DEFAULTS, drainIdleMs: 10, drainMaxMs: 1_000, holdMaxMs: 1_000 };
const settings = () => ({ config: CONFIG, held: undefined, workingDirectory: data, outside: '' });

beforeEach(async () => {
  data = mkdtempSync('/tmp/m-router-');
  port = await freePort();
  shell = new RouterReconciler(settings());
  harness = await ShellHarness.open({ shell, replica: 'router-a' });
});
afterEach(async () => {
  await harness.close();
  await Promise.all(closers.splice(0).map((close) => close()));
  rmSync(data, { recursive: true });
});

const target = async (onRequest: RequestListener): Promise<number> => {
  const server = createServer(onRequest);
  closers.push(() => closeServer(server));
  return listen(server);
};
const endpointsOf = (endpoints: readonly ReturnType<typeof at>[]) => ({ v: 1, component: 'web', endpoints });
const serveWeb = async (targetPort: number): Promise<void> => {
  await harness.put(KEYS.listeners('local'), {
    v: 1,
    site: 'local',
    listeners: [listener('web/default', 'web', port)],
  });
  await harness.put(KEYS.endpoints('web'), endpointsOf([at('web-a', targetPort)]));
  await harness.put(KEYS.spec, spec('web', [component('web'), component('catalog', 'composition')]));
  await until(() => (shell.describe().listening as string[]).length === 1, 'an open listener');
};
const ack = () => shell.describe().acknowledged as AckRecord | null;

describe(RouterReconciler.name, () => {
  it('serves what the store says, and acknowledges what it has taken in', async () => {
    await serveWeb(await target((_req, res) => void res.end('hello')));
    expect((await ask(port)).body).toBe('hello');
    const revision = (await harness.store.get(KEYS.endpoints('web')))?.modRevision ?? Infinity;
    await until(() => (ack()?.revision ?? 0) >= revision, 'an acknowledgement');
    expect(await harness.get<AckRecord>(KEYS.ack('router-a'))).toEqual(ack());
  });

  it('is busy at a draining instance until its last request has ended', async () => {
    let finish: (() => void) | undefined;
    const slow = await target((_req, res) => {
      finish = () => void res.end('done');
    });
    await serveWeb(slow);
    const answer = ask(port);
    await until(() => finish !== undefined, 'a request in flight');
    await harness.put(KEYS.endpoints('web'), endpointsOf([at('web-a', slow, 'draining')]));
    const revision = (await harness.store.get(KEYS.endpoints('web')))?.modRevision ?? Infinity;
    await until(() => (ack()?.revision ?? 0) >= revision, 'an acknowledgement');
    expect(ack()?.busy).toEqual(['web-a']);
    finish?.();
    expect((await answer).body).toBe('done');
    await until(() => ack()?.busy.length === 0, 'an empty busy set');
    expect(ack()?.revision).toBeGreaterThanOrEqual(revision);
  });

  it('starts from its last good table while the store is away, and goes on from it when the store was emptied', async () => {
    await serveWeb(await target((_req, res) => void res.end('still here')));
    await harness.close();

    shell = new RouterReconciler(settings());
    harness.etcd.setQuorum(false);
    const etcd = harness.etcd;
    const starting = ShellHarness.open({ shell, replica: 'router-b', etcd });
    await until(() => (shell.describe().listening as string[] | undefined)?.length === 1, 'an open listener');
    expect(shell.describe()).toMatchObject({ tableFrom: 'disk', acknowledged: null });
    expect((await ask(port)).body).toBe('still here');

    etcd.setQuorum(true);
    harness = await starting;
    await until(() => shell.describe().tableFrom === 'store', 'a table from the store');
    etcd.empty({ newClusterId: true });
    await harness.put(KEYS.binding('other'), { v: 1, component: 'other', split: [] });
    expect((await ask(port)).body).toBe('still here');
  });

  it('streams each interval to every reader', async () => {
    await serveWeb(await target((_req, res) => void res.end('hello')));
    const seen: router.RouterMetrics[][] = [[], []];
    const readers = seen.map((into) => shell.streamMetrics().subscribe((metrics) => into.push(metrics)));
    await ask(port);
    await until(() => seen.every((metrics) => metrics.length > 0), 'an interval');
    expect(seen[0]).toEqual(seen[1]);
    const web = seen[0]?.[0]?.routes.find((route) => route.component === 'web');
    expect(web).toMatchObject({ requests: 1, errors: 0, targets: [{ target: 'web-a', requests: 1 }] });
    expect(seen[0]?.[0]?.routes.map((route) => route.component).sort()).toEqual(['catalog', 'web']);
    for (const reader of readers) reader.unsubscribe();
    expect(await harness.metrics.metrics()).toContain(
      'mitosis_router_requests_total{component="web",port="default"} 1',
    );
  });

  it('tells the parent where the entry is', async () => {
    await serveWeb(await target((_req, res) => void res.end('hello')));
    expect(shell.entryEndpoints()).toEqual({
      level: 'shop',
      ready: true,
      endpoints: [{ port: 'default', host: '127.0.0.1', number: port }],
    });
    await harness.put(KEYS.endpoints('web'), endpointsOf([]));
    await until(() => !shell.entryEndpoints().ready, 'no endpoint');
  });

  it('takes a request to the entry of a child level, and forgets the child with its record', async () => {
    const entry = await target((req, res) => void res.end(`catalog ${req.url}`));
    await serveWeb(entry);
    const catalogPort = await freePort();
    await harness.put(KEYS.listeners('local'), {
      v: 1,
      site: 'local',
      listeners: [listener('catalog/default', 'catalog', catalogPort)],
    });
    await until(() => (shell.describe().listening as string[]).includes('catalog/default'), 'its listener');
    const child = {
      v: 1,
      component: 'catalog',
      level: 'shop.catalog',
      wanted: 'operating',
      incarnation: 1,
      managers: ['127.0.0.1:70'],
      appliedDigest: '',
    } as unknown as ChildRecord;
    await harness.put(KEYS.child('catalog'), child);
    let level = 'other';
    harness.peers.answer('management', 'directory', () =>
      management.DirectoryReply.fromPartial({
        level: 'shop.catalog',
        leaders: [{ function: 'router', replica: 'x', grpc: '127.0.0.1:72' }],
      }),
    );
    harness.peers.answer('router', 'entryEndpoints', () => ({
      level,
      ready: true,
      endpoints: [{ port: 'default', host: '127.0.0.1', number: entry }],
    }));
    expect(await harness.pass()).toMatchObject({ kind: 'waiting', reason: 'no answer from catalog' });
    level = 'shop.catalog';
    expect(await harness.pass()).toMatchObject({ kind: 'acted', changes: 1 });
    expect(await harness.get<ChildEntryRecord>(KEYS.childEntry('catalog'))).toMatchObject({ ready: true });
    expect((await ask(catalogPort, { path: '/items' })).body).toBe('catalog /items');
    expect(await harness.pass()).toMatchObject({ kind: 'idle', reason: '1 of 1 child levels answered' });
    harness.advance(1_000);
    await harness.put(KEYS.child('catalog'), { ...child, wanted: 'disposed' });
    expect(await harness.pass()).toMatchObject({ kind: 'acted', changes: 1 });
    expect(await harness.get(KEYS.childEntry('catalog'))).toBeUndefined();
    expect((await harness.decisions()).map(({ action, component: of }) => [action, of])).toEqual([
      ['entry', 'catalog'],
      ['entry', 'catalog'],
    ]);
  });
});
