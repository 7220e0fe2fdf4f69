/** From a leader's end to its successor's first accepted write, with real processes and signals. */
import { TestEtcd } from '@mitosis/coordination/testing';
import { bundle, CandidateProcess } from './candidate-process.js';
import type { Program } from './candidate-process.js';
import { print, summary } from './statistics.js';

const TTL_MS = 3_000;
/** The follower has its connection to the leader's process, and both have settled. */
const SETTLE_MS = 300;

const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, SETTLE_MS);
  });

export const benchHandOver = async (
  program: Program,
  signal: 'SIGKILL' | 'SIGTERM',
  events: number,
): Promise<void> => {
  const file = await bundle(program);
  const etcd = await TestEtcd.start();
  let next = 0;
  const start = (): CandidateProcess =>
    new CandidateProcess({ replica: `r${next++}`, file, endpoint: etcd.url, leaseTtlMs: TTL_MS });
  let leader = start();
  let follower: CandidateProcess | undefined;
  const took: number[] = [];
  try {
    await leader.at('first-write');
    while (took.length < events) {
      follower = start();
      await follower.at('standing');
      await settle();
      const sentAtMs = leader.signal(signal);
      took.push((await follower.at('first-write')) - sentAtMs);
      await leader.gone();
      leader = follower;
      follower = undefined;
    }
  } finally {
    await Promise.all([leader.end(), follower?.end()]);
    await etcd.stop();
  }
  print({ bench: 'hand-over', by: program, how: signal, ttlMs: TTL_MS, ...summary(took) });
};
