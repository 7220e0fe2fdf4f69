import { instanceId, levelId } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { EtcdStore } from './etcd-store.js';
import { eventually, TestEtcd } from './etcd.testing.js';
import { joinLevel } from './level-membership.js';
import { describeCluster } from './cluster.contract.testing.js';
import type { ClusterRig } from './cluster.contract.testing.js';
import { describeStore } from './store.contract.testing.js';
import type { StoreRig } from './store.contract.testing.js';
import { TcpProxy } from './tcp-proxy.testing.js';

/** Room for what the suite writes, quickly used up. */
const QUOTA_BYTES = 16 * 1024 * 1024;

const start = async (): Promise<StoreRig> => {
  const etcd = await TestEtcd.start({ quotaBytes: QUOTA_BYTES });
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
        slow: (ms) => proxy.delay(ms),
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
    stick: (stuck) => etcd.freeze(stuck),
    exhaust: () => etcd.exhaust(),
    until: eventually,
    stop: async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await etcd.stop();
    },
  };
};

describeStore('a store over etcd', start);

const startCluster = async (): Promise<ClusterRig> => {
  const members = await TestEtcd.cluster(3);
  const [first] = members;
  const leader = async (): Promise<number> => {
    for (const [index, member] of members.entries()) {
      if (member.pid === undefined) continue;
      const [status] = JSON.parse(await member.ctl('endpoint', 'status', '--write-out=json')) as readonly {
        readonly Status: { readonly leader: number; readonly header: { readonly member_id: number } };
      }[];
      if (status !== undefined && status.Status.leader === status.Status.header.member_id) return index;
    }
    return -1;
  };
  return {
    client: () =>
      Promise.resolve({
        store: new EtcdStore({ endpoints: members.map(({ url }) => url), prefix: 'level/' }),
      }),
    changeLeader: async () => {
      const before = await leader();
      // Killed and not handed over: the way leaders are lost.
      await members[before]?.kill();
      await eventually('another leads', async () => (await leader()) !== -1);
      await members[before]?.run();
    },
    setQuorum: async (quorum) => {
      for (const member of members) if (member !== first) await (quorum ? member.run() : member.kill());
    },
    until: eventually,
    stop: async () => {
      await Promise.all(members.map((member) => member.stop()));
    },
  };
};

describeCluster('a store over an etcd of three members', startCluster);

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
