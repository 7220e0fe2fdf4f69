/**
 * What a Store must do over a cluster whose leader changes and whose majority is lost, run against the in-memory etcd and
 * three real members.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store, View } from './store.js';
import { waited } from './store.contract.testing.js';

const put = (key: string, value = 'x') => ({ kind: 'put' as const, key, value });

/** Three members and what becomes of them. */
export interface ClusterRig {
  client(): Promise<{ readonly store: Store }>;
  /** Another member leads from now on. */
  changeLeader(): Promise<void>;
  /** Takes the majority away, or gives it back with its data. */
  setQuorum(quorum: boolean): Promise<void>;
  until(what: string, condition: () => boolean, boundMs?: number): Promise<void>;
  stop(): Promise<void>;
}

const CLUSTER_LEASE_TTL_MS = 3_000;

export const describeCluster = (name: string, start: () => Promise<ClusterRig>): void => {
  describe(name, () => {
    let rig: ClusterRig;
    let store: Store;
    let other: Store;
    let view: View;

    /** Written for certain: repeated until an answer comes. */
    const write = async (key: string): Promise<void> => {
      for (let attempts = 0; ; attempts++) {
        try {
          await waited(rig, store.txn([], [put(key)], { timeoutMs: 1_000 }));
          return;
        } catch (error) {
          if (attempts >= 20) throw error;
        }
      }
    };

    beforeAll(async () => {
      rig = await start();
      store = (await rig.client()).store;
      other = (await rig.client()).store;
      view = other.view('c/');
      await waited(rig, view.whenSynced());
    });
    afterAll(async () => {
      await Promise.all([store.close(), other.close()]);
      await rig.stop();
    });

    it('loses no event over changes of its leader, and takes none for a regress', async () => {
      for (let change = 0; change < 3; change++) {
        for (let n = 0; n < 10; n++) await write(`c/${change}-${n}`);
        await rig.changeLeader();
      }
      await write('c/last');
      await rig.until(
        'everything',
        () => view.get('c/last') !== undefined && view.entries.size === 31,
        20_000,
      );
      expect(view.regressions).toBe(0);
    });

    it('keeps a lease over a change of its leader that is kept alive, and ends one that is not', async () => {
      const kept = await waited(rig, store.grantLease(CLUSTER_LEASE_TTL_MS));
      const left = await waited(rig, store.grantLease(CLUSTER_LEASE_TTL_MS));
      await waited(
        rig,
        store.txn(
          [],
          [
            { ...put('l/kept'), lease: kept.id },
            { ...put('l/left'), lease: left.id },
          ],
        ),
      );
      const leased = other.view('l/');
      await waited(rig, leased.whenSynced());
      await rig.changeLeader();
      let alive = kept.ttlMs;
      while (leased.get('l/left') !== undefined) {
        const told = await waited(rig, store.keepAlive(kept.id, { timeoutMs: 700 })).catch(() => alive);
        expect((alive = told)).toBeGreaterThan(0);
        const sinceMs = leased.staleMs();
        await rig.until('a moment', () => leased.staleMs() !== sinceMs);
      }
      expect(leased.get('l/kept')).toBeDefined();
      leased.close();
    });

    it('answers nothing without quorum but goes on serving its last view, and goes on with it', async () => {
      const before = view.entries;
      await rig.setQuorum(false);
      for (const call of [
        () => store.get('c/last', { timeoutMs: 700 }),
        () => store.txn([], [put('c/never')], { timeoutMs: 700 }),
        () => store.grantLease(CLUSTER_LEASE_TTL_MS, { timeoutMs: 700 }),
      ]) {
        await expect(waited<unknown>(rig, call())).rejects.toMatchObject({ retryable: true });
      }
      await rig.until('stale', () => view.staleMs() > 2_500, 20_000);
      expect(view.synced).toBe(true);
      expect([...view.entries.keys()]).toEqual([...before.keys()]);
      await rig.setQuorum(true);
      await write('c/again');
      await rig.until('goes on', () => view.get('c/again') !== undefined && view.staleMs() < 1_500, 20_000);
      expect(view.regressions).toBe(0);
    });
  });
};
