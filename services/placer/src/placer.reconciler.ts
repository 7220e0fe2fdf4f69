/**
 * The placer's shell: views warm on every replica; a pass reads them again, decides and commits. It calls agents only to
 * ask what their hosts have: what runs where is health's to carry out.
 */
import {
  KEYS,
  MitosisError,
  PREFIXES,
  siteId,
  type ChildRecord,
  type InstanceRecord,
  type placer,
  type PlacementRecord,
  type SiteRecord,
  type SpecRecord,
  type TargetRecord,
} from '@mitosis/contracts';
import type { KeyValue, LeaderSession, View } from '@mitosis/coordination';
import type { FunctionContext, FunctionShell, Pass, PassResult } from '@mitosis/service-kit';
import { ChildBudgets } from './adapters/child-budgets.js';
import { HostCapacities } from './adapters/host-capacities.js';
import { budgetsFor, ownUse } from './decide/budgets.js';
import { decidePlacement } from './decide/decide-placement.js';
import type { Budget, PlacerInput, Versions } from './decide/input.js';
import { instancesOn } from './decide/resources.js';

const READ = ['spec', 'targets', 'sites', 'placements', 'instances', 'children'] as const;
type Family = (typeof READ)[number];
const CATCH_UP_MS = 3_000;
const CONFLICT_RETRY_MS = 50;
/** While an agent has not said what its host has. */
const ASK_AGAIN_MS = 300;
/** While there is a choice of sites. */
const WATCH_SITES_MS = 2_000;

interface Running {
  readonly context: FunctionContext;
  readonly views: Readonly<Record<Family, View>>;
  readonly hosts: HostCapacities;
  readonly children: ChildBudgets;
}

const ZERO_EPOCH = { incarnation: 0, revision: 0 };

export class PlacerReconciler implements FunctionShell {
  readonly fn = 'placer';
  readonly periodMs = 5_000;
  private running: Running | undefined;
  private session: LeaderSession | undefined;
  /** Something was committed, or may have been, that the views do not show for certain. */
  private uncertain = false;
  private budget: readonly Budget[] | null = null;
  private advised = '';
  private nudge: () => void = () => {};
  private readonly ending: (() => void)[] = [];

  async start(context: FunctionContext, nudge: () => void): Promise<void> {
    this.nudge = nudge;
    const views = Object.fromEntries(
      READ.map((family) => [family, context.view(PREFIXES[family])]),
    ) as Readonly<Record<Family, View>>;
    const children = new ChildBudgets({
      peers: context.peers,
      clock: context.clock,
      children: () => [...recordsOf<ChildRecord>(views.children).values()].map(({ value }) => value),
      budgetsFor: (child, use) => budgetsFor(this.observe(ZERO_EPOCH), child, use),
      onChange: nudge,
    });
    const hosts = new HostCapacities(context.peers, () => context.nowMs(), nudge);
    this.running = { context, views, hosts, children };
    for (const family of READ) this.ending.push(views[family].onChange(nudge));
    hosts.ask([context.config.agent], false);
  }

  async stop(): Promise<void> {
    for (const end of this.ending.splice(0)) end();
  }

  async pass({ session, mode, nowMs }: Pass): Promise<PassResult> {
    const running = this.require();
    const unsynced = READ.find((family) => !running.views[family].synced);
    if (unsynced !== undefined) {
      return { kind: 'waiting', on: 'store', reason: `${unsynced} is not known yet` };
    }
    if (mode === 'paused') return { kind: 'idle', reason: 'paused' };
    await this.begin(running, session);
    const input = this.observe(session.epoch);
    const watched = isWatched(input);
    running.hosts.ask(agentsOf(input), watched);
    const plan = decidePlacement(input);
    if (mode === 'advise') return this.advise(session, plan);
    if (plan.writes.length === 0) {
      const [wait] = plan.waits;
      if (wait === undefined && watched)
        return { kind: 'waiting', on: 'sites', reason: 'watches the sites', untilMs: nowMs + WATCH_SITES_MS };
      return wait === undefined
        ? { kind: 'idle', reason: 'everything has its place' }
        : { kind: 'waiting', ...wait, untilMs: nowMs + ASK_AGAIN_MS };
    }
    this.uncertain = true;
    const result = await session.commit({
      writes: plan.writes.map((write) =>
        write.kind === 'delete' ? write : { ...write, value: JSON.stringify(write.value) },
      ),
      compares: plan.compares,
      decisions: plan.decisions,
    });
    if (result.kind === 'conflict') {
      const untilMs = running.context.nowMs() + CONFLICT_RETRY_MS;
      return { kind: 'waiting', on: 'views', reason: 'the store is ahead of the views', untilMs };
    }
    return {
      kind: 'acted',
      reason: plan.decisions.map(({ component, change }) => `${component}: ${change}`).join('; ') || 'sites',
      changes: plan.writes.length,
    };
  }

  /** What is so, and one instance more of the first component. */
  rehearse(): void {
    if (READ.some((family) => !this.require().views[family].synced)) return;
    const input = this.observe(ZERO_EPOCH);
    const [first] = input.targets;
    decidePlacement(input);
    if (first === undefined) return;
    const [name, { value, modRevision }] = first;
    const more = { value: { ...value, count: value.count + 1 }, modRevision: modRevision + 1 };
    decidePlacement({ ...input, targets: new Map(input.targets).set(name, more) });
  }

  describe(): Readonly<Record<string, unknown>> {
    if (this.running === undefined) return {};
    return { budget: this.budget, uses: this.uses().uses };
  }

  /** Replaces what the parent said before. */
  setBudget(budget: readonly Budget[]): placer.SiteUses {
    this.require().context.requireSession();
    if (JSON.stringify(this.budget) !== JSON.stringify(budget)) {
      this.budget = budget;
      this.nudge();
    }
    return this.uses();
  }

  uses(): placer.SiteUses {
    const input = this.observe(ZERO_EPOCH);
    const own = ownUse(input);
    const children = this.require().children.use();
    const names = new Set([...input.sites.keys(), ...own.keys(), ...children.keys()]);
    return {
      uses: [...names].map((name) => {
        const site = siteId(name);
        return {
          site,
          cpus: (own.get(site)?.cpus ?? 0) + (children.get(site)?.cpus ?? 0),
          memoryBytes: (own.get(site)?.memoryBytes ?? 0) + (children.get(site)?.memoryBytes ?? 0),
          instances: instancesOn(input, site),
        };
      }),
    };
  }

  sites(): placer.SitesReply {
    const sites = [...this.observe(ZERO_EPOCH).sites.values()].map(({ value }) => ({
      site: value.site,
      driver: value.driver,
      agent: value.agent,
      cpus: value.cpus,
      memoryBytes: value.memoryBytes,
      zone: value.zone,
      pricePerCpuHour: value.pricePerCpuHour,
      ...(value.trouble === undefined ? {} : { trouble: `${value.trouble.kind}: ${value.trouble.reason}` }),
    }));
    return { sites, uses: this.uses().uses };
  }

  private require(): Running {
    if (this.running === undefined) throw new MitosisError('unavailable', 'the placer is starting');
    return this.running;
  }

  private observe(epoch: PlacerInput['epoch']): PlacerInput {
    const { context, views, hosts, children } = this.require();
    return {
      nowMs: context.nowMs(),
      epoch,
      random: context.random,
      own: { site: context.site, agent: context.config.agent },
      spec: recordsOf<SpecRecord>(views.spec).get(KEYS.spec.slice(PREFIXES.spec.length)),
      targets: recordsOf<TargetRecord>(views.targets),
      sites: recordsOf<SiteRecord>(views.sites),
      placements: recordsOf<PlacementRecord>(views.placements),
      instances: recordsOf<InstanceRecord>(views.instances),
      budget: this.budget,
      hosts: hosts.get(),
      childUse: children.use(),
    };
  }

  /** Once a session, and after each commit: what is decided on must include everything that was committed before. */
  private async begin(running: Running, session: LeaderSession): Promise<void> {
    if (this.session === session && !this.uncertain) return;
    // What a predecessor wrote was shown before the session was announced.
    if (this.uncertain) await running.context.store.catchUp({ timeoutMs: CATCH_UP_MS });
    this.uncertain = false;
    if (this.session !== session) void running.children.run(session.signal);
    this.session = session;
  }

  private async advise(
    session: LeaderSession,
    { decisions }: ReturnType<typeof decidePlacement>,
  ): Promise<PassResult> {
    const words = decisions.map(({ component, change, reason }) => [component, change, reason].join()).join();
    if (words !== this.advised && decisions.length > 0) {
      await session.commit({ decisions: decisions.map((decision) => ({ ...decision, applied: false })) });
    }
    this.advised = words;
    return { kind: 'idle', reason: `advises ${decisions.length} decisions` };
  }
}

/** There is a choice of hosts, or an engine that may go away: then it has to be noticed. */
const isWatched = ({ sites }: PlacerInput): boolean => {
  const all = [...sites.values()].map(({ value }) => value);
  return new Set(all.map(({ agent }) => agent)).size > 1 || all.some(({ driver }) => driver === 'docker');
};

/** Agents whose hosts' capacity may be needed. */
const agentsOf = (input: PlacerInput): ReadonlySet<string> =>
  new Set([
    input.own.agent,
    ...(input.spec?.value.typeGraph.sites ?? []).map(({ agent }) => agent),
    ...(input.budget ?? []).map(({ agent }) => agent),
  ]);

const parsed = new WeakMap<KeyValue, { readonly value: unknown; readonly modRevision: number }>();

const recordsOf = <T>(view: View): Versions<T> => {
  const records = new Map<string, { readonly value: T; readonly modRevision: number }>();
  for (const [key, entry] of view.entries) {
    let record = parsed.get(entry);
    if (record === undefined) {
      record = { value: JSON.parse(entry.value) as unknown, modRevision: entry.modRevision };
      parsed.set(entry, record);
    }
    records.set(key.slice(view.prefix.length), record as { value: T; modRevision: number });
  }
  return records;
};
