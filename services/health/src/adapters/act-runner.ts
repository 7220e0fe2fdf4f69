/**
 * Carries acts out: at once, concurrently, each with a deadline, never two of one name at a time, and all under the
 * session, whose end aborts them. What they bring is kept for the next decision; a failed one is tried again after a
 * back-off. Must never act without a header of a live session.
 */
import { MitosisError, type agent, type common, type InstanceId, type SiteId } from '@mitosis/contracts';
import type { Clock, LeaderSession, EtcdMembers } from '@mitosis/coordination';
import type { Logger, Peers } from '@mitosis/service-kit';
import type { ActOutcomes } from '../decide/input.js';
import { releaseKey } from '../decide/listeners.js';
import { actKey, type Act } from '../decide/plan.js';

const IN_FLIGHT_MAX = 64;
const START_DEADLINE_MS = 10_000;
const LISTEN_DEADLINE_MS = 5_000;
const BIRTH_DEADLINE_MS = 20_000;
const PURGE_DEADLINE_MS = 60_000;
const RESIGN_DEADLINE_MS = 2_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;
/** A taken port is asked for again after this long: whoever holds it may be gone. */
const LISTEN_AGAIN_MS = 5_000;
/** An answered birth is not asked for again sooner, however silent the child is. */
const BIRTH_AGAIN_MS = 10_000;
/** So many failures that are not the network's, and the start is given up. */
const START_FAILURES_MAX = 5;

export interface ActRunnerOptions {
  readonly peers: Peers;
  /** gRPC address of this process. */
  readonly address: string;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly clock: Clock;
  /** An agent's answer about an instance. */
  readonly onStatus: (site: SiteId, status: agent.InstanceStatus) => void;
  readonly onChange: () => void;
  /** Absent: the store is no cluster that could be changed. */
  readonly etcd?: { readonly cluster: EtcdMembers; readonly refresh: () => Promise<void> };
}

type EtcdAct = Extract<Act, { kind: 'etcd-add' | 'etcd-promote' | 'etcd-remove' }>;

interface Retry {
  readonly failures: number;
  readonly atMs: number;
}

export class ActRunner {
  version = 0;
  private stopped = new Set<InstanceId>();
  private refused = new Map<InstanceId, string>();
  private listeners = new Map<SiteId, readonly agent.Listener[]>();
  private released = new Set<string>();
  private listenAgain = new Set<SiteId>();
  private born = new Set<string>();
  private purged = new Set<string>();
  private readonly inFlight = new Set<string>();
  private readonly retries = new Map<string, Retry>();
  private session: LeaderSession | undefined;

  constructor(private readonly options: ActRunnerOptions) {}

  /** A new session knows nothing of what acts of before brought. */
  begin(session: LeaderSession): void {
    this.session = session;
    this.stopped = new Set();
    this.refused = new Map();
    this.listeners = new Map();
    this.released = new Set();
    this.listenAgain = new Set();
    this.born = new Set();
    this.purged = new Set();
    this.inFlight.clear();
    this.retries.clear();
    this.version += 1;
  }

  outcomes(): ActOutcomes {
    const { stopped, refused, listeners, released, listenAgain, born, purged } = this;
    return { stopped, refused, listeners, released, listenAgain, born, purged };
  }

  get underWay(): readonly string[] {
    return [...this.inFlight];
  }

  /** When the earliest failed act may be tried again. */
  get retryAtMs(): number {
    return Math.min(Infinity, ...[...this.retries.values()].map(({ atMs }) => atMs));
  }

  /** Forgets what belongs to instances that have left the graph. */
  prune(known: (id: InstanceId) => boolean): void {
    for (const id of this.stopped) if (!known(id)) this.stopped.delete(id);
    for (const id of this.refused.keys()) if (!known(id)) this.refused.delete(id);
  }

  /** Starts what is not under way; never waits for it. Returns how many were started. */
  carryOut(acts: readonly Act[], session: LeaderSession): number {
    const keys = new Set(acts.map(actKey));
    for (const key of this.retries.keys()) if (!keys.has(key)) this.retries.delete(key);
    let started = 0;
    for (const act of acts) {
      const key = actKey(act);
      const retry = this.retries.get(key);
      if (this.inFlight.has(key) || this.inFlight.size >= IN_FLIGHT_MAX) continue;
      if (retry !== undefined && retry.atMs > this.options.nowMs()) continue;
      this.inFlight.add(key);
      started += 1;
      void this.run(act, key, session);
    }
    return started;
  }

  private async run(act: Act, key: string, session: LeaderSession): Promise<void> {
    try {
      await this.act(act, session);
      if (this.session === session) this.retries.delete(key);
      if (act.kind === 'birth' && this.session === session) {
        this.retries.set(key, { failures: 0, atMs: this.options.nowMs() + BIRTH_AGAIN_MS });
      }
    } catch (error) {
      if (this.session === session) this.failed(act, key, error);
    } finally {
      if (this.session === session) {
        this.inFlight.delete(key);
        this.changed();
      }
    }
  }

  private async act(act: Act, session: LeaderSession): Promise<void> {
    switch (act.kind) {
      case 'start':
        return this.start(act, session);
      case 'stop':
        return this.stop(act, session);
      case 'listen':
        return this.listen(act, session);
      case 'release':
        return this.release(act, session);
      case 'birth':
        return this.birth(act, session);
      case 'purge':
        return this.purge(act, session);
      case 'resign':
        return this.resign(act, session);
      case 'etcd-add':
      case 'etcd-promote':
      case 'etcd-remove':
        return this.changeEtcd(act, session);
      default:
        return act satisfies never;
    }
  }

  private async start(act: Extract<Act, { kind: 'start' }>, session: LeaderSession): Promise<void> {
    const status = await this.options.peers.call(
      'agent',
      act.agent,
      'start',
      { act: session.actHeader(act.decision), spec: act.spec },
      { deadlineMs: START_DEADLINE_MS, signal: session.signal },
    );
    this.options.onStatus(act.site, status);
  }

  private async stop(act: Extract<Act, { kind: 'stop' }>, session: LeaderSession): Promise<void> {
    const status = await this.options.peers.call(
      'agent',
      act.agent,
      'stop',
      { act: session.actHeader(act.decision), id: act.id, graceMs: -1, reason: act.reason },
      { deadlineMs: act.deadlineMs, signal: session.signal },
    );
    if (this.session !== session) return;
    this.stopped.add(act.id);
    this.options.onStatus(act.site, status);
  }

  private async listen(act: Extract<Act, { kind: 'listen' }>, session: LeaderSession): Promise<void> {
    const { listeners } = await this.options.peers.call(
      'agent',
      act.agent,
      'ensureListeners',
      { act: session.actHeader(act.decision), listeners: [...act.listeners] },
      { deadlineMs: LISTEN_DEADLINE_MS, signal: session.signal },
    );
    if (this.session !== session) return;
    this.listeners = new Map(this.listeners).set(act.site, listeners);
    this.listenAgain.delete(act.site);
    for (const { name } of listeners) this.released.delete(releaseKey(act.site, name));
    const taken = listeners.filter(({ error }) => error !== '');
    if (taken.length === 0) return;
    this.options.log.warn({ site: act.site, taken }, 'not every port could be bound');
    const cancel = this.options.clock.setTimer(LISTEN_AGAIN_MS, () => {
      if (this.session !== session) return;
      this.listenAgain.add(act.site);
      this.changed();
    });
    session.signal.addEventListener('abort', cancel, { once: true });
  }

  private async release(act: Extract<Act, { kind: 'release' }>, session: LeaderSession): Promise<void> {
    await this.options.peers.call(
      'agent',
      act.agent,
      'releaseListeners',
      { act: session.actHeader(act.decision), listeners: [...act.listeners] },
      { deadlineMs: LISTEN_DEADLINE_MS, signal: session.signal },
    );
    if (this.session !== session) return;
    for (const { name } of act.listeners) this.released.add(releaseKey(act.site, name));
  }

  private async birth(act: Extract<Act, { kind: 'birth' }>, session: LeaderSession): Promise<void> {
    const header: common.ActHeader = session.actHeader(act.decision);
    const reply = await this.options.peers.call(
      'agent',
      act.agent,
      'birth',
      { ...act.request, act: header },
      { deadlineMs: BIRTH_DEADLINE_MS, signal: session.signal },
    );
    if (this.session !== session) return;
    this.born.add(act.key);
    this.options.log.info({ component: act.component, adopted: reply.adopted }, 'child level is born');
  }

  private async purge(act: Extract<Act, { kind: 'purge' }>, session: LeaderSession): Promise<void> {
    if (!session.isLive()) throw new MitosisError('fenced', 'the session is over');
    await this.options.peers.call(
      'agent',
      act.agent,
      'purge',
      { level: act.level },
      { deadlineMs: PURGE_DEADLINE_MS, signal: session.signal },
    );
    if (this.session === session) this.purged.add(act.key);
  }

  private async resign({ release }: Extract<Act, { kind: 'resign' }>, session: LeaderSession): Promise<void> {
    const { peers, log, address } = this.options;
    log.info({ release }, 'every other manager runs the wanted release: this one hands over');
    const options = { deadlineMs: RESIGN_DEADLINE_MS, signal: session.signal };
    try {
      await peers.call('management', address, 'resign', { function: 'health' }, options);
    } catch (error) {
      // The session ends before the answer comes: that is what was asked for.
      if (session.isLive()) throw error;
    }
  }

  /** Fenced by nothing but its idempotence: see EtcdMembers. */
  private async changeEtcd(act: EtcdAct, { signal }: LeaderSession): Promise<void> {
    const { etcd } = this.options;
    if (etcd === undefined) throw new MitosisError('unavailable', 'this process cannot change its etcd');
    if (act.kind === 'etcd-add') await etcd.cluster.addLearner(act.peerUrl, signal);
    else if (act.kind === 'etcd-promote') await etcd.cluster.promote(act.member, signal);
    else await etcd.cluster.remove(act.member, signal);
    await etcd.refresh();
  }

  private failed(act: Act, key: string, error: unknown): void {
    const failures = (this.retries.get(key)?.failures ?? 0) + 1;
    const atMs =
      this.options.nowMs() + Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures - 1, 10));
    this.retries.set(key, { failures, atMs });
    const reason = error instanceof Error ? error.message : String(error);
    if (act.kind === 'start' && isRefusal(error, failures)) {
      this.refused.set(act.id, reason);
      this.retries.delete(key);
    }
    this.options.log.warn({ act: key, failures, reason }, 'act failed');
  }

  private changed(): void {
    this.version += 1;
    this.options.onChange();
  }
}

/** Answers that will not change by asking again. An older epoch is none: then this session is about to end. */
const isRefusal = (error: unknown, failures: number): boolean => {
  if (!(error instanceof MitosisError)) return false;
  switch (error.code) {
    case 'invalid_input':
    case 'not_found':
    case 'conflict':
      return true;
    case 'fenced':
      return !/epoch/i.test(error.message);
    case 'internal':
      return failures >= START_FAILURES_MAX;
    case 'not_leader':
    case 'unavailable':
    case 'deadline':
    case 'exhausted':
      return false;
    default:
      return error.code satisfies never;
  }
};
