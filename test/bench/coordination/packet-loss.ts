/**
 * Leaders that lose a share of their packets, each in a network namespace of its own with a follower beside it: how often
 * one loses its office for nothing.
 */
import { TestEtcd } from '@mitosis/coordination/testing';
import { bundle, CandidateProcess, PROGRAMS } from './candidate-process.js';
import type { Program } from './candidate-process.js';
import { NetworkNamespace } from './network-namespace.js';
import { print } from './statistics.js';

const TTL_MS = 3_000;
const SHARE = 0.01;
/** Leaders side by side, each with its follower. */
const PAIRS = 3;

interface Pair {
  readonly program: Program;
  readonly namespace: NetworkNamespace;
  readonly leader: CandidateProcess;
  readonly follower: CandidateProcess;
}

const startPair = async (program: Program, number: number, etcd: TestEtcd): Promise<Pair> => {
  const namespace = await NetworkNamespace.create();
  const file = await bundle(program);
  const start = (replica: string): CandidateProcess =>
    new CandidateProcess({
      replica,
      file,
      endpoint: `http://${namespace.machine}:${etcd.port}`,
      leaseTtlMs: TTL_MS,
      level: `${program}-${number}`,
      namespace,
    });
  const leader = start('leader');
  await leader.at('first-write');
  const follower = start('follower');
  await follower.at('standing');
  return { program, namespace, leader, follower };
};

export const benchPacketLoss = async (minutes: number): Promise<void> => {
  if (!NetworkNamespace.isPossible()) {
    print({ bench: 'false-failover', how: 'packet loss', skipped: 'needs root for a network namespace' });
    return;
  }
  const etcd = await TestEtcd.start({ host: '0.0.0.0' });
  const pairs: Pair[] = [];
  try {
    for (const program of Object.keys(PROGRAMS) as Program[]) {
      for (let number = 0; number < PAIRS; number++) pairs.push(await startPair(program, number, etcd));
    }
    for (const { namespace } of pairs) await namespace.lose(SHARE);
    await new Promise((resolve) => {
      setTimeout(resolve, minutes * 60_000);
    });
    for (const program of Object.keys(PROGRAMS) as Program[]) {
      const own = pairs.filter((pair) => pair.program === program);
      const dropped = await Promise.all(own.map(({ namespace }) => namespace.dropped()));
      print({
        bench: 'false-failover',
        by: program,
        how: 'packet loss',
        share: SHARE,
        minutes,
        leaders: PAIRS,
        ttlMs: TTL_MS,
        droppedPackets: dropped.reduce((sum, n) => sum + n, 0),
        failovers: own.reduce(
          (sum, pair) => sum + pair.follower.count('leading') + pair.leader.count('ended'),
          0,
        ),
      });
    }
  } finally {
    await Promise.all(pairs.flatMap(({ leader, follower }) => [leader.end(), follower.end()]));
    await Promise.all(pairs.map(({ namespace }) => namespace.remove()));
    await etcd.stop();
  }
};
