import { instanceId, levelId } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { EtcdStore } from './etcd-store.js';
import { eventually, TestEtcd } from './etcd.testing.js';
import { joinLevel } from './level-membership.js';
import { describeStore } from './store.contract.testing.js';
import type { StoreRig } from './store.contract.testing.js';
import { TcpProxy } from './tcp-proxy.testing.js';

const start = async (): Promise<StoreRig> => {
  const etcd = await TestEtcd.start();
  const proxies: TcpProxy[] = [];
  return {
    client: async () => {
      const proxy = await TcpProxy.start(etcd.port);
      proxies.push(proxy);
      return {
        store: new EtcdStore({ endpoints: [proxy.url], prefix: 'level/' }),
        blackHole: () => proxy.blackHole(),
        cut: () => proxy.refuse(),
        reset: () => proxy.reset(),
        heal: () => proxy.heal(),
      };
    },
    compact: () => etcd.compact(),
    restart: async () => {
      await etcd.kill();
      await etcd.run();
    },
    snapshot: async () => {
      const path = await etcd.snapshot();
      return () => etcd.restore(path);
    },
    empty: () => etcd.empty(),
    until: eventually,
    stop: async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await etcd.stop();
    },
  };
};

describeStore('a store over etcd', start);

describe('a store with two members', () => {
  it('goes over to the other when one falls silent, before its lease is over', async () => {
    const etcd = await TestEtcd.start();
    const silent = await TcpProxy.start(etcd.port);
    const other = new EtcdStore({ endpoints: [etcd.url], prefix: 'level/' });
    const store = new EtcdStore({ endpoints: [silent.url, etcd.url], prefix: 'level/' });
    const membership = joinLevel({
      store,
      level: levelId('level'),
      incarnation: 1,
      replica: instanceId('a'),
      address: '127.0.0.1:1',
      leaseTtlMs: 3_000,
    });
    try {
      const candidate = membership.stand('router');
      const view = store.view('a/');
      await eventually('leads', () => candidate.session() !== undefined && view.synced);
      const session = candidate.session();
      silent.blackHole();
      const cutAtMs = performance.now();
      await other.txn([], [{ kind: 'put', key: 'a/1', value: 'x' }]);
      await eventually('the view goes on', () => view.get('a/1') !== undefined && view.staleMs() < 1_500);
      await eventually('three lease times', () => performance.now() - cutAtMs > 9_000);
      expect(session?.isLive()).toBe(true);
      expect((await session?.commit({ writes: [{ kind: 'put', key: 'a/2', value: 'x' }] }))?.kind).toBe(
        'committed',
      );
    } finally {
      await membership.close();
      await Promise.all([store.close(), other.close()]);
      await silent.stop();
      await etcd.stop();
    }
  });
});
