/**
 * Health's shell: keeps views and agents' streams warm on every replica; a pass reads them again, decides, commits, and
 * carries out what is committed. Must never act on a phase that is not committed, nor decide on views that may lack what
 * a predecessor wrote.
 */
import {
  MitosisError,
  siteId,
  type Epoch,
  type health,
  type InstanceGraphView,
  type SiteId,
} from '@mitosis/contracts';
import type { LeaderSession, WriteOp } from '@mitosis/coordination';
import type { FunctionContext, FunctionShell, Pass, PassResult } from '@mitosis/service-kit';
import { ActRunner } from './adapters/act-runner.js';
import { AgentWatcher } from './adapters/agent-watcher.js';
import { ChildWatcher } from './adapters/child-watcher.js';
import { EtcdWatcher } from './adapters/etcd-watcher.js';
import { HealthViews } from './adapters/health-views.js';
import { RouterTracker } from './adapters/router-tracker.js';
import { compositeHealth } from './decide/composite.js';
import { decideHealth } from './decide/decide-health.js';
import { drill } from './decide/drill.js';
import type { HealthInput } from './decide/input.js';
import { wantedRelease } from './decide/stand-down.js';
import type { Change, HealthPlan, Wait } from './decide/plan.js';

/** Decide, commit and decide again, so that what a commit allows is done in the same pass. */
const ROUNDS_MAX = 6;
const CATCH_UP_MS = 3_000;
/** After a conflict the views need an event to arrive; this is the bound for the case that none does. */
const CONFLICT_RETRY_MS = 50;
/** Of what nobody commits. */
const ZERO_EPOCH: Epoch = { incarnation: 0, revision: 0 };

interface Running {
  readonly context: FunctionContext;
  readonly views: HealthViews;
  readonly agents: AgentWatcher;
  readonly routers: RouterTracker;
  readonly children: ChildWatcher;
  readonly acts: ActRunner;
  readonly etcd: EtcdWatcher | undefined;
}

interface Decided {
  readonly signature: string;
  readonly wakeAtMs: number;
  readonly waits: readonly Wait[];
}

export class HealthReconciler implements FunctionShell {
  readonly fn = 'health';
  readonly periodMs = 1_000;
  private running: Running | undefined;
  private session: LeaderSession | undefined;
  private last: Decided | undefined;
  /** A commit failed without an answer: it may have happened. */
  private uncertain = false;
  private advised = '';
  private readonly ending: (() => void)[] = [];

  async start(context: FunctionContext, nudge: () => void): Promise<void> {
    const { level, peers, log, clock } = context;
    const views = new HealthViews((prefix) => context.view(prefix));
    const nowMs = (): number => context.nowMs();
    const agents = new AgentWatcher({ level, peers, clock, nowMs, onChange: nudge });
    const children = new ChildWatcher({
      peers,
      children: () => [...views.read().children.values()].map(({ value }) => value),
      nowMs,
      clock,
      onChange: nudge,
    });
    const { etcdMembers: cluster } = context;
    const etcd = cluster && new EtcdWatcher({ cluster, clock, onChange: nudge });
    const acts = new ActRunner({
      peers,
      address: context.address,
      log,
      nowMs,
      clock,
      onStatus: (site, status) => agents.apply(site, status),
      onChange: nudge,
      ...(etcd === undefined ? {} : { etcd }),
    });
    const running = { context, views, agents, routers: new RouterTracker(), children, acts, etcd };
    this.running = running;
    this.ending.push(
      views.onChange((family) => {
        if (family === 'sites') agents.watch(this.addresses());
        if (family === 'members') observeRouters(running);
        nudge();
      }),
    );
    agents.watch(this.addresses());
  }

  async stop(): Promise<void> {
    for (const end of this.ending.splice(0)) end();
    this.running?.agents.close();
  }

  async pass({ session, mode, nowMs }: Pass): Promise<PassResult> {
    const running = this.require();
    const unsynced = running.views.unsynced();
    if (unsynced !== undefined) {
      return { kind: 'waiting', on: 'store', reason: `${unsynced} is not known yet` };
    }
    if (mode === 'paused') return { kind: 'idle', reason: 'paused' };
    await this.begin(running, session);
    const signature = this.signature(running, mode);
    if (this.last?.signature === signature && nowMs < this.wakeAtMs(running)) {
      return waitingOn(this.last.waits, this.wakeAtMs(running)) ?? { kind: 'idle', reason: 'as wanted' };
    }
    return mode === 'advise' ? this.advise(running, session) : this.reconcile(running, session, mode);
  }

  rehearse(): void {
    const running = this.running;
    if (running === undefined || running.views.unsynced() !== undefined) return;
    const input = this.observe(running, ZERO_EPOCH);
    const plans = [decideHealth(input), ...drill(input)];
    for (const change of plans.flatMap(({ changes }) => changes)) writesOf(change);
  }

  describe(): Readonly<Record<string, unknown>> {
    const running = this.running;
    if (running === undefined) return {};
    const count = new Map<string, number>();
    for (const { value } of running.views.read().instances.values()) {
      count.set(value.phase, (count.get(value.phase) ?? 0) + 1);
    }
    return {
      instances: Object.fromEntries(count),
      agents: Object.fromEntries(
        [...running.agents.observations()].map(([site, { synced, statuses }]) => [
          site,
          { synced, instances: statuses.size },
        ]),
      ),
      acts: running.acts.underWay,
      waits: this.last?.waits ?? [],
    };
  }

  /** The level as one component; only the leader hears the children and knows what is waited for. */
  composite(): health.CompositeHealth {
    const running = this.require();
    const session = running.context.requireSession();
    this.requireSynced(running);
    return compositeHealth(this.observe(running, session.epoch), this.last?.waits ?? []);
  }

  graph(): InstanceGraphView {
    const running = this.require();
    this.requireSynced(running);
    const stored = running.views.read();
    const values = <T>(versions: ReadonlyMap<string, { readonly value: T }>): readonly T[] =>
      [...versions.values()].map(({ value }) => value);
    return {
      level: running.context.level,
      revision: running.views.revision,
      instances: values(stored.instances),
      targets: values(stored.targets),
      placements: values(stored.placements),
      listeners: values(stored.listeners),
      children: values(stored.children),
      bindings: values(running.views.bindings()),
    };
  }

  /** What the edge needs to reach agents; throws MitosisError while nothing is known. */
  require(): Running {
    if (this.running === undefined) throw new MitosisError('unavailable', 'health is starting');
    return this.running;
  }

  /** Everything a decision is made from, as it is now. */
  observe(running: Running, epoch: Epoch): HealthInput {
    const { context, views, agents, routers, children, acts } = running;
    const stored = views.read();
    const nowMs = context.nowMs();
    acts.prune((id) => stored.instances.has(id));
    return {
      ...stored,
      nowMs,
      level: context.level,
      self: context.replica,
      epoch,
      random: context.random,
      management: {
        release: wantedRelease(context.config.release, stored.spec?.value),
        etcd: (stored.etcdRecord?.value.clients ?? context.config.etcd).join(','),
        leaseTtlMs: context.config.leaseTtlMs,
      },
      agents: agents.observations(),
      routers: routers.routers(views.members(), views.acks(), stored.instances, nowMs),
      childHealth: children.observations(),
      outcomes: acts.outcomes(),
      etcdMembers: running.etcd?.members,
    };
  }

  private requireSynced(running: Running): void {
    const unsynced = running.views.unsynced();
    if (unsynced !== undefined) throw new MitosisError('unavailable', `${unsynced} is not known yet`);
  }

  /** The agents to watch: those of the sites, and the own host's before the placer has written any. */
  private addresses(): ReadonlyMap<SiteId, string> {
    const { context, views } = this.require();
    const sites = [...views.read().sites.values()].map(
      ({ value }) => [siteId(value.site), value.agent] as const,
    );
    const { agent, site } = context.config;
    if (sites.length === 0 && agent !== '') return new Map([[site, agent]]);
    return new Map(sites.filter(([, address]) => address !== ''));
  }

  /**
   * Once a session, after each regress of the store, and after a commit whose outcome is not known: what is decided on
   * must include everything that was committed before, by this leader or another.
   */
  private async begin(running: Running, session: LeaderSession): Promise<void> {
    const regressed = running.views.regressed();
    if (regressed) running.routers.reset();
    const known = this.session === session && !regressed;
    if (known && !this.uncertain) return;
    // What a predecessor wrote was shown before the session was announced.
    if (this.uncertain || regressed) await running.context.store.catchUp({ timeoutMs: CATCH_UP_MS });
    this.uncertain = false;
    this.last = undefined;
    if (known) return;
    running.acts.begin(session);
    if (this.session !== session) {
      running.children.start(session.signal);
      void running.etcd?.follow(session.signal);
    }
    this.session = session;
  }

  private signature({ views, agents, children, acts, etcd }: Running, mode: string): string {
    const versions = [views, agents, children, acts, etcd].map((one) => one?.version ?? 0);
    return [mode, ...versions].join('/');
  }

  private wakeAtMs({ acts }: Running): number {
    return Math.min(this.last?.wakeAtMs ?? 0, acts.retryAtMs);
  }

  private async reconcile(running: Running, session: LeaderSession, mode: string): Promise<PassResult> {
    let changes = 0;
    let acted = 0;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const signature = this.signature(running, mode);
      const plan = decideHealth(this.observe(running, session.epoch));
      this.last = { signature, wakeAtMs: plan.wakeAtMs, waits: plan.waits };
      acted += running.acts.carryOut(plan.acts, session);
      if (plan.changes.length === 0) break;
      this.uncertain = true;
      const committed = await this.commit(running, session, plan);
      this.uncertain = committed < plan.changes.length;
      changes += committed;
      if (this.uncertain) {
        const untilMs = running.context.nowMs() + CONFLICT_RETRY_MS;
        return { kind: 'waiting', on: 'views', reason: 'the store is ahead of the views', untilMs };
      }
    }
    if (changes > 0 || acted > 0) {
      return { kind: 'acted', reason: `${changes} changes, ${acted} acts`, changes: changes + acted };
    }
    return waitingOn(this.last?.waits ?? [], this.wakeAtMs(running)) ?? { kind: 'idle', reason: 'as wanted' };
  }

  /** How many were committed; stops at the first that is not. */
  private async commit(running: Running, session: LeaderSession, plan: HealthPlan): Promise<number> {
    let committed = 0;
    for (const change of plan.changes) {
      const result = await session.commit({
        writes: writesOf(change),
        compares: change.compares,
        decisions: change.decisions,
      });
      if (result.kind === 'conflict') return committed;
      for (const write of change.writes) {
        if (write.kind === 'delete') running.views.own.delete(write.key, result.revision);
        else running.views.own.put(write.key, JSON.stringify(write.value), result.revision);
      }
      committed += 1;
    }
    return committed;
  }

  /** Says what it would do, once for each new answer, and does nothing. */
  private async advise(running: Running, session: LeaderSession): Promise<PassResult> {
    const signature = this.signature(running, 'advise');
    const plan = decideHealth(this.observe(running, session.epoch));
    this.last = { signature, wakeAtMs: plan.wakeAtMs, waits: plan.waits };
    const decisions = plan.changes.flatMap((change) => change.decisions);
    // Ids are drawn anew each time: the advice is the same when its words are.
    const words = decisions.map(({ component, action, reason }) => [component, action, reason].join()).join();
    if (words !== this.advised && decisions.length > 0) {
      await session.commit({ decisions: decisions.map((decision) => ({ ...decision, applied: false })) });
    }
    this.advised = words;
    return { kind: 'idle', reason: `advises ${decisions.length} decisions` };
  }
}

export type { Running as RunningHealth };

const observeRouters = ({ routers, views, context }: Running): void => {
  routers.observe(views.members(), views.read().instances, context.nowMs());
};

const writesOf = (change: Change): readonly WriteOp[] =>
  change.writes.map((write) =>
    write.kind === 'delete' ? write : { ...write, value: JSON.stringify(write.value) },
  );

const waitingOn = (waits: readonly Wait[], wakeAtMs: number): PassResult | undefined => {
  const [first] = waits;
  if (first === undefined) return undefined;
  const more = waits.length > 1 ? ` (and ${waits.length - 1} more)` : '';
  const subject = first.component === '' ? '' : `${first.component}: `;
  return {
    kind: 'waiting',
    on: first.on,
    reason: `${subject}${first.reason}${more}`,
    ...(wakeAtMs < Infinity ? { untilMs: wakeAtMs } : {}),
  };
};
