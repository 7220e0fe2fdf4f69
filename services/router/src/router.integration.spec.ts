import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { KEYS, levelId, levelPrefix, type AckRecord } from '@mitosis/contracts';
import { EtcdStore } from '@mitosis/coordination';
import { eventually, TestEtcd } from '@mitosis/coordination/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, at, closeServer, listen } from './data-path/data-path.testing.js';
import { component, listener, spec } from './decide/table.testing.js';
import {
  holdSocket,
  startLoad,
  startRouter,
  type HeldListener,
  type RouterProcess,
} from './router-process.testing.js';

const CLIENTS = 16;
const START_MS = 20_000;

let etcd: TestEtcd;
let store: EtcdStore;
let held: HeldListener;
let data: string;
const servers: Server[] = [];
const ports: number[] = [];
const routers: RouterProcess[] = [];

beforeAll(async () => {
  data = mkdtempSync('/tmp/m-rt-');
  etcd = await TestEtcd.start();
  store = new EtcdStore({ endpoints: [etcd.url], prefix: levelPrefix(levelId('shop')) });
  held = holdSocket();
  for (let i = 0; i < 2; i += 1) {
    const server = createServer((_req, res) => void setTimeout(() => res.end('ok'), 2));
    servers.push(server);
    ports.push(await listen(server));
  }
  await put(KEYS.spec, spec('web', [component('web')]));
  await put(KEYS.listeners('local'), {
    v: 1,
    site: 'local',
    listeners: [listener('web/default', 'web', held.port)],
  });
  await put(KEYS.endpoints('web'), endpoints('ready'));
});
afterEach(async () => {
  for (const router of routers.splice(0)) {
    router.child.kill('SIGKILL');
    await router.ended;
  }
});
afterAll(async () => {
  await store.close();
  await etcd.stop();
  held.close();
  await Promise.all(servers.map(closeServer));
  rmSync(data, { recursive: true });
});

const put = async (key: string, record: unknown): Promise<number> =>
  (await store.txn([], [{ kind: 'put', key, value: JSON.stringify(record) }])).revision;
const endpoints = (first: 'ready' | 'draining') => ({
  v: 1,
  component: 'web',
  endpoints: ports.map((port, i) => at(`web-${i}`, port, i === 0 ? first : 'ready')),
});
const start = (id: string): RouterProcess => {
  const router = startRouter({ id, etcd: etcd.url, data: join(data, id), listener: held });
  routers.push(router);
  return router;
};
const acked = async (id: string, revision: number): Promise<boolean> => {
  const entry = await store.get(KEYS.ack(id));
  return entry !== undefined && (JSON.parse(entry.value) as AckRecord).revision >= revision;
};
const ready = async (...ids: string[]): Promise<void> => {
  try {
    for (const id of ids) await eventually(`${id} acknowledges`, () => acked(id, 1), START_MS);
  } catch (cause) {
    throw new Error(routers.map(({ output }) => output()).join('\n'), { cause });
  }
};

describe('router processes that share a socket', () => {
  it('refuse nothing and fail nothing after one more try when one of them is killed', async () => {
    const [a] = [start('router-a'), start('router-b')];
    await ready('router-a', 'router-b');
    const load = startLoad(held.port, CLIENTS);
    await eventually('some load', () => load.counts.ok > 500, START_MS);
    a.child.kill('SIGKILL');
    const before = load.counts.ok;
    await eventually('load after the kill', () => load.counts.ok > before + 500, START_MS);
    const result = await load.stop();
    expect(result).toMatchObject({ refused: 0, failures: [] });
    expect(result.resets).toBeLessThanOrEqual(CLIENTS);
  });

  it('break no connection when one is told to end, nor when the last one is replaced', async () => {
    const a = start('router-c');
    await ready('router-c');
    const load = startLoad(held.port, CLIENTS);
    await eventually('some load', () => load.counts.ok > 300, START_MS);
    start('router-d');
    await ready('router-d');
    a.child.kill('SIGTERM');
    expect(await a.ended).toBe(0);
    const before = load.counts.ok;
    await eventually('load after the end', () => load.counts.ok > before + 300, START_MS);
    expect(await load.stop()).toMatchObject({ refused: 0, resets: 0, failures: [] });
  });

  it('acknowledge a drain under load without sending there again', async () => {
    start('router-e');
    await ready('router-e');
    const load = startLoad(held.port, CLIENTS);
    await eventually('some load', () => load.counts.ok > 300, START_MS);
    const revision = await put(KEYS.endpoints('web'), endpoints('draining'));
    await eventually('a drained acknowledgement', async () => {
      const entry = await store.get(KEYS.ack('router-e'));
      const ack = entry && (JSON.parse(entry.value) as AckRecord);
      return ack !== undefined && ack.revision >= revision && ack.busy.length === 0;
    });
    const [drained] = servers;
    let late = 0;
    drained?.on('request', () => (late += 1));
    const before = load.counts.ok;
    await eventually('load after the drain', () => load.counts.ok > before + 300, START_MS);
    expect(await load.stop()).toMatchObject({ resets: 0, failures: [] });
    expect(late).toBe(0);
    await put(KEYS.endpoints('web'), endpoints('ready'));
  });

  it('serve on with etcd dead, also when started then', async () => {
    const a = start('router-f');
    await ready('router-f');
    await eventually('an answer', async () => (await ask(held.port)).status === 200, START_MS);
    await eventually('a table on disk', () => existsSync(join(data, 'router-f', 'last-good-table.json')));
    await etcd.kill();
    expect((await ask(held.port)).body).toBe('ok');
    a.child.kill('SIGKILL');
    await a.ended;
    start('router-f');
    // Nobody accepts until it is up: the connection waits in the kernel.
    expect((await ask(held.port)).body).toBe('ok');
    await etcd.run();
    const revision = await put(KEYS.endpoints('web'), endpoints('ready'));
    await eventually('it joins again', () => acked('router-f', revision), START_MS);
  });
});
