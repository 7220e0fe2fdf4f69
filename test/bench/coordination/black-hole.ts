/**
 * A leader whose link to etcd swallows everything: how long until the other leads, and how long both believed to lead.
 * Many pairs side by side in this process, because most of it is waiting for leases.
 */
import { EtcdStore, joinLevel } from '@mitosis/coordination';
import { instanceId, levelId, levelPrefix } from '@mitosis/contracts';
import { eventually, TcpProxy, TestEtcd } from '@mitosis/coordination/testing';
import { Etcd3 } from 'etcd3';
import { print, summary } from './statistics.js';

const TTL_MS = 3_000;
const PAIRS = 10;
const BOUND_MS = 30_000;

interface Outcome {
  readonly takenMs: number;
  /** Negative: the old leader knew before the new one began. */
  readonly overlapMs: number;
}

type Round = (etcd: TestEtcd, name: string) => Promise<Outcome>;

const mitosisRound: Round = async (etcd, name) => {
  const level = levelId(name);
  const proxy = await TcpProxy.start(etcd.port);
  const join = (replica: string, endpoint: string) => {
    const store = new EtcdStore({ endpoints: [endpoint], prefix: levelPrefix(level) });
    const membership = joinLevel({
      store,
      level,
      incarnation: 1,
      replica: instanceId(replica),
      // Nothing listens there: the process lives and only its link is gone, so nobody may accuse it.
      address: '127.0.0.1:1',
      leaseTtlMs: TTL_MS,
    });
    return { store, membership, candidate: membership.stand('health') };
  };
  const a = join('a', proxy.url);
  await eventually('a leads', () => a.candidate.session() !== undefined, BOUND_MS);
  const b = join('b', etcd.url);
  await eventually('b follows', () => b.candidate.leader()?.replica === 'a', BOUND_MS);
  let endedAtMs = Infinity;
  a.candidate.session()?.signal.addEventListener('abort', () => (endedAtMs = performance.now()));
  await randomPause();
  proxy.blackHole();
  const cutAtMs = performance.now();
  await eventually('b leads', () => b.candidate.session() !== undefined, BOUND_MS);
  await b.candidate.session()?.commit({ writes: [{ kind: 'put', key: 'x', value: '' }] });
  const writtenAtMs = performance.now();
  await eventually('a knows', () => endedAtMs < Infinity, BOUND_MS);
  const outcome = { takenMs: writtenAtMs - cutAtMs, overlapMs: endedAtMs - writtenAtMs };
  proxy.heal();
  await Promise.all([a.membership.close(), b.membership.close()]);
  await Promise.all([a.store.close(), b.store.close(), proxy.stop()]);
  return outcome;
};

const etcd3Round: Round = async (etcd, name) => {
  const proxy = await TcpProxy.start(etcd.port);
  const clients = [new Etcd3({ hosts: proxy.url }), new Etcd3({ hosts: etcd.url })] as const;
  const [a, b] = clients.map((client, i) => {
    const state = { electedAtMs: Infinity, endedAtMs: Infinity, stand: () => {} };
    state.stand = () => {
      const campaign = client.election(name, TTL_MS / 1_000).campaign(String(i));
      campaign.on('elected', () => (state.electedAtMs = performance.now()));
      campaign.on('error', () => (state.endedAtMs = performance.now()));
    };
    return state;
  });
  if (a === undefined || b === undefined) throw new Error('unreachable');
  a.stand();
  await eventually('a leads', () => a.electedAtMs < Infinity, BOUND_MS);
  b.stand();
  await randomPause();
  proxy.blackHole();
  const cutAtMs = performance.now();
  await eventually('b leads', () => b.electedAtMs < Infinity, BOUND_MS);
  await eventually('a knows', () => a.endedAtMs < Infinity, BOUND_MS);
  const outcome = { takenMs: b.electedAtMs - cutAtMs, overlapMs: a.endedAtMs - b.electedAtMs };
  proxy.heal();
  for (const client of clients) client.close();
  await proxy.stop();
  return outcome;
};

/** So that the cut falls anywhere between two keep-alives. */
const randomPause = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 300 + Math.random() * 1_000);
  });

export const benchBlackHole = async (by: 'mitosis' | 'etcd3', events: number): Promise<void> => {
  const etcd = await TestEtcd.start();
  const run = by === 'mitosis' ? mitosisRound : etcd3Round;
  const outcomes: Outcome[] = [];
  try {
    for (let round = 0; outcomes.length < events; round++) {
      const names = Array.from({ length: PAIRS }, (_, pair) => `${by}-${round}-${pair}`);
      outcomes.push(...(await Promise.all(names.map((name) => run(etcd, name)))));
    }
  } finally {
    await etcd.stop();
  }
  const overlaps = outcomes.map(({ overlapMs }) => Math.max(0, overlapMs));
  print({
    bench: 'hand-over',
    by,
    how: 'black hole',
    ttlMs: TTL_MS,
    ...summary(outcomes.map(({ takenMs }) => takenMs)),
    overlaps: overlaps.filter((ms) => ms > 0).length,
    overlapMaxMs: Math.round(Math.max(...overlaps)),
  });
};
