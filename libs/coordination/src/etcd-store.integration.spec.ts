import { EtcdStore } from './etcd-store.js';
import { eventually, TestEtcd } from './etcd.testing.js';
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
