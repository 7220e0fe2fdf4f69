/**
 * One step of all policies of a level on one observation of it. Every replica takes the same steps, so that the state of
 * a follower is that of the leader; only the leader acts on the result. Must stay pure: `mitosis simulate` runs it too.
 */
import type { Component, InstanceRecord, Objective, ScalingPolicy } from '@mitosis/contracts';
import { pluginFor } from '../plugins/index.js';
import { activate } from './activation.js';
import { own, recordByName } from './by-name.js';
import { gainOver } from './cadence.js';
import { downstreamOf } from './downstream.js';
import { endToEndOf } from './end-to-end.js';
import { expectedLateOf, type ExpectedLate } from './expected-late.js';
import { instancesOf, measureStartMs, readyOf, startingOf } from './level-index.js';
import { componentOf, scaledComponents, type LevelInput } from './level-input.js';
import { EMPTY_SPLIT, shareIn, stepSplit, waitIn, type SplitState } from './objective-split.js';
import {
  hasOwnBound,
  levelObjective,
  objectiveFor,
  sharesByTime,
  type CalmComponent,
  type Share,
} from './objectives.js';
import {
  withoutAbsurdities,
  type ComponentObservation,
  type Downstream,
  type EndToEnd,
} from './observation.js';
import type { PolicySettings, PolicyState, Recommendation, ScalingPolicyPlugin } from './policy.js';
import { EMPTY_VISITS, observeVisits, visitsFrom, type VisitsState } from './visits.js';

export type ComponentState = {
  /** Policy kind `policy` belongs to. */
  readonly kind: string;
  readonly policy: PolicyState;
  /** When a request was last seen, for components that may go to zero. */
  readonly activeAtMs: number;
};

export type LevelState = {
  readonly components: { readonly [component: string]: ComponentState };
  /** Ready instances by component (sorted, joined) and since when there are just these. */
  readonly ready: { readonly [component: string]: { readonly ids: string; readonly sinceMs: number } };
  /** Time of a request in each component without queueing and dependencies; falls fast, rises slowly. */
  readonly calmMs: { readonly [component: string]: number };
  /** 95th percentile of a request in each component and all it calls, likewise. */
  readonly calmTailMs: { readonly [component: string]: number };
  /** The level's objective, shared out where it is cheapest to hold. */
  readonly split: SplitState;
  /** How often components call each other, and what is held up in them. */
  readonly visits: VisitsState;
};

export const EMPTY_LEVEL: LevelState = {
  components: {},
  ready: {},
  calmMs: {},
  calmTailMs: {},
  split: EMPTY_SPLIT,
  visits: EMPTY_VISITS,
};

export interface ComponentAdvice {
  readonly component: Component;
  readonly observation: ComponentObservation;
  readonly recommendation: Recommendation;
  /** Late requests per second, counted at the entry, that a count would mean; null: no model knows. Found when asked for. */
  readonly expectedLate: () => ExpectedLate | null;
}

export interface LevelStep {
  readonly state: LevelState;
  readonly advice: readonly ComponentAdvice[];
  /** For every component on the path, child compositions included. */
  readonly objectives: ReadonlyMap<string, Objective>;
}

/** The state itself while nothing changes: there is an entry for every component, each second. */
const trackReady = (state: LevelState, input: LevelInput): LevelState['ready'] => {
  const components = scaledComponents(input.typeGraph);
  const known = (name: string, ids: string): LevelState['ready'][string] | undefined => {
    const before = own(state.ready, name);
    return before?.ids === ids ? before : undefined;
  };
  const idsOf = (name: string): string => readyOf(input.endpoints.get(name)).ids;
  const same =
    Object.keys(state.ready).length === components.length &&
    components.every(({ name }) => known(name, idsOf(name)) !== undefined);
  if (same) return state.ready;
  const ready = recordByName<LevelState['ready'][string]>();
  for (const { name } of components) {
    const ids = idsOf(name);
    ready[name] = known(name, ids) ?? { ids, sinceMs: input.nowMs };
  }
  return ready;
};

/** By component that calls others; found once a step, since several ask. */
type Downstreams = ReadonlyMap<string, Downstream | null>;

const downstreamsOf = ({ typeGraph, metrics }: LevelInput): Downstreams => {
  const found = new Map<string, Downstream | null>();
  if (metrics === null) return found;
  for (const component of Object.values(typeGraph.components)) {
    if (component.dependsOn.length > 0)
      found.set(component.name, downstreamOf(typeGraph, metrics, component));
  }
  return found;
};

interface Seen {
  readonly ready: LevelState['ready'];
  readonly instances: readonly InstanceRecord[] | undefined;
  readonly objective: Objective | null;
  readonly downstream: Downstream | null;
  readonly heldBack: number;
  readonly waitMs: number | null;
  readonly endToEnd: EndToEnd | null;
}

const observe = (input: LevelInput, component: Component, seen: Seen): ComponentObservation => {
  const { ready, instances, objective, downstream, heldBack, waitMs, endToEnd } = seen;
  const { name } = component;
  const target = input.targets.get(name);
  const metrics = input.metrics?.get(name);
  const endpoints = input.endpoints.get(name);
  return withoutAbsurdities({
    component: name,
    nowMs: input.nowMs,
    version: component.version,
    count: target?.count ?? component.scale.initial,
    countSinceMs: target?.atMs ?? 0,
    ready: readyOf(endpoints).count,
    starting: startingOf(instances),
    readyStableSinceMs: ready[name]?.sinceMs ?? input.nowMs,
    startMs: measureStartMs(instances, endpoints),
    scale: component.scale,
    resources: component.resources,
    objective,
    requests: metrics?.requests ?? null,
    usage: metrics?.usage ?? null,
    downstream,
    heldBack,
    waitMs,
    endToEnd,
    external: input.external?.get(name) ?? {},
  });
};

const ownMsOf = (input: LevelInput, downstreams: Downstreams, component: Component): number | null => {
  const window = input.metrics?.get(component.name)?.requests.last10 ?? null;
  if (window === null || window.rate * window.seconds < 5) return null;
  const outside = downstreams.get(component.name)?.last10Ms ?? 0;
  const ownMs = Math.max(window.meanMs - outside, 0.01);
  // What a third party may take at most is what it is bound by; when it takes longer it is the composer's to leave it.
  return component.kind === 'binding' && component.rebind.p95Ms > 0
    ? Math.min(ownMs, component.rebind.p95Ms)
    : ownMs;
};

/** Quickly down, slowly up (about three minutes): a queue must not widen the share of the component that has it. */
const calmer = (before: number, seen: number, seconds: number): number =>
  before === 0 ? seen : before + gainOver(seen < before ? 0.3 : 0.005, seconds) * (seen - before);

const trackCalm = (
  state: LevelState,
  input: LevelInput,
  downstreams: Downstreams,
): Pick<LevelState, 'calmMs' | 'calmTailMs'> => {
  const calmMs = recordByName<number>();
  const calmTailMs = recordByName<number>();
  for (const component of Object.values(input.typeGraph.components)) {
    const { name } = component;
    const before = own(state.calmMs, name) ?? 0;
    const tailBefore = own(state.calmTailMs, name) ?? 0;
    const ownMs = ownMsOf(input, downstreams, component);
    const requests = input.metrics?.get(name)?.requests;
    const seconds = requests?.last1?.seconds ?? 1;
    const mean = ownMs === null ? before : calmer(before, ownMs, seconds);
    const tailMs = ownMs === null ? 0 : (requests?.last10?.p95Ms ?? 0);
    const tail = tailMs > 0 ? calmer(tailBefore, tailMs, seconds) : tailBefore;
    if (mean > 0) calmMs[name] = mean;
    if (tail > 0) calmTailMs[name] = tail;
  }
  return { calmMs, calmTailMs };
};

const rateOf = (input: LevelInput, name: string): number =>
  input.metrics?.get(name)?.requests.last60?.rate ?? 0;

const objectivesOf = (
  input: LevelInput,
  level: Objective | null,
  calmMs: LevelState['calmMs'],
  split: SplitState,
): ReadonlyMap<string, Objective> => {
  const { typeGraph } = input;
  const byTime = sharesByTimeOf(input, calmMs);
  const share: Share = (name) => shareIn(split, name) ?? byTime(name);
  const objectives = new Map<string, Objective>();
  for (const component of Object.values(typeGraph.components)) {
    const objective = objectiveFor(typeGraph, level, component, share);
    if (objective !== null) objectives.set(component.name, objective);
  }
  return objectives;
};

/** Worked out when the first one is asked for: most levels' bounds are split by what they cost. */
const sharesByTimeOf = (input: LevelInput, calmMs: LevelState['calmMs']): Share => {
  let shares: Share | undefined;
  return (name) => {
    const entry = input.typeGraph.entry ?? '';
    shares ??= sharesByTime(input.typeGraph, entry, calmComponents(input, entry, calmMs));
    return shares(name);
  };
};

const calmComponents = (
  input: LevelInput,
  entry: string,
  calmMs: LevelState['calmMs'],
): ReadonlyMap<string, CalmComponent> => {
  const entryRate = rateOf(input, entry);
  return new Map(
    Object.entries(calmMs).map(([name, ownMs]) => {
      const rate = rateOf(input, name);
      return [name, { ownMs, visits: entryRate > 0 && rate > 0 ? rate / entryRate : 1 }];
    }),
  );
};

const visitsOf = ({ typeGraph }: LevelInput, state: VisitsState): ReadonlyMap<string, number> =>
  typeGraph.entry === null ? new Map() : visitsFrom(state, typeGraph, typeGraph.entry);

/** A request that calls a component several times is late once. */
const atEntry = (late: ExpectedLate | null, visits: number): ExpectedLate | null =>
  late === null || visits <= 1 ? late : (count) => late(count) / visits;

export type PluginOf = (policy: ScalingPolicy) => ScalingPolicyPlugin<ScalingPolicy>;

/**
 * Takes one observation of the level in and says what each policy wants. `pluginOf`: a simulation may hand in policies
 * that production does not know.
 */
export const stepLevel = (
  state: LevelState,
  input: LevelInput,
  settings: PolicySettings,
  pluginOf: PluginOf = pluginFor,
): LevelStep => {
  const ready = trackReady(state, input);
  const downstreams = downstreamsOf(input);
  const calm = trackCalm(state, input, downstreams);
  const visits = observeVisits(state.visits, input.typeGraph, input.metrics, input.nowMs, (name) =>
    downstreams.get(name),
  );
  const perRequest = visitsOf(input, visits.state);
  const level = levelObjective(input.typeGraph, input.handedDown);
  const split = stepSplit(state.split, {
    level: input,
    objective: level,
    policies: state.components,
    calmTailMs: calm.calmTailMs,
    visits: perRequest,
  });
  const objectives = objectivesOf(input, level, calm.calmMs, split);
  const instances = instancesOf(input.instances);
  const judged = endToEndOf(input, level, calm.calmMs, perRequest, state.components);
  const components = recordByName<ComponentState>();
  const advice = scaledComponents(input.typeGraph).map((component): ComponentAdvice => {
    const { name } = component;
    const plugin = pluginOf(component.policy);
    const before = own(state.components, name);
    const observation = observe(input, component, {
      ready,
      instances: instances.get(name),
      objective: objectives.get(name) ?? null,
      downstream: downstreams.get(name) ?? null,
      heldBack: visits.heldBack.get(name) ?? 0,
      // A bound of its own says itself how long a request may wait here.
      waitMs: hasOwnBound(component) ? null : waitIn(split, name),
      endToEnd: judged(component),
    });
    const from = before?.kind === component.policy.kind ? before.policy : plugin.initial();
    const { state: after, recommendation } = plugin.step(from, observation, component.policy, settings);
    const activation = activate(before?.activeAtMs ?? 0, observation, recommendation);
    const now: ComponentState = {
      kind: component.policy.kind,
      policy: after,
      activeAtMs: activation.activeAtMs,
    };
    components[name] = now;
    return {
      component,
      observation,
      recommendation: activation.recommendation,
      expectedLate: () => atEntry(expectedLateOf(now, observation), perRequest.get(name) ?? 1),
    };
  });
  return { state: { components, ready, ...calm, split, visits: visits.state }, advice, objectives };
};

/** Child levels and what each has to hold. */
export const childShares = (input: LevelInput, step: LevelStep): ReadonlyMap<string, Objective> =>
  new Map(
    [...step.objectives].filter(([name]) => componentOf(input.typeGraph, name)?.kind === 'composition'),
  );
