/** Leadership that is believed too long, and writes that nobody checks. */
import { KEYS, PREFIXES, type common, type FunctionName } from '@mitosis/contracts';
import type {
  Candidate,
  CommitResult,
  LeaderInfo,
  LeaderSession,
  Membership,
  SessionChange,
  Store,
} from '@mitosis/coordination';
import { forwarding } from './forwarding.js';
import type { Defect } from './defect.js';

const isFence = (key: string): boolean => key.startsWith(PREFIXES.election) || key === KEYS.level;

export const noWriteFence: Defect = {
  summary: 'a leader’s writes do not compare its election key',
  brokenBy: ['commits-by-the-holder'],
  provokedBy: [
    'etcd-cut-off',
    'etcd-cut-off',
    'etcd-cut-off',
    'crash-instance',
    'crash-instance',
    'load',
    'roll-out',
  ],
  caughtBySeed: 1,
  level: () => ({
    seams: {
      store: (store) =>
        forwarding<Store>(store, {
          txn: (compares, writes, options) => {
            const isSession = compares.some(({ key }) => key === KEYS.level);
            const kept = isSession ? compares.filter(({ key }) => !isFence(key)) : compares;
            return store.txn(kept, writes, options);
          },
        }),
    },
  }),
};

/** A session that ends only when the process itself is told of another leader: no deadline, no fence. */
class BelievingSession implements LeaderSession {
  private readonly ending = new AbortController();

  constructor(
    protected readonly inner: LeaderSession,
    private readonly store: Store,
    private readonly level: string,
  ) {}

  get fn(): LeaderSession['fn'] {
    return this.inner.fn;
  }
  get replica(): LeaderSession['replica'] {
    return this.inner.replica;
  }
  get epoch(): LeaderSession['epoch'] {
    return this.inner.epoch;
  }
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  isLive(): boolean {
    return !this.ending.signal.aborted;
  }

  end(): void {
    this.ending.abort();
  }

  async commit(change: SessionChange): Promise<CommitResult> {
    const decisions = (change.decisions ?? []).map((decision) => ({
      kind: 'put' as const,
      key: KEYS.decision(this.fn, decision.id),
      value: JSON.stringify(decision),
    }));
    const writes = [...(change.writes ?? []), ...decisions];
    const { succeeded, revision } = await this.store.txn(change.compares ?? [], writes, { untilSeen: true });
    return { kind: succeeded ? 'committed' : 'conflict', revision };
  }

  actHeader(decision: string): common.ActHeader {
    const { epoch, fn, replica } = this.inner;
    return { level: this.level, epoch, function: fn, replica, decision };
  }

  resign(): Promise<void> {
    this.end();
    return this.inner.resign();
  }
}

/** … and whose writes are fenced all the same. */
class DeadlineFreeSession extends BelievingSession {
  override commit(change: SessionChange): Promise<CommitResult> {
    return this.inner.commit(change);
  }
}

class BelievingCandidate implements Candidate {
  private believed: BelievingSession | undefined;
  private readonly listeners = new Set<(session: LeaderSession) => void>();

  constructor(
    private readonly inner: Candidate,
    make: (session: LeaderSession) => BelievingSession,
    replica: string,
  ) {
    inner.onSession((session) => {
      this.believed?.end();
      this.believed = make(session);
      for (const listener of this.listeners) listener(this.believed);
    });
    inner.onLeaderChange((leader) => {
      if (leader !== undefined && leader.replica !== replica) this.believed?.end();
    });
  }

  get fn(): FunctionName {
    return this.inner.fn;
  }
  leader(): LeaderInfo | undefined {
    return this.inner.leader();
  }
  session(): LeaderSession | undefined {
    return this.believed?.isLive() === true ? this.believed : undefined;
  }
  onSession(listener: (session: LeaderSession) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  onLeaderChange(listener: (leader: LeaderInfo | undefined) => void): () => void {
    return this.inner.onLeaderChange(listener);
  }
  resign(standAsideMs?: number): Promise<void> {
    return this.inner.resign(standAsideMs);
  }
}

const believing = (Session: typeof BelievingSession): ReturnType<Defect['level']> => ({
  seams: {
    membership: (membership, { config, store }) =>
      forwarding<Membership>(membership, {
        stand: (fn) =>
          new BelievingCandidate(
            membership.stand(fn),
            (session) => new Session(session, store, config.level),
            config.replica,
          ),
      }),
  },
});

export const etcd3Election: Defect = {
  summary: 'etcd3’s Election: the leader is who has not heard otherwise, and nothing is compared',
  brokenBy: ['commits-by-the-holder', 'acts-inside-sessions', 'acts-in-order'],
  provokedBy: ['stop-beyond-lease', 'etcd-cut-off', 'manager-isolated', 'load', 'crash-instance'],
  caughtBySeed: 2,
  level: () => believing(BelievingSession),
};

export const deadlineForgotten: Defect = {
  summary: 'a session lasts until its process hears of another leader: it looks at no clock',
  brokenBy: ['acts-inside-sessions'],
  provokedBy: ['etcd-cut-off', 'etcd-cut-off', 'restart-agent', 'manager-agent-split', 'roll-out', 'load'],
  caughtBySeed: 37,
  level: () => believing(DeadlineFreeSession),
};

export const agentsWithoutFence: Defect = {
  summary: 'agents carry out acts of every epoch',
  brokenBy: ['acts-in-order'],
  provokedBy: [
    'manager-agent-split',
    'manager-agent-split',
    'accusation',
    'accusation',
    'crash-instance',
    'crash-instance',
  ],
  caughtBySeed: 11,
  level: () => ({
    rules: {
      judgeAct: (highest, act) =>
        act?.epoch === undefined
          ? { kind: 'invalid', reason: 'the act names no epoch' }
          : { kind: 'accepted', highest, raised: false },
    },
  }),
};
