import { VirtualClock } from './virtual-clock.js';
import { MemoryEtcd } from './memory-etcd.js';
import { describeCluster } from './cluster.contract.testing.js';
import type { ClusterRig } from './cluster.contract.testing.js';
import { describeStore } from './store.contract.testing.js';
import type { StoreRig } from './store.contract.testing.js';

const start = (): Promise<StoreRig> => {
  const clock = new VirtualClock();
  const etcd = new MemoryEtcd({ clock });
  let clients = 0;
  return Promise.resolve({
    client: () => {
      const name = `client-${clients++}`;
      const link = etcd.link(name);
      const store = etcd.store(name, 'level/');
      return Promise.resolve({
        store,
        blackHole: () => link.blackHole(),
        cut: () => link.cut(),
        reset: () => link.reset(),
        slow: (ms) => link.delay(ms),
        heal: () => {
          link.delay(0);
          link.heal();
        },
      });
    },
    compact: () => Promise.resolve(etcd.compact()),
    restart: () => Promise.resolve(etcd.restart()),
    snapshot: () => {
      const snapshot = etcd.snapshot();
      return Promise.resolve(() => Promise.resolve(etcd.restore(snapshot)));
    },
    empty: () => Promise.resolve(etcd.empty()),
    stick: (stuck) => etcd.stick(stuck),
    exhaust: () => {
      etcd.setNoSpace(true);
      return Promise.resolve(() => Promise.resolve(etcd.setNoSpace(false)));
    },
    until: (_, condition, boundMs) => clock.until(condition, boundMs),
    stop: () => Promise.resolve(),
  });
};

describeStore('a store over the in-memory etcd', start);

const startCluster = (): Promise<ClusterRig> => {
  const clock = new VirtualClock();
  const etcd = new MemoryEtcd({ clock });
  let clients = 0;
  return Promise.resolve({
    client: () => Promise.resolve({ store: etcd.store(`client-${clients++}`, 'level/') }),
    changeLeader: () => Promise.resolve(etcd.leaderChange()),
    setQuorum: (quorum) => Promise.resolve(etcd.setQuorum(quorum)),
    until: (_, condition, boundMs) => clock.until(condition, boundMs),
    stop: () => Promise.resolve(),
  });
};

describeCluster('a store over the in-memory etcd as a cluster', startCluster);
