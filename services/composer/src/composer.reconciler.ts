/**
 * The composer on every replica: each takes the monitor's stream in, so that a new leader knows the alternatives as the old
 * one did; only the leader writes the spec, bindings and children. Must never take silence of a child, an alternative or
 * the monitor for anything.
 */
import { KEYS, MitosisError, type composer, type ControlMode, type SpecRecord } from '@mitosis/contracts';
import type { LeaderSession } from '@mitosis/coordination';
import {
  MonitorFeed,
  type FunctionContext,
  type FunctionShell,
  type Pass,
  type PassResult,
} from '@mitosis/service-kit';
import { ChildLink } from './adapters/child-link.js';
import { LevelRecords, type KnownSpec } from './adapters/level-records.js';
import { ComposerCommands } from './composer.commands.js';
import {
  decideBindings,
  observeBindings,
  type BindingsInput,
  type BindingStates,
} from './decide/bindings.js';
import { childrenLeft, decideChildren, ordersOf, type ChildrenInput } from './decide/children.js';
import { samplesOf } from './decide/samples.js';
import { bindingDecision, bindingRecord } from './decide/records.js';
import { decideSizes } from './decide/sizes.js';
import { decideDisposed, decideOverrides } from './decide/spec.js';
import { DecisionIds } from './decision-ids.js';
import { PassDraft } from './pass-draft.js';

/** Until every child has what it was given: somebody waits for `up`. */
const EAGER_MS = 150;
/** How long a pass waits to see its own last write in the views before it goes on with what it sees. */
const CATCH_UP_MS = 2_000;

interface Running {
  readonly context: FunctionContext;
  readonly records: LevelRecords;
  readonly feed: MonitorFeed;
  readonly link: ChildLink;
}

export class ComposerReconciler implements FunctionShell {
  readonly fn = 'composer';
  readonly periodMs = 1_000;
  private readonly ids = new DecisionIds();
  readonly commands = new ComposerCommands(() => this.here().context, this.ids);
  private running: Running | undefined;
  private states: BindingStates = {};
  private advised: ReadonlyMap<string, string> = new Map();
  private committedAtMs = 0;
  private session: LeaderSession | undefined;
  private endViews: () => void = () => {};

  async start(context: FunctionContext, nudge: () => void): Promise<void> {
    const records = new LevelRecords(context);
    const link = new ChildLink({ peers: context.peers, nowMs: () => context.nowMs(), onNews: nudge });
    const feed = new MonitorFeed({
      peers: context.peers,
      address: context.address,
      functions: context.config.functions,
      clock: context.clock,
      onSnapshot: () => {
        this.observe();
        nudge();
      },
    });
    this.running = { context, records, feed, link };
    this.endViews = records.onChange(nudge);
    feed.start();
  }

  async stop(): Promise<void> {
    this.endViews();
    this.running?.feed.stop();
  }

  async pass(pass: Pass): Promise<PassResult> {
    const { records } = this.here();
    if (!records.synced) return { kind: 'waiting', on: 'store', reason: 'the level has not been read yet' };
    const spec = records.spec();
    if (spec === null) return { kind: 'waiting', on: 'spec', reason: 'no composition has been applied yet' };
    if (records.behind && pass.nowMs - this.committedAtMs < CATCH_UP_MS) {
      const reason = 'its last write is not in the views yet';
      return { kind: 'waiting', on: 'view', reason, untilMs: pass.nowMs + 20 };
    }
    this.onTerm(pass.session);
    const children = this.childrenInput(spec, pass.nowMs);
    const draft = this.draft(pass, spec, children);
    const result = await this.commit(pass, spec, draft);
    if (result !== null) return result;
    return this.talk(pass, children);
  }

  rehearse(): void {
    const { records, context } = this.here();
    const spec = records.spec();
    if (spec === null || !records.synced) return;
    const nowMs = context.nowMs();
    decideChildren(this.childrenInput(spec, nowMs));
    decideBindings(this.bindingsInput(spec.record, nowMs), this.states, 'run', this.advised);
    decideOverrides(spec.record.typeGraph, records.overrides(), nowMs);
  }

  describe(): Readonly<Record<string, unknown>> {
    if (this.running === undefined) return {};
    const { feed, link, records } = this.running;
    const spec = records.spec()?.record;
    return {
      monitor: feed.source,
      generation: spec?.generation ?? 0,
      phase: spec?.phase ?? '',
      bindings: Object.entries(this.states).map(([component, { active, alternatives }]) => ({
        component,
        active,
        alternatives,
      })),
      children: [...link.observations()].map(([component, seen]) => ({ component, ...seen })),
    };
  }

  /** Instances and child levels of the application that are left. */
  remaining(): number {
    const { records, context } = this.here();
    const spec = records.spec();
    if (spec === null) return 0;
    return records.applicationInstances() + this.childrenLeft(this.childrenInput(spec, context.nowMs()));
  }

  /** What this level offers to a parent: its entry, as it is now. */
  offer(): composer.LevelOffer {
    const { context, records, feed } = this.here();
    const graph = records.spec()?.record.typeGraph;
    const entry = graph === undefined || graph.entry === null ? undefined : graph.components[graph.entry];
    const seen = feed.latest()?.components.find(({ component }) => component === entry?.name)?.last10;
    const p95Ms = seen?.known === true ? seen.p95Ms : 0;
    const ports = entry?.ports.map((port) => ({
      component: String(entry.name),
      port: port.name,
      p95Ms,
      price: 0,
    }));
    return { level: context.level, interfaces: ports ?? [] };
  }

  private here(): Running {
    if (this.running === undefined) throw new MitosisError('unavailable', 'the composer has not started');
    return this.running;
  }

  private onTerm(session: LeaderSession): void {
    if (session === this.session) return;
    this.session = session;
    this.here().link.forget();
  }

  private bindingsInput(spec: SpecRecord, nowMs: number): BindingsInput {
    const { records, feed } = this.here();
    const snapshot = feed.latest();
    return {
      typeGraph: spec.typeGraph,
      records: new Map(records.bindings().map((record) => [record.component, record])),
      samples: snapshot === null ? null : samplesOf(spec.typeGraph, snapshot),
      ready: records.ready(),
      nowMs,
    };
  }

  /** One look at the alternatives for each snapshot of the monitor, leading or not. */
  private observe(): void {
    const { records, context } = this.here();
    const spec = records.spec();
    if (spec === null || !records.synced) return;
    this.states = observeBindings(this.states, this.bindingsInput(spec.record, context.nowMs()));
  }

  private childrenInput({ record }: KnownSpec, nowMs: number): ChildrenInput {
    const { context, records, link } = this.here();
    return {
      level: context.level,
      spec: record,
      children: new Map(records.children().map((child) => [child.component, child])),
      seen: link.observations(),
      nowMs,
    };
  }

  private childrenLeft(input: ChildrenInput): number {
    const births = new Set<string>(
      this.here()
        .records.births()
        .map(({ component }) => component),
    );
    return childrenLeft(input, births);
  }

  private draft({ session, mode, nowMs }: Pass, spec: KnownSpec, children: ChildrenInput): PassDraft {
    const draft = new PassDraft({ nowMs, epoch: session.epoch }, this.ids);
    this.draftChildren(draft, children);
    if (spec.record.phase === 'operating') {
      this.draftBindings(draft, spec.record, mode);
      this.draftOverrides(draft, spec.record);
      if (mode === 'run') this.draftSizes(draft, spec.record);
    } else {
      this.draftDisposed(draft, spec.record, children);
    }
    return draft;
  }

  private draftChildren(draft: PassDraft, input: ChildrenInput): void {
    for (const { record, action, change, reason } of decideChildren(input)) {
      draft.put(KEYS.child(record.component), record);
      // Addresses change with every replaced manager: a fact, not a decision.
      if (action === 'address') draft.tell(change);
      else draft.decide({ component: record.component, action, change, reason });
    }
  }

  private draftBindings(draft: PassDraft, spec: SpecRecord, mode: ControlMode): void {
    const input = this.bindingsInput(spec, draft.stamp.nowMs);
    const plan = decideBindings(input, this.states, mode, this.advised);
    this.advised = plan.advised;
    for (const change of plan.changes) {
      const id = draft.nextId();
      if (change.applied)
        draft.put(KEYS.binding(change.component.name), bindingRecord(change, draft.stamp, id));
      draft.add(bindingDecision(change, draft.stamp, id));
    }
    for (const { component } of plan.removed) {
      draft.delete(KEYS.binding(component));
      const reason = 'the composition has no such binding any more';
      draft.decide({ component, action: 'unbind', change: 'no binding', reason });
    }
  }

  private draftOverrides(draft: PassDraft, { typeGraph }: SpecRecord): void {
    const overrides = this.here().records.overrides();
    for (const { override, reason } of decideOverrides(typeGraph, overrides, draft.stamp.nowMs)) {
      const { component } = override;
      draft.delete(KEYS.override(component));
      draft.decide({ component, action: 'override', change: 'no override', reason });
    }
  }

  private draftSizes(draft: PassDraft, spec: SpecRecord): void {
    const sizes = this.here().records.sizes();
    const changed = decideSizes(spec.typeGraph, sizes);
    if (changed === null) return;
    draft.put(KEYS.spec, { ...spec, typeGraph: changed.typeGraph });
    for (const decision of changed.decisions) draft.decide(decision);
  }

  private draftDisposed(draft: PassDraft, spec: SpecRecord, input: ChildrenInput): void {
    const instances = this.here().records.applicationInstances();
    const disposed = decideDisposed(spec, { instances, children: this.childrenLeft(input) });
    if (disposed === null) return;
    draft.put(KEYS.spec, disposed);
    const reason = 'no instance and no child level is left';
    draft.decide({ component: '', action: 'dispose', change: 'disposing → disposed', reason });
  }

  /** null: there was nothing to commit. */
  private async commit(
    { session, nowMs }: Pass,
    spec: KnownSpec,
    draft: PassDraft,
  ): Promise<PassResult | null> {
    if (draft.empty) return null;
    const { writes, decisions, told } = draft;
    const compares = [{ key: KEYS.spec, modRevision: spec.modRevision }];
    const result = await session.commit({ writes, decisions, compares });
    if (result.kind === 'conflict') {
      return { kind: 'waiting', on: 'spec', reason: 'the composition changed meanwhile' };
    }
    this.here().records.wrote(draft.keys, result.revision);
    this.committedAtMs = nowMs;
    const reason = told.join(', ');
    return writes.length === 0 ? { kind: 'idle', reason } : { kind: 'acted', reason, changes: writes.length };
  }

  /** To the children: only what is committed already. */
  private talk({ signal, nowMs }: Pass, input: ChildrenInput): PassResult {
    const { context, records, link } = this.here();
    const children = [...input.children.values()].filter(
      ({ component, wanted }) => wanted === 'operating' || input.seen.get(component)?.disposed !== true,
    );
    const agents = [context.config.agent, ...records.sites().map(({ agent }) => agent)];
    link.look(children, [...new Set(agents.filter((address) => address !== ''))], signal);
    const orders = ordersOf(input);
    for (const order of orders) link.tell(order, signal);
    return this.summary(input, orders.length, nowMs);
  }

  private summary(input: ChildrenInput, orders: number, nowMs: number): PassResult {
    const { spec, children } = input;
    if (spec.phase === 'disposing') {
      const reason = `${this.remaining()} instances and child levels are left`;
      return { kind: 'waiting', on: 'disposal', reason, untilMs: nowMs + EAGER_MS };
    }
    const fresh = [...children.values()].filter(
      ({ wanted, appliedDigest }) => wanted === 'operating' && appliedDigest === '',
    );
    if (fresh.length > 0) {
      const reason = `${fresh.map(({ component }) => component).join(', ')}: not in force there yet`;
      return { kind: 'waiting', on: 'children', reason, untilMs: nowMs + EAGER_MS };
    }
    return orders > 0
      ? { kind: 'waiting', on: 'children', reason: `${orders} child levels are told` }
      : { kind: 'idle', reason: `generation ${spec.generation} is ${spec.phase}` };
  }
}
