/** Large views: how fast one is warm, what a key costs, and how fast a change reaches many of them. */
import { EtcdStore } from '@mitosis/coordination';
import { TestEtcd } from '@mitosis/coordination/testing';
import { print, summary } from './statistics.js';

const KEYS = 10_000;
const WATCHERS = 50;
const VALUE_BYTES = 200;
const CHANGE_GAP_MS = 20;
const WARM_RUNS = 20;
const PER_TXN = 500;

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const fill = async (store: EtcdStore): Promise<void> => {
  for (let from = 0; from < KEYS; from += PER_TXN) {
    const writes = Array.from({ length: PER_TXN }, (_, i) => ({
      kind: 'put' as const,
      key: `instances/${String(from + i).padStart(6, '0')}`,
      value: 'x'.repeat(VALUE_BYTES),
    }));
    await store.txn([], writes);
  }
};

const heapBytes = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

export const benchViews = async (changes: number): Promise<void> => {
  const etcd = await TestEtcd.start();
  const open = (): EtcdStore => new EtcdStore({ endpoints: [etcd.url], prefix: 'level/' });
  const writer = open();
  const stores = [writer];
  try {
    await fill(writer);
    const warmMs: number[] = [];
    for (let run = 0; run < WARM_RUNS; run++) {
      const store = open();
      const startedAtMs = performance.now();
      await store.view('instances/').whenSynced();
      warmMs.push(performance.now() - startedAtMs);
      await store.close();
    }
    print({ bench: 'view-warm', keys: KEYS, valueBytes: VALUE_BYTES, ...summary(warmMs) });
    const before = heapBytes();
    const views = await Promise.all(
      Array.from({ length: WATCHERS }, async () => {
        const store = open();
        stores.push(store);
        const view = store.view('instances/');
        await view.whenSynced({ timeoutMs: 60_000 });
        return view;
      }),
    );
    const bytesPerKey = (heapBytes() - before) / (KEYS * WATCHERS);
    print({
      bench: 'view-memory',
      keys: KEYS,
      views: WATCHERS,
      bytesPerKey: Math.round(bytesPerKey),
      gc: globalThis.gc !== undefined,
    });
    const reachedMs: number[] = [];
    for (let change = 0; change < changes; change++) {
      const key = `instances/${String(change).padStart(6, '0')}`;
      const startedAtMs = performance.now();
      const reached = views.map(
        (view) =>
          new Promise<void>((resolve) => {
            const stop = view.onChange(({ keys }) => {
              if (!keys.includes(key)) return;
              reachedMs.push(performance.now() - startedAtMs);
              stop();
              resolve();
            });
          }),
      );
      await writer.txn([], [{ kind: 'put', key, value: String(change) }]);
      await Promise.all(reached);
      await pause(CHANGE_GAP_MS);
    }
    print({ bench: 'view-change', keys: KEYS, views: WATCHERS, changes, ...summary(reachedMs) });
  } finally {
    await Promise.all(stores.map((store) => store.close()));
    await etcd.stop();
  }
};
