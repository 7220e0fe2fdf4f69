/**
 * Rule 6, with a real router, a real agent and a proxy in front of etcd: a router that hears nothing any more goes on
 * sending to addresses it knew. Whatever is started meanwhile must not get one of them, unless it is of the same component.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { KEYS, levelId, levelPrefix } from '@mitosis/contracts';
import { EtcdStore } from '@mitosis/coordination';
import { eventually, freePort, TcpProxy, TestEtcd } from '@mitosis/coordination/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AgentUnderTest,
  spec as instanceSpec,
} from '../../services/agent/src/testing/agent-under-test.testing.js';
import { component, endpoint, listener, spec } from '../../services/router/src/decide/table.testing.js';
import {
  holdSocket,
  startRouter,
  type HeldListener,
  type RouterProcess,
} from '../../services/router/src/router-process.testing.js';

/** So few that ports are given anew at once. */
const PORTS = 6;
const BOUND_MS = 30_000;

const ask = (port: number): Promise<string> =>
  new Promise((resolve) => {
    const req = request({ host: '127.0.0.1', port, agent: false, timeout: 8_000 }, (res) => {
      let body = '';
      res.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      res.on('end', () => resolve(res.statusCode === 200 ? body : String(res.statusCode)));
      res.on('error', () => resolve('broken'));
    });
    req.on('timeout', () => req.destroy());
    req.on('error', () => resolve('broken')).end();
  });

describe('a router that is cut off from etcd', () => {
  const data = mkdtempSync('/tmp/m-co-');
  let etcd: TestEtcd;
  let proxy: TcpProxy;
  let store: EtcdStore;
  let host: AgentUnderTest;
  let held: HeldListener;
  let router: RouterProcess;

  const start = async (id: string): Promise<number> => {
    const command = [process.execPath, join(data, 'app.cjs')];
    const described = instanceSpec(id, command, {
      env: { WHO: id.split('-')[0] ?? '', PORT: '{{port:default}}' },
      ports: [{ name: 'default', fixed: 0 }],
      probe: {
        kind: 'tcp',
        command: [],
        port: 'default',
        path: '',
        intervalMs: 1_000,
        timeoutMs: 500,
        retries: 3,
        startPeriodMs: 10_000,
        startIntervalMs: 20,
      },
    });
    await host.start('shop', described);
    return (await host.reaches('shop', id, ({ health }) => health === 'healthy')).ports['default'] ?? 0;
  };
  const publish = async (id: string, port: number): Promise<void> => {
    const record = { v: 1, component: 'web', endpoints: [endpoint(id, port)] };
    await store.txn([], [{ kind: 'put', key: KEYS.endpoints('web'), value: JSON.stringify(record) }]);
  };
  /** Starts others until there is no port left; their ports. */
  const fill = async (from: number): Promise<readonly number[]> => {
    const taken: number[] = [];
    for (let n = from; taken.length <= PORTS; n += 1) {
      try {
        taken.push(await start(`other-${n}`));
      } catch (error) {
        expect(String(error)).toMatch(/no free port/);
        return taken;
      }
    }
    throw new Error('more instances than ports');
  };

  beforeAll(async () => {
    writeFileSync(
      join(data, 'app.cjs'),
      "require('node:http').createServer((q, r) => r.end(process.env.WHO)).listen(process.env.PORT, '127.0.0.1');",
    );
    etcd = await TestEtcd.start();
    proxy = await TcpProxy.start(etcd.port);
    store = new EtcdStore({ endpoints: [etcd.url], prefix: levelPrefix(levelId('shop')) });
    const first = 10_000 + ((await freePort()) % 20_000);
    host = new AgentUnderTest({ MITOSIS_PORTS: `${first}-${first + PORTS - 1}` });
    await host.up();
    held = holdSocket();
    const listeners = [listener('web/default', 'web', held.port)];
    const records = [
      [KEYS.spec, spec('web', [component('web')])],
      [KEYS.listeners('local'), { v: 1, site: 'local', listeners }],
    ] as const;
    for (const [key, record] of records) {
      await store.txn([], [{ kind: 'put', key, value: JSON.stringify(record) }]);
    }
    router = startRouter({ id: 'router-a', etcd: proxy.url, data: join(data, 'router'), listener: held });
  });
  afterAll(async () => {
    router.child.kill('SIGKILL');
    await router.ended;
    await host.dispose();
    await store.close();
    await proxy.stop();
    await etcd.stop();
    held.close();
    rmSync(data, { recursive: true });
  });

  it('misroutes no request while endpoints change and ports are given anew, also by the next agent', async () => {
    const old = await start('web-1');
    await publish('web-1', old);
    await eventually('the router serves web', async () => (await ask(held.port)) === 'web', BOUND_MS);
    proxy.blackHole();
    const answers = new Map<string, number>();
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) {
        const answer = await ask(held.port);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    })();
    const [counted, next] = [
      (): number => [...answers.values()].reduce((a, b) => a + b, 0),
      await start('web-2'),
    ];
    await publish('web-2', next);
    await host.stop('shop', 'web-1');
    const others = await fill(1);
    expect(others.length).toBeGreaterThan(0);
    expect(others).not.toContain(old);
    await host.kill();
    await host.up();
    expect(await fill(100)).toEqual([]);
    const before = counted();
    await eventually('requests to where web was', () => counted() > before + 2, BOUND_MS);
    // Its own component may have it back, and the router that knows no better is right by it.
    expect(await start('web-3')).toBe(old);
    await eventually(
      'answers of web at the old address',
      async () => (await ask(held.port)) === 'web',
      BOUND_MS,
    );
    await host.stop('shop', 'web-3');
    proxy.heal();
    await eventually('the router has caught up', async () => (await ask(held.port)) === 'web', BOUND_MS);
    over.abort();
    await load;
    expect(answers.get('other')).toBeUndefined();
    expect(answers.get('web')).toBeGreaterThan(0);
  }, 120_000);
});
