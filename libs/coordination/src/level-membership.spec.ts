import {
  compareEpochs,
  decisionId,
  FencedError,
  instanceId,
  KEYS,
  levelId,
  PREFIXES,
} from '@mitosis/contracts';
import type { DecisionRecord, LevelRecord } from '@mitosis/contracts';
import { describe, expect, it, vi } from 'vitest';
import { DECISIONS_KEPT } from './decide/decision-log.js';
import { joinLevel } from './level-membership.js';
import { MemoryEtcd } from './memory-etcd.js';
import type { ProcessProbe } from './process-probe.js';
import type { LeaderSession } from './session.js';
import type { Store } from './store.js';
import { VirtualClock } from './virtual-clock.js';

const TTL_MS = 3_000;
const level = levelId('shop');

/** Deaths are announced by the test. */
class FakeProbe implements ProcessProbe {
  readonly watched = new Map<string, () => void>();
  watch(address: string, onGone: () => void): () => void {
    this.watched.set(address, onGone);
    return () => {
      this.watched.delete(address);
    };
  }
}

const setUp = () => {
  const clock = new VirtualClock();
  const etcd = new MemoryEtcd({ clock });
  const join = (name: string, incarnation = 1, processClock = clock) => {
    const store = etcd.store(name, 'mitosis/shop/');
    const probe = new FakeProbe();
    const troubles: unknown[] = [];
    const membership = joinLevel({
      store,
      level,
      incarnation,
      replica: instanceId(name),
      address: `127.0.0.1:${name.charCodeAt(0)}`,
      leaseTtlMs: TTL_MS,
      clock: processClock,
      probe,
      onTrouble: (error) => troubles.push(error),
    });
    const candidate = membership.stand('health');
    return { store, probe, membership, candidate, troubles, link: etcd.link(name) };
  };
  const leads = async (process: ReturnType<typeof join>): Promise<LeaderSession> => {
    await clock.until(() => process.candidate.session() !== undefined);
    const session = process.candidate.session();
    if (session === undefined) throw new Error('no session');
    return session;
  };
  return { clock, etcd, join, leads };
};

const write = (session: LeaderSession, value: string) =>
  session.commit({ writes: [{ kind: 'put', key: 'targets/web', value }] });

const decision = (session: LeaderSession, id: string): DecisionRecord => ({
  v: 1,
  id: decisionId(id),
  function: 'health',
  atMs: 0,
  epoch: session.epoch,
  component: 'web',
  action: 'start',
  change: '',
  reason: 'test',
  policy: '',
  inputs: {},
  causes: [],
  applied: true,
});

const valueOf = async (store: Store, key: string) => (await store.get(key))?.value;

describe('leadership', () => {
  it('belongs to the candidate that came first, and everyone knows who it is', async () => {
    const { clock, join, leads } = setUp();
    const a = join('a');
    const session = await leads(a);
    const b = join('b');
    await clock.until(() => b.candidate.leader() !== undefined);
    expect(b.candidate.leader()).toEqual({ replica: 'a', address: '127.0.0.1:97', epoch: session.epoch });
    expect(b.candidate.session()).toBeUndefined();
    expect(session.actHeader('d1')).toEqual({
      level: 'shop',
      epoch: session.epoch,
      function: 'health',
      replica: 'a',
      decision: 'd1',
    });
  });

  it('passes on at once when the leader leaves', async () => {
    const { clock, join, leads } = setUp();
    const a = join('a');
    const first = await leads(a);
    const b = join('b');
    await clock.until(() => b.candidate.leader()?.replica === 'a');
    await a.membership.close();
    expect(first.isLive()).toBe(false);
    expect(first.signal.aborted).toBe(true);
    const beforeMs = clock.monotonicMs();
    const second = await leads(b);
    expect(clock.monotonicMs() - beforeMs).toBeLessThanOrEqual(5);
    expect(second.epoch.revision).toBeGreaterThan(first.epoch.revision);
  });

  it('ends at the leader before it begins at the successor when the leader is cut off', async () => {
    const { clock, etcd, join, leads } = setUp();
    const a = join('a');
    const first = await leads(a);
    const b = join('b');
    await clock.until(() => b.candidate.leader()?.replica === 'a');
    await clock.advance(1_234);
    etcd.link('a').blackHole();
    const cutAtMs = clock.monotonicMs();
    while (b.candidate.session() === undefined) {
      await clock.advance(5);
      expect(first.isLive() && b.candidate.session()?.isLive() === true).toBe(false);
      expect(clock.monotonicMs() - cutAtMs).toBeLessThan(TTL_MS + 800);
    }
    await expect(write(first, 'late')).rejects.toThrow(FencedError);
    expect(() => first.actHeader('d')).toThrow(FencedError);
    etcd.link('a').heal();
    await clock.until(() => a.candidate.leader()?.replica === 'b');
    expect(a.candidate.session()).toBeUndefined();
  });

  it('is over after a stop of the process, before any timer has run', async () => {
    const { clock, join, leads } = setUp();
    const session = await leads(join('a'));
    clock.stall(TTL_MS);
    expect(session.isLive()).toBe(false);
    await expect(write(session, 'late')).rejects.toThrow(FencedError);
  });

  it('is over after a suspend, which the monotonic clock does not notice', async () => {
    const { clock, join, leads } = setUp();
    const session = await leads(join('a'));
    clock.suspend(TTL_MS);
    expect(session.isLive()).toBe(false);
  });

  it('survives stops that are shorter than the lease', async () => {
    const { clock, join, leads } = setUp();
    const session = await leads(join('a'));
    for (let i = 0; i < 20; i++) {
      await clock.advance(1_000);
      clock.stall(500);
    }
    await clock.advance(100);
    expect(session.isLive()).toBe(true);
  });

  it('survives an etcd that hangs for two thirds of the lease', async () => {
    const { clock, etcd, join, leads } = setUp();
    const session = await leads(join('a'));
    for (let i = 0; i < 5; i++) {
      etcd.stick(true);
      await clock.advance((TTL_MS * 2) / 3 - 100);
      etcd.stick(false);
      await clock.advance(2_000);
    }
    expect(session.isLive()).toBe(true);
  });

  it('moves when another process sees the leader gone and revokes its lease, also when that was wrong', async () => {
    const { clock, join, leads } = setUp();
    const a = join('a');
    const first = await leads(a);
    const b = join('b');
    await clock.until(() => b.probe.watched.has('127.0.0.1:97'));
    b.probe.watched.get('127.0.0.1:97')?.();
    const second = await leads(b);
    expect(first.isLive()).toBe(false);
    await expect(write(first, 'late')).rejects.toThrow(FencedError);
    expect((await write(second, 'mine')).kind).toBe('committed');
    // The wrongly accused is back as a candidate.
    await clock.until(() => a.candidate.leader()?.replica === 'b' && a.membership.leaseId() !== undefined);
    await b.membership.close();
    await leads(a);
  });

  it('begins with views that show everything the predecessor wrote', async () => {
    const { clock, etcd, join, leads } = setUp();
    const a = join('a');
    const first = await leads(a);
    const b = join('b');
    const view = b.store.view(PREFIXES.targets);
    await clock.until(() => view.synced && b.candidate.leader()?.replica === 'a');
    // Its watch of what the leader writes lags behind its watch of the election, as slow watchers of etcd do.
    etcd.lagWatchers('mitosis/shop/targets/', true);
    let seen = '';
    b.candidate.onSession(() => {
      seen = view.get('targets/web')?.value ?? 'nothing';
    });
    await write(first, 'last words');
    await a.membership.close();
    await clock.until(() => b.candidate.leader()?.replica === 'b');
    await clock.advance(500);
    expect(seen).toBe('');
    expect(b.candidate.session()).toBeUndefined();
    etcd.lagWatchers('mitosis/shop/targets/', false);
    await clock.until(() => seen !== '');
    expect(seen).toBe('last words');
  });

  it('is given up by resigning and comes back only after standing aside', async () => {
    const { clock, join, leads } = setUp();
    const a = join('a');
    const first = await leads(a);
    await a.candidate.resign(10_000);
    expect(first.isLive()).toBe(false);
    const b = join('b');
    await leads(b);
    await clock.advance(9_000);
    expect(await a.store.get(KEYS.candidate('health', 'a'))).toBeUndefined();
    await clock.advance(2_000);
    expect(await a.store.get(KEYS.candidate('health', 'a'))).toBeDefined();
    expect(a.candidate.session()).toBeUndefined();
  });

  it('is taken over at once by a process that was started again under the same id', async () => {
    const { clock, etcd, join, leads } = setUp();
    const a = join('a');
    const first = await leads(a);
    // Killed: nothing of it runs any more, its lease lives on.
    etcd.link('a').cut();
    const store = etcd.store('a-again', 'mitosis/shop/');
    const again = joinLevel({
      store,
      level,
      incarnation: 1,
      replica: instanceId('a'),
      address: '127.0.0.1:1',
      leaseTtlMs: TTL_MS,
      clock,
      probe: new FakeProbe(),
    });
    const candidate = again.stand('health');
    const beforeMs = clock.monotonicMs();
    await clock.until(() => candidate.session() !== undefined);
    expect(clock.monotonicMs() - beforeMs).toBeLessThan(500);
    expect(candidate.session()?.epoch.revision).toBeGreaterThan(first.epoch.revision);
  });

  it('ends when the store goes backwards, and returns with a new lease', async () => {
    const { clock, etcd, join, leads } = setUp();
    const a = join('a');
    const snapshot = etcd.snapshot();
    const first = await leads(a);
    const leaseId = a.membership.leaseId();
    await write(first, 'lost');
    etcd.restore(snapshot);
    await clock.until(() => !first.isLive());
    const second = await leads(a);
    expect(a.membership.leaseId()).not.toBe(leaseId);
    // Its revisions begin anew below those of before: nobody may lead on under the same number.
    expect(compareEpochs(second.epoch, first.epoch)).toBeGreaterThan(0);
  });

  it('takes over the incarnation of the store when that is newer', async () => {
    const { etcd, join, leads } = setUp();
    const record: LevelRecord = { v: 1, level, incarnation: 2 };
    await etcd
      .store('birth', 'mitosis/shop/')
      .txn([], [{ kind: 'put', key: KEYS.level, value: JSON.stringify(record) }]);
    expect((await leads(join('a', 1))).epoch.incarnation).toBe(2);
  });

  it('claims a store that was made anew out of an older one, and fences who still acts in it', async () => {
    const { clock, etcd, join, leads } = setUp();
    const old = join('a', 1);
    const session = await leads(old);
    const right = join('b', 2);
    await clock.until(() => !session.isLive());
    await expect(write(session, 'late')).rejects.toThrow(FencedError);
    // Both go on under the newer incarnation, whoever of them leads.
    await clock.until(() => (old.candidate.session() ?? right.candidate.session()) !== undefined);
    expect((old.candidate.session() ?? right.candidate.session())?.epoch.incarnation).toBe(2);
    const stored = await etcd.store('look', 'mitosis/shop/').get(KEYS.level);
    expect(JSON.parse(stored?.value ?? '')).toEqual({ v: 1, level, incarnation: 2 });
  });

  it('ends when the level gets a new incarnation under it', async () => {
    const { etcd, join, leads } = setUp();
    const session = await leads(join('a'));
    await etcd
      .store('birth', 'mitosis/shop/')
      .txn([], [{ kind: 'put', key: KEYS.level, value: JSON.stringify({ v: 1, level, incarnation: 2 }) }]);
    await expect(write(session, 'late')).rejects.toThrow(FencedError);
    expect(session.isLive()).toBe(false);
  });

  it('cannot be won without space, and is won when there is space again', async () => {
    const { clock, etcd, join, leads } = setUp();
    etcd.setNoSpace(true);
    const a = join('a');
    await clock.advance(5_000);
    expect(a.candidate.session()).toBeUndefined();
    etcd.setNoSpace(false);
    await leads(a);
  });
});

describe('a commit', () => {
  it('of a leader that does not know yet that it was deposed changes nothing and ends its session', async () => {
    const { clock, etcd, join, leads } = setUp();
    const a = join('a');
    const session = await leads(a);
    const other = etcd.store('other', 'mitosis/shop/');
    etcd.lagWatchers('mitosis/shop/election/', true);
    await other.txn([], [{ kind: 'delete', key: KEYS.candidate('health', 'a') }]);
    await clock.advance(100);
    expect(session.isLive()).toBe(true);
    await expect(write(session, 'late')).rejects.toThrow(FencedError);
    expect(session.isLive()).toBe(false);
    expect(session.signal.aborted).toBe(true);
    expect(await valueOf(other, 'targets/web')).toBeUndefined();
    etcd.lagWatchers('mitosis/shop/election/', false);
    const next = await leads(a);
    expect(next.epoch.revision).toBeGreaterThan(session.epoch.revision);
  });

  it('is practised by who waits for it: nothing is written, nobody is told, and it begins as ever afterwards', async () => {
    const { clock, etcd, join, leads } = setUp();
    const a = join('a');
    await leads(a);
    const b = join('b');
    await clock.advance(100);
    const { revision } = etcd;
    const told: LeaderSession[] = [];
    b.candidate.onSession((session) => told.push(session));
    const [asked, askedByLeader] = [b, a].map(({ store }) => vi.spyOn(store, 'txn'));
    const practise = async ({ membership }: typeof a): Promise<void> => {
      let isOver = false;
      void membership.rehearse().then(() => (isOver = true));
      await clock.until(() => isOver);
    };
    await practise(b);
    expect(asked).toHaveBeenCalledOnce();
    expect(etcd.revision).toBe(revision);
    expect(told).toEqual([]);
    expect(b.candidate.session()).toBeUndefined();
    await practise(a);
    expect(askedByLeader).not.toHaveBeenCalled();
    await a.membership.close();
    const session = await leads(b);
    expect((await write(session, 'after')).kind).toBe('committed');
    expect(told).toEqual([session]);
  });

  it('tells a conflict from a lost leadership', async () => {
    const { join, leads } = setUp();
    const session = await leads(join('a'));
    await write(session, '1');
    const result = await session.commit({
      compares: [{ key: 'targets/web', modRevision: 1 }],
      writes: [{ kind: 'put', key: 'targets/web', value: '2' }],
    });
    expect(result.kind).toBe('conflict');
    expect(session.isLive()).toBe(true);
  });

  it('writes its decisions beside the change and keeps the newest 500', async () => {
    const { clock, join, leads } = setUp();
    const a = join('a');
    const session = await leads(a);
    for (let i = 0; i < DECISIONS_KEPT + 30; i++) {
      await session.commit({ decisions: [decision(session, String(i).padStart(4, '0'))] });
      // What is there already is listed a while after the first commit.
      if (i === 0) for (let times = 0; times < 5; times++) await clock.advance(TTL_MS / 10);
    }
    const { entries } = await a.store.list(KEYS.decisions('health'));
    expect(entries).toHaveLength(DECISIONS_KEPT);
    expect(entries[0]?.key).toBe(KEYS.decision('health', '0030'));
  });

  it('writes nothing at all when it is too large', async () => {
    const { join, leads } = setUp();
    const a = join('a');
    const session = await leads(a);
    const writes = Array.from({ length: 600 }, (_, i) => ({
      kind: 'put' as const,
      key: `x/${i}`,
      value: '',
    }));
    await expect(session.commit({ writes })).rejects.toMatchObject({ code: 'invalid_input' });
    expect((await a.store.list('x/')).entries).toHaveLength(0);
    expect(session.isLive()).toBe(true);
  });

  it('whose answer was lost is shown by the views before the next pass', async () => {
    const { clock, etcd, join, leads } = setUp();
    const a = join('a');
    const session = await leads(a);
    const view = a.store.view('targets/');
    await clock.until(() => view.synced);
    etcd.link('a').delay(5);
    const outcome = expect(write(session, 'done?')).rejects.toMatchObject({ code: 'unavailable' });
    // The request has arrived, its answer has not.
    await clock.advance(7);
    etcd.link('a').reset();
    await clock.advance(1_000);
    await outcome;
    expect(view.get('targets/web')?.value).toBe('done?');
  });
});

describe('published keys', () => {
  it('live under the lease and come again with the next one, in their newest value', async () => {
    const { clock, etcd, join } = setUp();
    const a = join('a');
    const other = etcd.store('other', 'mitosis/shop/');
    await clock.until(() => a.membership.leaseId() !== undefined);
    await a.membership.publish('acks/a', '1');
    await a.membership.publish('acks/a', '2');
    const lease = a.membership.leaseId() ?? '';
    expect((await other.get('acks/a'))?.lease).toBe(lease);
    await other.revokeLease(lease);
    expect(await valueOf(other, 'acks/a')).toBeUndefined();
    await clock.until(() => a.membership.leaseId() !== undefined && a.membership.leaseId() !== lease);
    await clock.advance(100);
    expect(await valueOf(other, 'acks/a')).toBe('2');
    await a.membership.close();
    expect(await valueOf(other, 'acks/a')).toBeUndefined();
  });

  it('published before the level could be joined are there once it is', async () => {
    const { clock, etcd, join } = setUp();
    etcd.link('a').cut();
    const a = join('a');
    const published = a.membership.publish('members/a', '{}');
    await clock.advance(500);
    etcd.link('a').heal();
    await clock.until(() => a.membership.leaseId() !== undefined);
    await published;
    expect(await valueOf(a.store, 'members/a')).toBe('{}');
  });
});
