/**
 * Runs a FunctionShell against an in-memory etcd with fake peers: the test writes records, runs passes and looks at what
 * was committed. Its sessions are fenced by an election key, as real ones are; leases and elections are not part of it.
 */
import {
  FencedError,
  instanceId,
  KEYS,
  levelId,
  siteId,
  type ControlMode,
  type DecisionRecord,
  type Epoch,
  type FunctionName,
  type ReplicaId,
} from '@mitosis/contracts';
import {
  MemoryEtcd,
  systemClock,
  type Candidate,
  type CommitResult,
  type LeaderSession,
  type Membership,
  type SessionChange,
  type Store,
} from '@mitosis/coordination';
import { Registry } from 'prom-client';
import { readServiceConfig, type ServiceConfig } from '../config.js';
import type { FunctionContext, FunctionShell, PassResult } from '../function.js';
import { NotLeaderError } from '../grpc-errors.js';
import { ViewCache } from '../run/view-cache.js';
import { FakeCandidate } from './fake-candidate.testing.js';
import { FakePeers } from './fake-peers.testing.js';
import { SilentLogger } from './silent-logger.testing.js';

export interface HarnessOptions {
  readonly shell: FunctionShell;
  readonly level?: string;
  readonly replica?: string;
  readonly site?: string;
  /** Further environment, e.g. MITOSIS_AGENT. */
  readonly env?: Readonly<Record<string, string>>;
  /** Wall clock; default a fixed time that `advance` moves. */
  readonly nowMs?: number;
  /** A second replica shares the first one's. */
  readonly etcd?: MemoryEtcd;
  readonly peers?: FakePeers;
}

const FIRST_MS = 1_800_000_000_000;

export class ShellHarness {
  readonly etcd: MemoryEtcd;
  readonly store: Store;
  readonly peers: FakePeers;
  readonly log = new SilentLogger();
  readonly metrics = new Registry();
  readonly context: FunctionContext;
  /** Nudges counted since the start. */
  nudges = 0;
  mode: ControlMode = 'run';
  private readonly views: ViewCache;
  private readonly config: ServiceConfig;
  private session: StoreSession | undefined;

  private constructor(
    readonly shell: FunctionShell,
    options: HarnessOptions,
    private wallMs: number,
  ) {
    this.etcd = options.etcd ?? new MemoryEtcd();
    this.peers = options.peers ?? new FakePeers();
    this.config = readServiceConfig({
      MITOSIS_LEVEL: options.level ?? 'shop',
      MITOSIS_INSTANCE: options.replica ?? 'manager-a',
      MITOSIS_SITE: options.site ?? 'local',
      ...options.env,
    });
    this.store = this.etcd.store(this.config.replica);
    this.views = new ViewCache(this.store);
    this.context = this.contextOf();
  }

  /** Starts the shell; its views are synced when this resolves. */
  static async open(options: HarnessOptions): Promise<ShellHarness> {
    const harness = new ShellHarness(options.shell, options, options.nowMs ?? FIRST_MS);
    await options.shell.start(harness.context, () => {
      harness.nudges += 1;
    });
    await harness.settle();
    return harness;
  }

  /** Moves the wall clock. */
  advance(ms: number): void {
    this.wallMs += ms;
  }

  /** Writes a record as the function that owns it would; resolves when the shell's views show it. */
  async put(key: string, record: unknown): Promise<void> {
    await this.store.txn([], [{ kind: 'put', key, value: JSON.stringify(record) }]);
    await this.settle();
  }

  async delete(key: string): Promise<void> {
    await this.store.txn([], [{ kind: 'delete', key }]);
    await this.settle();
  }

  async get<T>(key: string): Promise<T | undefined> {
    const entry = await this.store.get(key);
    return entry === undefined ? undefined : (JSON.parse(entry.value) as T);
  }

  /** All records below a prefix, by key. */
  async list<T>(prefix: string): Promise<ReadonlyMap<string, T>> {
    const { entries } = await this.store.list(prefix);
    return new Map(entries.map(({ key, value }) => [key, JSON.parse(value) as T]));
  }

  async decisions(fn: FunctionName = this.shell.fn): Promise<readonly DecisionRecord[]> {
    const { entries } = await this.store.list(KEYS.decisions(fn));
    return [...entries]
      .sort((a, b) => a.createRevision - b.createRevision)
      .map(({ value }) => JSON.parse(value) as DecisionRecord);
  }

  /** The session of now; a new term begins when there is none. */
  async lead(): Promise<LeaderSession> {
    if (this.session?.isLive() !== true) {
      this.session = await StoreSession.begin(this.store, this.shell.fn, this.config);
    }
    return this.session;
  }

  /** Another replica has won: commits of the old session are refused from now on, as they are in etcd. */
  async depose(): Promise<void> {
    await this.session?.fence();
    this.session = undefined;
  }

  /** One pass over settled views, under a live session. Throws what the shell throws. */
  async pass(mode: ControlMode = this.mode): Promise<PassResult> {
    const session = await this.lead();
    await this.settle();
    const result = await this.shell.pass({ session, signal: session.signal, mode, nowMs: this.wallMs });
    await this.settle();
    return result;
  }

  /** Until a pass neither acts nor fails, at most `limit` passes; returns all results. */
  async passUntilIdle(limit = 20): Promise<readonly PassResult[]> {
    const results: PassResult[] = [];
    while (results.length < limit) {
      const result = await this.pass();
      results.push(result);
      if (result.kind === 'idle' || result.kind === 'waiting') return results;
    }
    throw new Error(`still not idle after ${limit} passes: ${JSON.stringify(results.at(-1))}`);
  }

  /** Until all views show everything that has been committed. */
  async settle(): Promise<void> {
    await Promise.all(this.views.all().map((view) => view.whenAt(this.etcd.revision)));
  }

  async close(): Promise<void> {
    await this.shell.stop();
    this.views.close();
    await this.store.close();
  }

  private contextOf(): FunctionContext {
    const { config } = this;
    const requireSession = (): LeaderSession => {
      if (this.session?.isLive() === true) return this.session;
      throw new NotLeaderError('', `nobody leads ${this.shell.fn} now`);
    };
    return {
      level: config.level,
      replica: config.replica,
      site: config.site,
      store: this.store,
      membership: new StoreMembership(this.store, config.replica),
      peers: this.peers,
      log: this.log,
      view: (prefix) => this.views.view(prefix),
      nowMs: () => this.wallMs,
      clock: systemClock,
      random: Math.random,
      config,
      address: '127.0.0.1:1',
      metrics: this.metrics,
      mode: () => this.mode,
      requireSession,
      command: async (run) => run(requireSession()),
    };
  }
}

class StoreSession implements LeaderSession {
  private readonly ending = new AbortController();

  private constructor(
    private readonly store: Store,
    readonly fn: FunctionName,
    readonly replica: ReplicaId,
    readonly epoch: Epoch,
    private readonly level: string,
  ) {}

  static async begin(store: Store, fn: FunctionName, config: ServiceConfig): Promise<StoreSession> {
    const { replica, incarnation, level } = config;
    const key = KEYS.candidate(fn, replica);
    const record = { v: 1, replica, address: '127.0.0.1:1', lease: '0' };
    const { revision } = await store.txn([], [{ kind: 'put', key, value: JSON.stringify(record) }]);
    return new StoreSession(store, fn, replica, { incarnation, revision }, level);
  }

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  isLive(): boolean {
    return !this.signal.aborted;
  }

  async commit({ writes = [], decisions = [], compares = [] }: SessionChange): Promise<CommitResult> {
    const key = KEYS.candidate(this.fn, this.replica);
    const result = await this.store.txn(
      [{ key, createRevision: this.epoch.revision }, ...compares],
      [
        ...writes,
        ...decisions.map((decision) => ({
          kind: 'put' as const,
          key: KEYS.decision(this.fn, decision.id),
          value: JSON.stringify(decision),
        })),
      ],
    );
    if (result.succeeded) return { kind: 'committed', revision: result.revision };
    const own = await this.store.get(key);
    if (own?.createRevision !== this.epoch.revision) throw new FencedError('another replica leads');
    return { kind: 'conflict', revision: result.revision };
  }

  actHeader(decision: string): ReturnType<LeaderSession['actHeader']> {
    if (!this.isLive()) throw new FencedError('the session is over');
    return { level: this.level, epoch: this.epoch, function: this.fn, replica: this.replica, decision };
  }

  async resign(): Promise<void> {
    await this.fence();
    this.ending.abort();
  }

  /** As when the lease ran out unnoticed: the key is gone, the signal has not aborted yet. */
  async fence(): Promise<void> {
    await this.store.txn([], [{ kind: 'delete', key: KEYS.candidate(this.fn, this.replica) }]);
  }
}

/** Publishes without a lease and stands for nothing: sessions come from `lead`. */
class StoreMembership implements Membership {
  constructor(
    private readonly store: Store,
    readonly replica: ReplicaId,
  ) {}

  readonly leaseId = (): string => '1';

  async publish(key: string, value: string): Promise<void> {
    await this.store.txn([], [{ kind: 'put', key, value }]);
  }

  stand(fn: FunctionName): Candidate {
    return new FakeCandidate(fn);
  }

  async rehearse(): Promise<void> {}

  async close(): Promise<void> {}
}

/** Ids for records in tests. */
export const testIds = { level: levelId('shop'), replica: instanceId('manager-a'), site: siteId('local') };
