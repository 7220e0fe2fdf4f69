/**
 * A leader whose host is cut off from the network without a word: how long until the other's first accepted write, and
 * how long both believed to lead. Real processes, the leader's in a network namespace of its own; several pairs side by
 * side, because most of it is waiting for leases.
 */
import { TestEtcd } from '@mitosis/coordination/testing';
import { bundle, CandidateProcess } from './candidate-process.js';
import type { Program } from './candidate-process.js';
import { NetworkNamespace } from './network-namespace.js';
import { print, summary } from './statistics.js';

const TTL_MS = 3_000;
const PAIRS = 5;
const BOUND_MS = 60_000;

interface Outcome {
  readonly takenMs: number;
  /** From the successor's beginning to the last act of the one cut off; negative: it had ended before. */
  readonly overlapMs: number;
}

interface Bench {
  readonly program: Program;
  readonly file: string;
  readonly etcd: TestEtcd;
}

const round = async (bench: Bench, namespace: NetworkNamespace, level: string): Promise<Outcome> => {
  const start = (replica: string, host: string, inside: boolean): CandidateProcess =>
    new CandidateProcess({
      replica,
      file: bench.file,
      endpoint: `http://${host}:${bench.etcd.port}`,
      leaseTtlMs: TTL_MS,
      level,
      tellActs: true,
      ...(inside ? { namespace } : {}),
    });
  const leader = start('leader', namespace.machine, true);
  let follower: CandidateProcess | undefined;
  try {
    await leader.at('first-write', BOUND_MS);
    follower = start('follower', '127.0.0.1', false);
    await follower.at('standing', BOUND_MS);
    await randomPause();
    await namespace.cutOff();
    const cutAtMs = Number(process.hrtime.bigint()) / 1e6;
    const writtenAtMs = await follower.at('first-write', BOUND_MS);
    const endedAtMs = await leader.at('ended', BOUND_MS);
    // Who tells of no single acts believes to lead until it says otherwise.
    const lastActAtMs = bench.program === 'mitosis' ? leader.lastAt('act') : endedAtMs;
    return { takenMs: writtenAtMs - cutAtMs, overlapMs: lastActAtMs - (await follower.at('leading')) };
  } finally {
    await namespace.heal();
    await Promise.all([leader.end(), follower?.end()]);
  }
};

/** So that the cut falls anywhere between two keep-alives. */
const randomPause = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 500 + Math.random() * 1_000);
  });

export const benchBlackHole = async (program: Program, events: number): Promise<void> => {
  if (!NetworkNamespace.isPossible()) {
    print({
      bench: 'hand-over',
      by: program,
      how: 'black hole',
      skipped: 'needs root for a network namespace',
    });
    return;
  }
  const bench = { program, file: await bundle(program), etcd: await TestEtcd.start({ host: '0.0.0.0' }) };
  const namespaces: NetworkNamespace[] = [];
  const outcomes: Outcome[] = [];
  try {
    for (let pair = 0; pair < PAIRS; pair++) namespaces.push(await NetworkNamespace.create());
    for (let number = 0; outcomes.length < events; number++) {
      outcomes.push(
        ...(await Promise.all(
          namespaces.map((namespace, pair) => round(bench, namespace, `${program}-${number}-${pair}`)),
        )),
      );
    }
  } finally {
    await Promise.all(namespaces.map((namespace) => namespace.remove()));
    await bench.etcd.stop();
  }
  const overlaps = outcomes.map(({ overlapMs }) => Math.max(0, overlapMs));
  print({
    bench: 'hand-over',
    by: program,
    how: 'black hole',
    ttlMs: TTL_MS,
    ...summary(outcomes.map(({ takenMs }) => takenMs)),
    overlaps: overlaps.filter((ms) => ms > 0).length,
    overlapMaxMs: Math.round(Math.max(...overlaps)),
  });
};
