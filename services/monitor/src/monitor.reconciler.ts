/**
 * The monitor on every replica: subscribes to all routers and agents of the level and keeps what they sent, so that a new
 * leader knows as much as the old one. The leader's pass asks the child levels. Must never answer "zero" for "unknown".
 */
import {
  KEYS,
  MitosisError,
  PREFIXES,
  type ChildRecord,
  type InstanceRecord,
  type MemberRecord,
  type monitor,
  type SiteRecord,
  type SpecRecord,
} from '@mitosis/contracts';
import { every, type View } from '@mitosis/coordination';
import {
  parsedView,
  type FunctionContext,
  type FunctionShell,
  type Pass,
  type PassResult,
} from '@mitosis/service-kit';
import { Observable } from 'rxjs';
import { ChildPoll } from './adapters/child-poll.js';
import { LiveStreams } from './adapters/live-streams.js';
import { exportFigures } from './adapters/prometheus.js';
import {
  agentsOf,
  componentOfInstances,
  monitoredComponents,
  pricedInstances,
  routersOf,
} from './decide/level-view.js';
import { KEEP_MS, keepSample, PERIOD_MS, type AgentSample, type RouterSample } from './decide/samples.js';
import { decideSnapshot } from './decide/snapshot.js';
import { decideSummary } from './decide/summary.js';

interface Observed {
  readonly context: FunctionContext;
  readonly members: () => readonly MemberRecord[];
  readonly sites: () => readonly SiteRecord[];
  readonly instances: () => readonly InstanceRecord[];
  readonly children: () => readonly ChildRecord[];
  readonly spec: () => SpecRecord | undefined;
  readonly streams: LiveStreams;
  readonly childPoll: ChildPoll;
}

/** More readers than a level has replicas are a fault. */
const WATCHERS_MAX = 64;

export class MonitorReconciler implements FunctionShell {
  readonly fn = 'monitor';
  readonly periodMs = PERIOD_MS;
  private readonly routerSamples = new Map<string, readonly RouterSample[]>();
  private readonly agentSamples = new Map<string, readonly AgentSample[]>();
  private readonly watchers = new Set<(snapshot: monitor.LevelSnapshot) => void>();
  private readonly unsubscribe: (() => void)[] = [];
  private observed: Observed | undefined;
  private endTicks: () => void = () => {};

  async start(context: FunctionContext, nudge: () => void): Promise<void> {
    const members = context.view(PREFIXES.members);
    const sites = context.view(PREFIXES.sites);
    const children = context.view(PREFIXES.children);
    this.observed = {
      context,
      members: parsedView(members, (value) => JSON.parse(value) as MemberRecord),
      sites: parsedView(sites, (value) => JSON.parse(value) as SiteRecord),
      instances: parsedView(context.view(PREFIXES.instances), (value) => JSON.parse(value) as InstanceRecord),
      children: parsedView(children, (value) => JSON.parse(value) as ChildRecord),
      spec: parsedSpec(context.view(PREFIXES.spec)),
      streams: new LiveStreams(context, {
        onRouter: (sample) => this.keepRouter(sample),
        onAgent: (sample) => this.keepAgent(sample),
      }),
      childPoll: new ChildPoll(context),
    };
    const follow = (): void => this.follow();
    this.unsubscribe.push(members.onChange(follow), sites.onChange(follow), children.onChange(nudge));
    follow();
    exportFigures(context.metrics, () => this.snapshot());
    this.endTicks = every(context.clock, PERIOD_MS, () => this.tick());
  }

  /** Asks every child level for its summary; nothing is written. */
  async pass({ signal, mode }: Pass): Promise<PassResult> {
    const { children, childPoll } = this.here();
    const wanted = children().filter((child) => child.wanted === 'operating');
    if (mode === 'paused') return { kind: 'idle', reason: 'paused' };
    if (wanted.length === 0) return { kind: 'idle', reason: 'the level has no child to ask' };
    const silent = await childPoll.ask(wanted, signal);
    return silent.length === 0
      ? { kind: 'idle', reason: `${wanted.length} of ${wanted.length} child levels answered` }
      : { kind: 'waiting', on: 'children', reason: `no answer from ${silent.join(', ')}` };
  }

  async stop(): Promise<void> {
    this.endTicks();
    for (const end of this.unsubscribe.splice(0)) end();
    this.observed?.streams.close();
    this.watchers.clear();
  }

  describe(): Readonly<Record<string, unknown>> {
    if (this.observed === undefined) return {};
    const { complete, components } = this.snapshot();
    return {
      complete,
      streams: this.observed.streams.describe(),
      watchers: this.watchers.size,
      components: components.map(({ component, last10, inFlight, cpuCores }) => ({
        component,
        ...figuresOf(last10),
        inFlight,
        cpuCores,
      })),
    };
  }

  snapshot(): monitor.LevelSnapshot {
    const { context, members, sites, instances, childPoll } = this.here();
    return decideSnapshot({
      level: context.level,
      nowMs: context.nowMs(),
      components: monitoredComponents(this.here().spec()),
      routers: this.routerSamples,
      agents: this.agentSamples,
      componentOf: componentOfInstances(instances()),
      children: childPoll.summaries(),
      expectedRouters: [...routersOf(members()).keys()],
      expectedAgents: agentsOf(sites(), context.config.agent),
    });
  }

  summary(): monitor.LevelSummary {
    const { sites, instances, childPoll, ...here } = this.here();
    const spec = here.spec();
    return decideSummary({
      snapshot: this.snapshot(),
      entry: spec?.typeGraph.entry ?? null,
      instances: pricedInstances(spec, instances(), sites()),
      children: [...childPoll.summaries().values()],
    });
  }

  /** The present snapshot at once, then one a second. */
  watch(): Observable<monitor.LevelSnapshot> {
    return new Observable((subscriber) => {
      if (this.watchers.size >= WATCHERS_MAX) {
        subscriber.error(new MitosisError('exhausted', `${WATCHERS_MAX} readers watch already`));
        return undefined;
      }
      const send = (snapshot: monitor.LevelSnapshot): void => subscriber.next(snapshot);
      send(this.snapshot());
      this.watchers.add(send);
      return () => this.watchers.delete(send);
    });
  }

  private tick(): void {
    if (this.watchers.size === 0) return;
    const snapshot = this.snapshot();
    for (const send of this.watchers) send(snapshot);
  }

  private follow(): void {
    const { context, members, sites, streams } = this.here();
    streams.follow(routersOf(members()), agentsOf(sites(), context.config.agent));
  }

  private keepRouter(sample: RouterSample): void {
    this.routerSamples.set(sample.router, keepSample(this.routerSamples.get(sample.router) ?? [], sample));
    forget(this.routerSamples, sample.receivedAtMs);
  }

  private keepAgent(sample: AgentSample): void {
    this.agentSamples.set(sample.agent, keepSample(this.agentSamples.get(sample.agent) ?? [], sample));
    forget(this.agentSamples, sample.receivedAtMs);
  }

  private here(): Observed {
    if (this.observed === undefined) throw new MitosisError('unavailable', 'the monitor has not started');
    return this.observed;
  }
}

/** The type graph can be large: parsed once for each revision of it. */
const parsedSpec = (view: View): (() => SpecRecord | undefined) => {
  let revision = 0;
  let spec: SpecRecord | undefined;
  return () => {
    const entry = view.entries.get(KEYS.spec);
    if (entry === undefined) return undefined;
    if (entry.modRevision !== revision || spec === undefined) {
      revision = entry.modRevision;
      spec = JSON.parse(entry.value) as SpecRecord;
    }
    return spec;
  };
};

/** For people: only what is known is shown. */
const figuresOf = (window: monitor.Window | undefined): Readonly<Record<string, unknown>> =>
  window?.known === true
    ? { known: true, rate: window.rate, p95Ms: window.p95Ms, errorRatio: window.errorRatio }
    : { known: false };

/** Sources that have been silent for longer than any window looks back. */
const forget = (samples: Map<string, readonly { readonly receivedAtMs: number }[]>, nowMs: number): void => {
  for (const [source, list] of samples) {
    if (nowMs - (list.at(-1)?.receivedAtMs ?? 0) > KEEP_MS) samples.delete(source);
  }
};
