/** A candidate and its sessions under the control of a test, for what only drives passes and commits nothing. */
import { FencedError, instanceId, type Epoch, type FunctionName } from '@mitosis/contracts';
import type {
  Candidate,
  CommitResult,
  LeaderInfo,
  LeaderSession,
  SessionChange,
} from '@mitosis/coordination';

export class FakeSession implements LeaderSession {
  readonly replica = instanceId('manager-a');
  readonly changes: SessionChange[] = [];
  private readonly ending = new AbortController();

  constructor(
    readonly fn: FunctionName,
    readonly epoch: Epoch,
  ) {}

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  isLive(): boolean {
    return !this.signal.aborted;
  }

  async commit(change: SessionChange): Promise<CommitResult> {
    if (!this.isLive()) throw new FencedError('the session is over');
    this.changes.push(change);
    return { kind: 'committed', revision: this.changes.length };
  }

  actHeader(decision: string): ReturnType<LeaderSession['actHeader']> {
    if (!this.isLive()) throw new FencedError('the session is over');
    return { level: 'shop', epoch: this.epoch, function: this.fn, replica: this.replica, decision };
  }

  async resign(): Promise<void> {
    this.end();
  }

  end(): void {
    this.ending.abort();
  }
}

export class FakeCandidate implements Candidate {
  resignations = 0;
  private current: FakeSession | undefined;
  private known: LeaderInfo | undefined;
  private readonly sessionListeners = new Set<(session: LeaderSession) => void>();
  private readonly leaderListeners = new Set<(leader: LeaderInfo | undefined) => void>();

  constructor(readonly fn: FunctionName) {}

  /** This process leads from now on. */
  lead(revision = 1): FakeSession {
    this.current?.end();
    const session = new FakeSession(this.fn, { incarnation: 1, revision });
    this.current = session;
    this.setLeader({ replica: session.replica, address: '127.0.0.1:1', epoch: session.epoch });
    for (const listener of this.sessionListeners) listener(session);
    return session;
  }

  setLeader(leader: LeaderInfo | undefined): void {
    this.known = leader;
    for (const listener of this.leaderListeners) listener(leader);
  }

  leader(): LeaderInfo | undefined {
    return this.known;
  }

  session(): LeaderSession | undefined {
    return this.current;
  }

  onSession(listener: (session: LeaderSession) => void): () => void {
    this.sessionListeners.add(listener);
    return () => this.sessionListeners.delete(listener);
  }

  onLeaderChange(listener: (leader: LeaderInfo | undefined) => void): () => void {
    this.leaderListeners.add(listener);
    return () => this.leaderListeners.delete(listener);
  }

  async resign(): Promise<void> {
    this.resignations += 1;
    this.current?.end();
    this.setLeader(undefined);
  }
}
