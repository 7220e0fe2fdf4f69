/** What etcd does to those who depend on it, and what people do to it. */
import { once, one, type Fault } from './fault.js';
import { PREFIXES } from '@mitosis/contracts';

const FAMILIES = [
  PREFIXES.instances,
  PREFIXES.endpoints,
  PREFIXES.election,
  PREFIXES.targets,
  PREFIXES.members,
] as const;

export const storeFaults = {
  'etcd-leader-change': {
    summary: 'etcd has another raft leader: every lease gets its full time again',
    lastsMs: [0, 0],
    begin: (level) => {
      level.trace.add('fault: etcd leader change');
      level.etcd.leaderChange();
      return once;
    },
  },
  'etcd-without-quorum': {
    summary: 'nothing is read, written or expired',
    lastsMs: [500, 9_000],
    begin: (level) => {
      level.trace.add('fault: etcd has no quorum');
      return level.etcdDown();
    },
  },
  'etcd-stuck': {
    summary: 'etcd takes everything in and answers nothing for a while',
    lastsMs: [200, 4_000],
    begin: (level) => {
      level.trace.add('fault: etcd is stuck');
      level.etcd.stick(true);
      return () => level.etcd.stick(false);
    },
  },
  'etcd-restart': {
    summary: 'every connection to etcd breaks',
    lastsMs: [0, 0],
    begin: (level) => {
      level.trace.add('fault: etcd restarts');
      level.etcd.restart();
      return once;
    },
  },
  compaction: {
    summary: 'the history is dropped, also under watches that lag',
    lastsMs: [300, 3_000],
    begin: (level, random) => {
      const prefix = `mitosis/sim/${random.pick(FAMILIES)}`;
      level.trace.add(`fault: compaction while ${prefix} lags`);
      level.etcd.lagWatchers(prefix, true);
      level.clock.setTimer(200, () => level.etcd.compact());
      return () => {
        level.etcd.compact();
        level.etcd.lagWatchers(prefix, false);
      };
    },
  },
  'slow-watch': {
    summary: 'events of one family come late, others do not',
    lastsMs: [300, 6_000],
    begin: (level, random) => {
      const prefix = `mitosis/sim/${random.pick(FAMILIES)}`;
      level.trace.add(`fault: watchers of ${prefix} lag`);
      level.etcd.lagWatchers(prefix, true);
      return () => level.etcd.lagWatchers(prefix, false);
    },
  },
  'no-space': {
    summary: 'the NOSPACE alarm: no put, no new lease',
    lastsMs: [500, 5_000],
    begin: (level) => {
      level.trace.add('fault: no space');
      level.etcd.setNoSpace(true);
      return () => level.etcd.setNoSpace(false);
    },
  },
  restore: {
    summary: 'the store is made anew from an older snapshot, under a new incarnation',
    lastsMs: [0, 0],
    begin: (level, random) => {
      level.restore(random.between(0, 15_000));
      return once;
    },
  },
  accusation: {
    summary: 'a follower takes a living process for dead and revokes its lease',
    lastsMs: [0, 0],
    begin: (level, random) => {
      const victim = one(random, level.managers());
      if (victim === undefined || !level.accuse(victim.id)) return undefined;
      level.trace.add(`fault: ${victim.id} is taken for dead`);
      return once;
    },
  },
} as const satisfies Record<string, Fault>;
