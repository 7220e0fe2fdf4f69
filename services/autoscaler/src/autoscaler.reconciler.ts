/**
 * The autoscaler on every replica: each takes the monitor's stream through the policies, so that a new leader goes on with
 * the model of the old one; only the leader writes targets. Must never treat a silent monitor as an idle application.
 */
import {
  KEYS,
  MitosisError,
  type autoscaler,
  type ControlMode,
  type DecisionId,
  type DecisionRecord,
  type Objective,
  type SpecRecord,
} from '@mitosis/contracts';
import type { LeaderSession, WriteOp } from '@mitosis/coordination';
import {
  Gauge,
  type FunctionContext,
  type FunctionShell,
  type Pass,
  type PassResult,
} from '@mitosis/service-kit';
import { ChildObjectives } from './adapters/child-objectives.js';
import { ExternalPolicies } from './adapters/external-policies.js';
import { outsideSource, storeSource, type LevelSource } from './adapters/level-source.js';
import { LevelStateViews } from './adapters/level-state.js';
import { ModelMemory } from './adapters/model-memory.js';
import type { AutoscalerConfig } from './autoscaler.config.js';
import { costCurve } from './decide/cost-curve.js';
import { decideHandedDown } from './decide/handed-down.js';
import { childShares, EMPTY_LEVEL, stepLevel, type LevelState, type LevelStep } from './decide/level.js';
import { levelObjective } from './decide/objectives.js';
import type { LevelInput } from './decide/level-input.js';
import { expectationOf, type Expectation } from './decide/outcome.js';
import {
  holdDecision,
  idOf,
  removalDecision,
  scaleDecision,
  sizeDecision,
  sizeRecord,
  targetRecord,
  type Stamp,
} from './decide/records.js';
import { clampToScale, decideTargets, type TargetPlan } from './decide/targets.js';
import { Predictions } from './predictions.js';
import { SizeAdvisor } from './size-advisor.js';

/** How long a pass waits to see its own last write in the view before it goes on with what it sees. */
const CATCH_UP_MS = 2_000;

interface Taken {
  readonly step: LevelStep;
  readonly input: LevelInput;
  readonly atMs: number;
}

interface Observed {
  readonly context: FunctionContext;
  readonly views: LevelStateViews;
  readonly memory: ModelMemory;
  readonly source: LevelSource;
  readonly childObjectives: ChildObjectives;
  readonly external: ExternalPolicies;
  readonly targetGauge: Gauge;
  readonly recommendedGauge: Gauge;
}

export class AutoscalerReconciler implements FunctionShell {
  readonly fn = 'autoscaler';
  readonly periodMs = 1_000;
  private observed: Observed | undefined;
  private state: LevelState = EMPTY_LEVEL;
  private taken: Taken | undefined;
  private advised: ReadonlyMap<string, number> = new Map();
  private holds: ReadonlyMap<string, string> = new Map();
  private budget: TargetPlan['budget'] = null;
  private readonly predictions = new Predictions();
  private committed = { revision: 0, atMs: 0, regressions: 0 };
  private readonly sizes: SizeAdvisor;
  private sequence = 0;

  constructor(private readonly config: AutoscalerConfig) {
    this.sizes = new SizeAdvisor(config.sizeSampleMs);
  }

  async start(context: FunctionContext, nudge: () => void): Promise<void> {
    const views = new LevelStateViews(context);
    const targetGauge = new Gauge({
      name: 'mitosis_autoscaler_target',
      help: 'Instances wanted, by component.',
      labelNames: ['component'],
      registers: [context.metrics],
    });
    const recommendedGauge = new Gauge({
      name: 'mitosis_autoscaler_recommended',
      help: 'Instances its policy asks for now, within its bounds, by component; also where nothing is applied.',
      labelNames: ['component'],
      registers: [context.metrics],
    });
    const events = {
      onFigures: () => {
        this.observe(true);
        nudge();
      },
      onDemandChange: nudge,
    };
    const { outside } = this.config;
    const source =
      outside === '' ? storeSource(context, views, events) : await outsideSource(outside, context, events);
    const childObjectives = new ChildObjectives(context.peers);
    const external = new ExternalPolicies(context);
    const memory = new ModelMemory(views.facts);
    this.observed = {
      context,
      views,
      memory,
      source,
      childObjectives,
      external,
      targetGauge,
      recommendedGauge,
    };
    source.start();
  }

  async pass({ session, signal, mode: given, nowMs }: Pass): Promise<PassResult> {
    const { views, source, childObjectives } = this.here();
    if (!views.synced) return { kind: 'waiting', on: 'store', reason: 'the level has not been read yet' };
    if (source.foreign && views.specRecord() !== undefined)
      return {
        kind: 'waiting',
        on: 'spec',
        reason: 'a composer has put a composition in force in this level: MITOSIS_OUTSIDE is for one without',
      };
    const mode = source.foreign && given === 'run' ? 'advise' : given;
    const spec = source.spec();
    if (spec === undefined)
      return { kind: 'waiting', on: 'spec', reason: 'no composition has been applied yet' };
    if (spec.record.phase !== 'operating')
      return { kind: 'idle', reason: `the composition is ${spec.record.phase}` };
    if (this.behind(nowMs)) {
      return {
        kind: 'waiting',
        on: 'view',
        reason: 'its last write is not in the view yet',
        untilMs: nowMs + 20,
      };
    }
    const { step } = this.stepOf(spec.record, nowMs);
    // Fresh records, so that what was written since the step is not written again.
    const input = { ...source.input(nowMs, spec.record, false), children: childObjectives.costs() };
    const plan = decideTargets(input, step.advice, mode, this.advised, this.holds);
    this.advised = plan.advised;
    this.budget = plan.budget;
    this.predictions.compare(step.advice);
    childObjectives.tell(childShares(input, step), views.childRecords(), signal);
    const result = await this.apply(session, plan, step, {
      mode,
      nowMs,
      epoch: session.epoch,
      generation: spec.record.generation,
      specRevision: spec.modRevision,
    });
    await this.remember(session, spec.record, nowMs);
    return result;
  }

  rehearse(): void {
    const { context, views, source } = this.here();
    const spec = source.spec();
    if (this.taken === undefined || spec === undefined || !views.synced) return;
    const { advice } = this.taken.step;
    decideTargets(source.input(context.nowMs(), spec.record, false), advice, 'run', this.advised);
  }

  async stop(): Promise<void> {
    this.observed?.source.stop();
  }

  describe(): Readonly<Record<string, unknown>> {
    return {
      monitor: this.observed?.source.from ?? '',
      components: this.taken?.step.advice.map(({ component, observation, recommendation }) => ({
        component: component.name,
        policy: component.policy.kind,
        count: observation.count,
        ready: observation.ready,
        recommended: recommendation.count,
        reason: recommendation.reason,
        inputs: recommendation.inputs,
      })),
      predictions: this.predictions.latest,
      sizes: this.sizes.sizes(),
      budget: this.budget,
      visits: this.state.visits.calls,
      children: this.observed?.childObjectives.describe() ?? [],
    };
  }

  /** All that was learned: what a successor goes on with. */
  model(): LevelState {
    return this.state;
  }

  /** What is in force; of a system that somebody else scales, what is recommended. */
  targets(): readonly autoscaler.Target[] {
    const { views, source } = this.here();
    if (!source.foreign)
      return views.targetRecords().map(({ component, count, reason }) => ({ component, count, reason }));
    return (this.taken?.step.advice ?? []).map(({ component, recommendation }) => ({
      component: component.name,
      count: clampToScale(component, recommendation.count),
      reason: recommendation.reason,
    }));
  }

  /** Takes the parent's share in; answers what other latencies would cost. */
  async handDown(share: autoscaler.ObjectiveShare): Promise<autoscaler.CostCurve> {
    const { context, views } = this.here();
    if (share.level !== context.level) {
      throw new MitosisError('invalid_input', `this is level ${context.level}, not ${share.level}`);
    }
    if (!(share.p95Ms >= 0) || !(share.errorRatio >= 0)) {
      throw new MitosisError('invalid_input', 'p95_ms and error_ratio must be 0 or more');
    }
    context.requireSession();
    const record = decideHandedDown(views.objectiveRecord(), share, context.nowMs());
    if (record !== null) {
      await context.command((session) =>
        session.commit({ writes: [{ kind: 'put', key: KEYS.objective, value: JSON.stringify(record) }] }),
      );
    }
    return { points: [...this.curve()] };
  }

  private here(): Observed {
    if (this.observed === undefined) throw new MitosisError('unavailable', 'the autoscaler has not started');
    return this.observed;
  }

  /** One step of all policies; without metrics when the monitor is silent. */
  private observe(fresh: boolean): Taken | undefined {
    const { views, source, context, external, childObjectives } = this.here();
    const spec = source.spec();
    if (spec === undefined || !views.synced) return undefined;
    const nowMs = context.nowMs();
    const input = {
      ...source.input(nowMs, spec.record, fresh),
      external: external.latest(),
      children: childObjectives.costs(),
    };
    const step = this.stepWithMemory(input);
    external.ask(step.advice);
    this.sizes.observe(step.advice);
    this.state = step.state;
    this.taken = { step, input, atMs: nowMs };
    this.exportRecommended(step);
    return this.taken;
  }

  /** What the store keeps counts where nothing is known; what it keeps and no policy can go on with does not. */
  private stepWithMemory(input: LevelInput): LevelStep {
    const { memory, context } = this.here();
    const recalled = memory.recall(this.state, input.typeGraph, input.nowMs);
    if (recalled !== this.state) {
      try {
        return stepLevel(recalled, input, this.config);
      } catch (error) {
        context.log.warn({ error }, 'a kept model cannot be used: beginning anew');
      }
    }
    return stepLevel(this.state, input, this.config);
  }

  private async remember(session: LeaderSession, { typeGraph }: SpecRecord, nowMs: number): Promise<void> {
    const writes = this.here().memory.due(this.state, typeGraph, nowMs);
    if (writes.length > 0) await session.commit({ writes });
  }

  /** The step the last snapshot led to, or one that knows that there is none. */
  private stepOf(spec: SpecRecord, nowMs: number): Taken {
    const { taken } = this;
    const current =
      taken !== undefined &&
      Math.abs(nowMs - taken.atMs) <= this.here().source.stepAgeMaxMs &&
      taken.input.typeGraph.digest === spec.typeGraph.digest;
    const step = current ? taken : this.observe(false);
    if (step === undefined) throw new MitosisError('unavailable', 'the composition went while it was read');
    return step;
  }

  private behind(nowMs: number): boolean {
    const { revision, regressions } = this.here().views.targetsAt;
    const { committed } = this;
    if (regressions !== committed.regressions) this.committed = { revision: 0, atMs: 0, regressions };
    return revision < this.committed.revision && nowMs - committed.atMs < CATCH_UP_MS;
  }

  private async apply(
    session: LeaderSession,
    plan: TargetPlan,
    step: LevelStep,
    stamp: Stamp & { readonly specRevision: number; readonly mode: ControlMode },
  ): Promise<PassResult> {
    const writes: WriteOp[] = [];
    const decisions: DecisionRecord[] = [];
    const expected: Expectation[] = [];
    for (const change of plan.changes) {
      const id = this.nextId(stamp);
      const name = change.component.name;
      const record = targetRecord(change, stamp, id);
      if (change.applied) writes.push({ kind: 'put', key: KEYS.target(name), value: JSON.stringify(record) });
      decisions.push(scaleDecision(change, stamp, id, this.predictions.last(name)));
      const observation = step.advice.find(({ component }) => component.name === name)?.observation;
      if (change.applied && change.predicted !== null && observation !== undefined) {
        expected.push(expectationOf(id, change.to, change.predicted, observation));
      }
    }
    for (const held of plan.held) decisions.push(holdDecision(held, stamp, this.nextId(stamp)));
    for (const name of plan.removed) {
      writes.push({ kind: 'delete', key: KEYS.target(name) });
      decisions.push(removalDecision(name, stamp, this.nextId(stamp)));
    }
    const sizes = this.sizes.news(step.advice);
    for (const news of sizes) decisions.push(sizeDecision(news, null, stamp, this.nextId(stamp)));
    for (const change of stamp.mode === 'run' ? this.sizeChanges(step, stamp.nowMs) : []) {
      const id = this.nextId(stamp);
      const { name } = change.component;
      writes.push({
        kind: 'put',
        key: KEYS.size(name),
        value: JSON.stringify(sizeRecord(change, stamp, id)),
      });
      decisions.push(sizeDecision(change, change.to, stamp, id));
    }
    if (decisions.length === 0) this.holds = plan.holds;
    if (decisions.length === 0) return { kind: 'idle', reason: this.quietReason(step) };
    const compares = [{ key: KEYS.spec, modRevision: stamp.specRevision }];
    const result = await session.commit({ writes, decisions, compares });
    if (result.kind === 'conflict') {
      return { kind: 'waiting', on: 'spec', reason: 'the composition changed meanwhile' };
    }
    this.committed = { ...this.committed, revision: result.revision, atMs: stamp.nowMs };
    this.sizes.tell(sizes);
    this.holds = plan.holds;
    this.predictions.expect(expected);
    this.exportTargets(plan);
    const told = decisions.map(({ component, change }) => `${component} ${change}`).join(', ');
    return writes.length === 0
      ? { kind: 'idle', reason: `${decisions.some(({ applied }) => applied) ? 'holds' : 'advises'} ${told}` }
      : { kind: 'acted', reason: told, changes: writes.length };
  }

  private sizeChanges({ advice }: LevelStep, nowMs: number): ReturnType<SizeAdvisor['changes']> {
    return this.sizes.changes(advice, this.here().views.sizeRecords(), nowMs);
  }

  private nextId(stamp: Stamp): DecisionId {
    this.sequence += 1;
    return idOf(stamp, this.sequence);
  }

  private quietReason(step: LevelStep): string {
    const silent = step.advice.filter(({ observation }) => observation.requests === null).length;
    return silent === 0
      ? `${step.advice.length} components are at what is wanted`
      : `nothing to change; no metrics of ${silent} of ${step.advice.length} components`;
  }

  private exportRecommended({ advice }: LevelStep): void {
    const { recommendedGauge } = this.here();
    recommendedGauge.reset();
    for (const { component, recommendation } of advice)
      recommendedGauge.set({ component: component.name }, clampToScale(component, recommendation.count));
  }

  private exportTargets(plan: TargetPlan): void {
    const { targetGauge } = this.here();
    for (const { component, to, applied } of plan.changes) {
      if (applied) targetGauge.set({ component: component.name }, to);
    }
    for (const component of plan.removed) targetGauge.remove({ component });
  }

  private curve(): ReturnType<typeof costCurve> {
    const { views } = this.here();
    if (this.taken === undefined) return [];
    const { typeGraph, handedDown } = this.taken.input;
    const bounds: Objective['latency'] = levelObjective(typeGraph, handedDown)?.latency ?? [];
    const p95Ms = Math.min(...bounds.filter(({ percentile }) => percentile === 95).map(({ ms }) => ms));
    return Number.isFinite(p95Ms) ? costCurve(this.taken.step, p95Ms, views.pricePerCpuHour()) : [];
  }
}
