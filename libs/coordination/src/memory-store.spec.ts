import { VirtualClock } from './virtual-clock.js';
import { MemoryEtcd } from './memory-etcd.js';
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
        heal: () => link.heal(),
      });
    },
    compact: () => Promise.resolve(etcd.compact()),
    restart: () => Promise.resolve(etcd.restart()),
    snapshot: () => {
      const snapshot = etcd.snapshot();
      return Promise.resolve(() => Promise.resolve(etcd.restore(snapshot)));
    },
    empty: () => Promise.resolve(etcd.empty()),
    until: (_, condition, boundMs) => clock.until(condition, boundMs),
    stop: () => Promise.resolve(),
  });
};

describeStore('a store over the in-memory etcd', start);
