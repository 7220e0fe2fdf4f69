import { describe, expect, it } from 'vitest';
import { MemoryEtcd } from './memory-etcd.js';
import { VirtualClock } from './virtual-clock.js';

const setUp = () => {
  const clock = new VirtualClock();
  const etcd = new MemoryEtcd({ clock });
  return { clock, etcd, store: etcd.store('a', 'level/') };
};

describe('the in-memory etcd', () => {
  it('shows a put to a view of another client', async () => {
    const { clock, etcd, store } = setUp();
    const view = etcd.store('b', 'level/').view('targets/');
    await clock.until(() => view.synced);
    const { revision } = await store.txn([], [{ kind: 'put', key: 'targets/web', value: '3' }]);
    await clock.until(() => view.revision >= revision);
    expect([...view.entries.values()].map((entry) => [entry.key, entry.value])).toEqual([
      ['targets/web', '3'],
    ]);
  });

  it('deletes the keys of a lease when it expires, not before', async () => {
    const { clock, store } = setUp();
    const lease = await store.grantLease(3_000);
    await store.txn([], [{ kind: 'put', key: 'members/a', value: '{}', lease: lease.id }]);
    await clock.advance(2_999);
    expect(await store.get('members/a')).toBeDefined();
    await clock.advance(2);
    expect(await store.get('members/a')).toBeUndefined();
    expect(await store.keepAlive(lease.id)).toBe(0);
  });

  it('lets a view survive a restore from an older snapshot and counts the regress', async () => {
    const { clock, etcd, store } = setUp();
    await store.txn([], [{ kind: 'put', key: 'a/old', value: '1' }]);
    const view = store.view('a/');
    await clock.until(() => view.synced);
    const snapshot = etcd.snapshot();
    for (let i = 0; i < 20; i++) await store.txn([], [{ kind: 'put', key: `a/${i}`, value: 'x' }]);
    await clock.until(() => view.get('a/19') !== undefined);
    etcd.restore(snapshot);
    await clock.until(() => view.regressions === 1);
    expect([...view.entries.keys()]).toEqual(['a/old']);
    await store.txn([], [{ kind: 'put', key: 'a/new', value: '2' }], { untilSeen: true });
    expect(view.get('a/new')?.value).toBe('2');
    expect(view.regressions).toBe(1);
  });

  it('loses nothing that happens while a client is cut off, also over a compaction', async () => {
    const { clock, etcd, store } = setUp();
    const view = etcd.store('b', 'level/').view('a/');
    await clock.until(() => view.synced);
    etcd.link('b').cut();
    for (let i = 0; i < 10; i++) await store.txn([], [{ kind: 'put', key: `a/${i}`, value: 'x' }]);
    etcd.link('b').heal();
    await clock.until(() => view.entries.size === 10);
    etcd.link('b').cut();
    await store.txn([], [{ kind: 'deletePrefix', prefix: 'a/' }]);
    await store.txn([], [{ kind: 'put', key: 'a/last', value: 'x' }]);
    etcd.compact();
    etcd.link('b').heal();
    await clock.until(() => view.entries.size === 1);
    expect(view.regressions).toBe(0);
  });

  it('grows stale behind a black hole and is fresh again after it', async () => {
    const { clock, etcd, store } = setUp();
    const view = store.view('a/');
    await clock.until(() => view.synced);
    await clock.advance(5_000);
    expect(view.staleMs()).toBeLessThanOrEqual(1_000);
    etcd.link('a').blackHole();
    await clock.advance(5_000);
    expect(view.staleMs()).toBeGreaterThanOrEqual(5_000);
    etcd.link('a').heal();
    await clock.until(() => view.staleMs() < 1_000, 5_000);
  });

  it('does not keep a view from a revision when its watch has lost an event', async () => {
    const { clock, etcd, store } = setUp();
    const view = store.view('a/');
    await clock.until(() => view.synced);
    etcd.lagWatchers('level/a/', true);
    const { revision } = await store.txn([], [{ kind: 'put', key: 'a/1', value: 'x' }]);
    const reached = view.whenAt(revision);
    await clock.until(() => view.revision >= revision, 3_000);
    await reached;
    expect(view.get('a/1')?.value).toBe('x');
    expect(view.regressions).toBe(0);
  });

  it('refuses puts and leases without space, and nothing else', async () => {
    const { etcd, store } = setUp();
    await store.txn([], [{ kind: 'put', key: 'a', value: '1' }]);
    etcd.setNoSpace(true);
    await expect(store.grantLease(3_000)).rejects.toMatchObject({ code: 'exhausted' });
    await expect(store.txn([], [{ kind: 'put', key: 'b', value: '1' }])).rejects.toMatchObject({
      code: 'exhausted',
    });
    expect((await store.txn([], [{ kind: 'delete', key: 'a' }])).succeeded).toBe(true);
  });

  it('answers a stuck call by its deadline, and may still have done it', async () => {
    const { clock, etcd, store } = setUp();
    etcd.stick(true);
    const write = store.txn([], [{ kind: 'put', key: 'a', value: '1' }], { timeoutMs: 500 });
    const outcome = expect(write).rejects.toMatchObject({ code: 'deadline' });
    await clock.advance(500);
    await outcome;
    etcd.stick(false);
    expect(await store.get('a')).toBeDefined();
  });
});
