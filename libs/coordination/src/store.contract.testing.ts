/**
 * What every Store must do, run against the in-memory etcd and the real one. A rig builds the server and its faults; the
 * suite never knows which it has.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Store, View } from './store.js';

export interface StoreRig {
  /** A client of its own over a link with faults of its own. */
  client(): Promise<RigClient>;
  compact(): Promise<void>;
  /** Killed and started again with its data. */
  restart(): Promise<void>;
  /** Takes a snapshot; the returned function restores it, with a lower revision and the same cluster id. */
  snapshot(): Promise<() => Promise<void>>;
  empty(): Promise<void>;
  /** It accepts everything and answers nothing; then it goes on where it stopped. */
  stick(stuck: boolean): void;
  /** Its space is used up (the NOSPACE alarm is on); the returned function makes space and ends the alarm. */
  exhaust(): Promise<() => Promise<void>>;
  /** Lets time pass until the condition holds. */
  until(what: string, condition: () => boolean, boundMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export interface RigClient {
  readonly store: Store;
  blackHole(): void;
  cut(): void;
  reset(): void;
  /** Every message arrives this much later from now on, until `heal`. */
  slow(ms: number): void;
  heal(): void;
}

const LEASE_TTL_MS = 2_000;
const put = (key: string, value = 'x') => ({ kind: 'put' as const, key, value });
const keys = (view: View): string[] => [...view.entries.keys()];

export const describeStore = (name: string, start: () => Promise<StoreRig>): void => {
  describe(name, () => {
    let rig: StoreRig;
    let clients: RigClient[] = [];
    let next = 0;
    /** A prefix no other test uses: the server is shared. */
    const fresh = (): string => `t${next++}/`;
    const client = async (): Promise<RigClient> => {
      const made = await rig.client();
      clients.push(made);
      return made;
    };
    const fill = async (store: Store, prefix: string, count: number): Promise<number> => {
      let revision = 0;
      for (let i = 0; i < count; i++) revision = (await store.txn([], [put(`${prefix}${i}`)])).revision;
      return revision;
    };

    beforeAll(async () => {
      rig = await start();
    });
    afterEach(async () => {
      await Promise.all(clients.map(({ store }) => store.close()));
      clients = [];
    });
    afterAll(() => rig.stop());

    it('writes all of a transaction or nothing, and tells what the compared keys were', async () => {
      const { store } = await client();
      const p = fresh();
      const first = await store.txn(
        [{ key: `${p}a`, createRevision: 0 }],
        [put(`${p}a`, '1'), put(`${p}b`, '1')],
      );
      expect(first.succeeded).toBe(true);
      const second = await store.txn(
        [{ key: `${p}a`, createRevision: 0 }],
        [put(`${p}a`, '2'), put(`${p}c`, '2')],
      );
      expect(second.succeeded).toBe(false);
      expect(second.current.get(`${p}a`)).toMatchObject({ value: '1', createRevision: first.revision });
      expect((await store.list(p)).entries.map((entry) => entry.key)).toEqual([`${p}a`, `${p}b`]);
      const third = await store.txn([{ key: `${p}b`, modRevision: first.revision }], [put(`${p}b`, '3')]);
      expect(third.succeeded).toBe(true);
      expect(await store.get(`${p}b`)).toMatchObject({
        createRevision: first.revision,
        modRevision: third.revision,
      });
    });

    it('refuses a transaction that is too large or writes a key twice', async () => {
      const { store } = await client();
      const p = fresh();
      const many = Array.from({ length: 513 }, (_, i) => put(`${p}${i}`));
      await expect(store.txn([], many)).rejects.toMatchObject({ code: 'invalid_input' });
      await expect(store.txn([], [put(`${p}a`), put(`${p}a`)])).rejects.toMatchObject({
        code: 'invalid_input',
      });
      expect((await store.txn([], many.slice(1))).succeeded).toBe(true);
    });

    it('lists more entries than one page holds at one revision, sorted, with or without values', async () => {
      const { store } = await client();
      const p = fresh();
      for (let block = 0; block < 9; block++) {
        await store.txn(
          [],
          Array.from({ length: 500 }, (_, i) => put(`${p}${block}-${i}`, 'v')),
        );
      }
      const { entries, revision } = await store.list(p);
      expect(entries).toHaveLength(4_500);
      expect(entries.map((entry) => entry.key)).toEqual(entries.map((entry) => entry.key).sort());
      expect(revision).toBeGreaterThanOrEqual(Math.max(...entries.map((entry) => entry.modRevision)));
      const bare = await store.list(p, { keysOnly: true });
      expect(bare.entries[0]).toMatchObject({ value: '', key: `${p}0-0` });
    });

    it('grants at least the TTL asked for, keeps it alive, and takes the keys with the lease', async () => {
      const { store } = await client();
      const p = fresh();
      const lease = await store.grantLease(LEASE_TTL_MS);
      expect(lease.ttlMs).toBeGreaterThanOrEqual(LEASE_TTL_MS);
      await store.txn([], [{ ...put(`${p}a`), lease: lease.id }]);
      expect(await store.keepAlive(lease.id)).toBe(lease.ttlMs);
      await store.revokeLease(lease.id);
      await store.revokeLease(lease.id);
      expect(await store.get(`${p}a`)).toBeUndefined();
      expect(await store.keepAlive(lease.id)).toBe(0);
      await expect(store.txn([], [{ ...put(`${p}b`), lease: lease.id }])).rejects.toMatchObject({
        code: 'not_found',
      });
    });

    it('shows puts and deletes to every view at the revision they happened', async () => {
      const a = await client();
      const b = await client();
      const p = fresh();
      const views = [a.store.view(p), b.store.view(p)];
      await Promise.all(views.map((view) => view.whenSynced()));
      await fill(a.store, p, 5);
      const { revision } = await b.store.txn([], [{ kind: 'delete', key: `${p}0` }, put(`${p}9`, 'nine')]);
      await rig.until('both views', () => views.every((view) => view.revision >= revision));
      for (const view of views) {
        expect(keys(view)).toEqual([`${p}1`, `${p}2`, `${p}3`, `${p}4`, `${p}9`]);
        expect(view.get(`${p}9`)).toMatchObject({ value: 'nine', modRevision: revision });
      }
    });

    it('shows own writes when asked to wait for them', async () => {
      const { store } = await client();
      const p = fresh();
      const view = store.view(p);
      await view.whenSynced();
      for (let i = 0; i < 50; i++) {
        await store.txn([], [put(`${p}a`, String(i))], { untilSeen: true });
        expect(view.get(`${p}a`)?.value).toBe(String(i));
      }
      await store.txn([], [{ kind: 'delete', key: `${p}a` }], { untilSeen: true });
      expect(view.get(`${p}a`)).toBeUndefined();
      await store.txn([], [{ kind: 'delete', key: `${p}a` }], { untilSeen: true });
    });

    it('never changes a snapshot that was handed out, and names the changed keys', async () => {
      const { store } = await client();
      const p = fresh();
      const view = store.view(p);
      await view.whenSynced();
      const before = view.entries;
      const changed: string[] = [];
      view.onChange((change) => changed.push(...change.keys));
      await store.txn([], [put(`${p}b`), put(`${p}a`)], { untilSeen: true });
      expect([...before.keys()]).toEqual([]);
      expect(keys(view)).toEqual([`${p}a`, `${p}b`]);
      await rig.until('the listener', () => changed.length === 2);
      expect(changed.sort()).toEqual([`${p}a`, `${p}b`]);
    });

    it('reaches a revision without an event in its prefix', async () => {
      const { store } = await client();
      const p = fresh();
      const view = store.view(p);
      await view.whenSynced();
      const revision = await fill(store, fresh(), 3);
      await view.whenAt(revision);
      expect(view.revision).toBeGreaterThanOrEqual(revision);
      await store.txn([], [put(`${p}a`)], { untilSeen: true });
      expect(keys(view)).toEqual([`${p}a`]);
    });

    it('loses nothing when the link breaks again and again while it catches up', async () => {
      const a = await client();
      const b = await client();
      const p = fresh();
      const view = b.store.view(p);
      await view.whenSynced();
      b.cut();
      const revision = await fill(a.store, p, 200);
      let resets = 0;
      view.onChange(() => {
        if (resets++ < 5) b.reset();
      });
      b.heal();
      for (let i = 0; i < 3; i++) {
        b.reset();
        await rig.until('a sign of life or nothing', () => resets > i || view.staleMs() > 50 * (i + 1));
      }
      await fill(a.store, `${p}more-`, 20);
      await rig.until('everything', () => view.entries.size === 220);
      expect(resets).toBeGreaterThan(0);
      expect(view.revision).toBeGreaterThanOrEqual(revision);
      expect(view.regressions).toBe(0);
    });

    it('lists again when the history was compacted under its watch', async () => {
      const a = await client();
      const b = await client();
      const p = fresh();
      const view = b.store.view(p);
      await view.whenSynced();
      await fill(a.store, p, 3);
      await rig.until('three', () => view.entries.size === 3);
      b.cut();
      await a.store.txn([], [{ kind: 'delete', key: `${p}0` }]);
      await a.store.txn([], [put(`${p}new`)]);
      await rig.compact();
      b.heal();
      await rig.until('the new state', () => view.get(`${p}new`) !== undefined && view.entries.size === 3);
      await a.store.txn([], [put(`${p}after`)]);
      await rig.until('goes on', () => view.get(`${p}after`) !== undefined);
      expect(view.regressions).toBe(0);
    });

    it('sees a deletion that was the very revision of a compaction', async () => {
      const a = await client();
      const b = await client();
      const p = fresh();
      const view = b.store.view(p);
      await fill(a.store, p, 2);
      await rig.until('two', () => view.entries.size === 2);
      b.cut();
      await a.store.txn([], [{ kind: 'delete', key: `${p}0` }]);
      await rig.compact();
      b.heal();
      await rig.until('one left', () => view.entries.size === 1, 15_000);
    });

    it('knows how stale it is behind a black hole, and recovers', async () => {
      const a = await client();
      const b = await client();
      const p = fresh();
      const view = b.store.view(p);
      await view.whenSynced();
      await rig.until('fresh', () => view.staleMs() < 1_500);
      b.blackHole();
      await rig.until('stale', () => view.staleMs() > 3_000);
      expect(view.synced).toBe(true);
      await a.store.txn([], [put(`${p}a`)]);
      b.heal();
      await rig.until('caught up', () => view.get(`${p}a`) !== undefined && view.staleMs() < 1_500);
    });

    it('answers every call within its deadline behind a black hole', async () => {
      const { store, blackHole } = await client();
      await store.get('x');
      blackHole();
      let code = '';
      store.get('x', { timeoutMs: 300 }).catch((error: { code: string }) => {
        code = error.code;
      });
      await rig.until('the deadline', () => code === 'deadline', 1_000);
    });

    it('gives up a call when its signal aborts', async () => {
      const { store, blackHole } = await client();
      await store.get('x');
      blackHole();
      const abort = new AbortController();
      const call = store.get('x', { timeoutMs: 60_000, signal: abort.signal });
      abort.abort();
      await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    });

    it('loses nothing over a slow link, and answers in time whom it cannot serve in time', async () => {
      const a = await client();
      const b = await client();
      const p = fresh();
      const view = b.store.view(p);
      await view.whenSynced();
      b.slow(120);
      await expect(waited(rig, b.store.get(`${p}0`, { timeoutMs: 60 }))).rejects.toMatchObject({
        code: 'deadline',
        retryable: true,
      });
      const revision = await fill(a.store, p, 100);
      const late = b.store.txn([], [put(`${p}own`)], { untilSeen: true });
      await waited(rig, late);
      expect(view.get(`${p}own`)).toBeDefined();
      await rig.until('everything', () => view.entries.size === 101 && view.revision >= revision);
      expect(view.regressions).toBe(0);
    });

    it('answers by the deadline what a stuck server does not, and shows afterwards what became of it', async () => {
      const { store } = await client();
      const p = fresh();
      const view = store.view(p);
      await view.whenSynced();
      rig.stick(true);
      const codes: string[] = [];
      const failed = (error: { code: string }): void => void codes.push(error.code);
      void store.txn([], [put(`${p}a`)], { timeoutMs: 300 }).catch(failed);
      void store.list(p, { timeoutMs: 300 }).catch(failed);
      await rig.until('both deadlines', () => codes.length === 2, 2_000);
      expect(codes).toEqual(['deadline', 'deadline']);
      await rig.until('stale', () => view.staleMs() > 1_500);
      expect(view.synced).toBe(true);
      rig.stick(false);
      await rig.until('fresh', () => view.staleMs() < 1_000);
      // Unknown is not undone: whichever it was, view and store agree.
      await waited(rig, store.catchUp());
      const stored = await waited(rig, store.get(`${p}a`));
      expect(view.get(`${p}a`)?.modRevision).toBe(stored?.modRevision);
      await waited(rig, store.txn([], [put(`${p}b`)], { untilSeen: true }));
      expect(view.get(`${p}b`)).toBeDefined();
    });

    it('refuses puts and leases for good without space, goes on with the rest, and recovers', async () => {
      const { store } = await client();
      const p = fresh();
      const view = store.view(p);
      // Longer than it takes a busy machine to fill the store.
      const lease = await store.grantLease(60_000);
      await store.txn([], [put(`${p}a`), { ...put(`${p}leased`), lease: lease.id }], { untilSeen: true });
      const relieve = await rig.exhaust();
      // Not retryable: only somebody who makes space helps.
      const refusal = { code: 'exhausted', retryable: false };
      await expect(store.txn([], [put(`${p}b`)])).rejects.toMatchObject(refusal);
      await expect(store.grantLease(LEASE_TTL_MS)).rejects.toMatchObject(refusal);
      expect((await store.list(p)).entries).toHaveLength(2);
      expect(await store.keepAlive(lease.id)).toBe(lease.ttlMs);
      await store.txn([], [{ kind: 'delete', key: `${p}a` }], { untilSeen: true });
      expect(keys(view)).toEqual([`${p}leased`]);
      await relieve();
      await rig.until('reachable', () => view.staleMs() < 1_000);
      await store.txn([], [put(`${p}b`)], { untilSeen: true });
      expect(view.get(`${p}b`)).toBeDefined();
      await store.grantLease(LEASE_TTL_MS);
    });

    it('goes on after the server was killed and started again', async () => {
      const { store } = await client();
      const p = fresh();
      const view = store.view(p);
      await fill(store, p, 3);
      await rig.until('three', () => view.entries.size === 3);
      await rig.restart();
      let written = false;
      const write = async (): Promise<void> => {
        while (!written) {
          written = await store.txn([], [put(`${p}after`)], { timeoutMs: 500 }).then(
            (result) => result.succeeded,
            () => false,
          );
          if (!written) await rig.until('a moment', () => true);
        }
      };
      await Promise.all([write(), rig.until('the write', () => view.get(`${p}after`) !== undefined)]);
      expect(view.entries.size).toBe(4);
      expect(view.regressions).toBe(0);
    });

    it('sees a restore from an older snapshot as a regress, and nothing after it twice or never', async () => {
      const { store } = await client();
      const other = await client();
      const p = fresh();
      const view = store.view(p);
      let regressed = 0;
      store.onRegress(() => regressed++);
      await fill(store, `${p}old`, 2);
      const restore = await rig.snapshot();
      await fill(store, `${p}lost`, 30);
      await rig.until('all', () => view.entries.size === 32);
      await restore();
      await rig.until('the regress', () => view.regressions === 1);
      expect(keys(view)).toEqual([`${p}old0`, `${p}old1`]);
      expect(regressed).toBe(1);
      await other.store.get('x').catch(() => undefined);
      await rig.until('reachable', () => view.staleMs() < 1_500);
      await store.txn([], [put(`${p}new`)]);
      await rig.until('the new one', () => view.get(`${p}new`) !== undefined);
      expect(view.regressions).toBe(1);
    });

    it('sees an emptied store as a regress', async () => {
      const { store } = await client();
      const p = fresh();
      const view = store.view(p);
      await fill(store, p, 10);
      await rig.until('all', () => view.entries.size === 10);
      await rig.empty();
      await rig.until('the regress', () => view.regressions === 1);
      expect(keys(view)).toEqual([]);
    });
  });
};

/** Lets time pass until the promise has settled. */
export const waited = async <T>(rig: { until: StoreRig['until'] }, promise: Promise<T>): Promise<T> => {
  let settled = false;
  const end = (): void => {
    settled = true;
  };
  // What it failed with is for whoever awaits it.
  void promise.catch(() => undefined).finally(end);
  await rig.until('an answer', () => settled);
  return promise;
};
