/**
 * The end-to-end objective split where it is cheapest to hold: what is left of the bound when nothing waits is what
 * requests may wait, and that is shared out by what waiting less would cost in each component and child level. Where
 * anything that takes part is unknown, nothing is said and the split by time in calm moments stays. Must not follow noise:
 * every change of a bound makes a tier judge anew.
 */
import type { Component, Objective } from '@mitosis/contracts';
import { variabilityOf } from '../plugins/slo-input.js';
import { strictest } from '../plugins/slo-text.js';
import { own } from './by-name.js';
import { capacityOf } from './instance-model.js';
import { componentOf, isScaled, type ChildCost, type LevelInput } from './level-input.js';
import { reachableFrom } from './objectives.js';
import { sloStateOf, type Policies } from './slo-state.js';
import { splitWaits, waitOfSum, type WaitPart } from './wait-split.js';

export type SplitState = {
  /** When it was last worked out. */
  readonly atMs: number;
  /** The bound it is of; 0: none, the split by time holds. */
  readonly boundMs: number;
  readonly percentile: number;
  /** Of the bound, by component: what it and all it calls may take per visit. */
  readonly share: { readonly [component: string]: number };
  /** What a request may wait in the component itself, per visit. */
  readonly waitMs: { readonly [component: string]: number };
};

export const EMPTY_SPLIT: SplitState = { atMs: 0, boundMs: 0, percentile: 0, share: {}, waitMs: {} };

export interface SplitInput {
  readonly level: LevelInput;
  readonly objective: Objective | null;
  /** State of each component's policy, with its kind. */
  readonly policies: Policies;
  /** 95th percentile of a request in the component and all it calls while nothing waits. */
  readonly calmTailMs: { readonly [component: string]: number };
  readonly visits: ReadonlyMap<string, number>;
}

const SPLIT_MS = 30_000;
/** What is known of a split outlasts what it was made of: a tier whose model begins anew, a child that is silent. */
const STANDS_MS = 600_000;
/** Changes that are less are none. */
const CHANGE_MIN = 0.1;
/** Longer chains are split by time: it is no use to share out what nobody can keep. */
const PARTS_MAX = 60;
/** With less of the bound left for waiting than this no split holds it. */
const ROOM_MIN = 0.05;

/** Cost per hour of one instance; instances where nothing has a price. */
const priceOf = (input: LevelInput, { name, resources }: Component): number => {
  const usage = input.metrics?.get(name)?.usage ?? null;
  const used = usage === null ? 0 : usage.cpuCores / Math.max(1, usage.instancesSeen);
  const cpus = resources.limits.cpus || resources.reservations.cpus || used;
  return (cpus > 0 ? cpus : 1) * (input.pricePerCpuHour || 1);
};

/** null: its model is not known yet. */
const weightOfTier = (input: SplitInput, component: Component, visits: number): number | null => {
  const state = sloStateOf(input.policies, component.name);
  if (state === null) return null;
  const { model, demand } = state;
  const capacity = capacityOf(model, component.resources.limits.cpus);
  if (capacity === 0) return null;
  return (priceOf(input.level, component) * variabilityOf(demand, model) * visits * 1_000) / capacity;
};

/**
 * A child's curve as cost = fixed + weight / wait, through the two points around its share; what it takes in calm times is
 * no wait. null: it has said nothing that falls with the latency.
 */
const weightOfChild = (curve: ChildCost | undefined, calmMs: number, priced: boolean): number | null => {
  const points = (curve?.points ?? []).filter(({ p95Ms }) => p95Ms > calmMs);
  const sorted = points.toSorted((a, b) => a.p95Ms - b.p95Ms);
  const after = sorted.findIndex(({ p95Ms }) => p95Ms > (curve?.p95Ms ?? 0));
  const high = sorted[after < 0 ? sorted.length - 1 : Math.max(1, after)];
  const low = sorted[(after < 0 ? sorted.length - 1 : Math.max(1, after)) - 1];
  if (low === undefined || high === undefined) return null;
  const saved = priced ? low.costPerHour - high.costPerHour : low.instances - high.instances;
  const weight = saved / (1 / (low.p95Ms - calmMs) - 1 / (high.p95Ms - calmMs));
  return weight > 0 && Number.isFinite(weight) ? weight : null;
};

interface Parts {
  readonly parts: readonly WaitPart[];
  /** Waits per request that are not to be shared out: bounds of components' own. */
  readonly fixedMs: number;
}

/** null: unknown. */
const partsOf = (input: SplitInput, path: ReadonlySet<string>, entry: string): Parts | null => {
  const { typeGraph, children, pricePerCpuHour = 0 } = input.level;
  const parts: WaitPart[] = [];
  let fixedMs = 0;
  for (const name of path) {
    const component = componentOf(typeGraph, name);
    if (component === undefined) continue;
    const scaled = isScaled(component) && component.policy.kind === 'slo';
    if (!scaled && component.kind !== 'composition') continue;
    const visits = input.visits.get(name);
    const calmMs = own(input.calmTailMs, name);
    if (visits === undefined || calmMs === undefined) return null;
    const bound = name === entry ? null : strictest(component.objective);
    if (bound !== null) {
      fixedMs += visits * Math.max(0, bound.ms - calmMs);
      continue;
    }
    const weight = scaled
      ? weightOfTier(input, component, visits)
      : weightOfChild(children?.get(name), calmMs, pricePerCpuHour > 0);
    if (weight === null || !(weight > 0)) return null;
    // A child's curve is per visit of it.
    parts.push({ name, weight: scaled ? weight : weight * visits });
  }
  return { parts, fixedMs };
};

const worked = (input: SplitInput): SplitState | null => {
  const { typeGraph, nowMs } = input.level;
  const { entry } = typeGraph;
  const bound = strictest(input.objective);
  if (entry === null || bound === null) return null;
  const path = reachableFrom(typeGraph, entry);
  const calmMs = own(input.calmTailMs, entry);
  if (path.size < 2 || path.size > PARTS_MAX || calmMs === undefined) return null;
  const found = partsOf(input, path, entry);
  if (found === null || found.parts.length < 2) return null;
  const wholeMs = bound.ms - calmMs - found.fixedMs;
  if (wholeMs < ROOM_MIN * bound.ms) return null;
  const late = Math.min(0.4, Math.max(0.001, 1 - bound.percentile / 100));
  const waits = splitWaits(found.parts, wholeMs, late);
  const share: Record<string, number> = {};
  const waitMs: Record<string, number> = {};
  for (const { name } of found.parts) {
    const visits = input.visits.get(name) ?? 1;
    waitMs[name] = (waits.get(name) ?? 0) / visits;
    if (name === entry) continue;
    const below = [...reachableFrom(typeGraph, name)].flatMap((member) => waits.get(member) ?? []);
    const mayTakeMs = (own(input.calmTailMs, name) ?? 0) + waitOfSum(below, wholeMs, late) / visits;
    share[name] = Math.min(1, mayTakeMs / bound.ms);
  }
  return { atMs: nowMs, boundMs: bound.ms, percentile: bound.percentile, share, waitMs };
};

const near = (
  before: { readonly [name: string]: number },
  after: { readonly [name: string]: number },
): boolean => {
  const names = Object.keys(after);
  return (
    names.length === Object.keys(before).length &&
    names.every((name) => {
      const from = own(before, name);
      return from !== undefined && Math.abs((after[name] ?? 0) - from) <= CHANGE_MIN * from;
    })
  );
};

/** The split in force. Worked out twice a minute; taken over when it differs by more than a tenth. */
export const stepSplit = (before: SplitState, input: SplitInput): SplitState => {
  const { nowMs } = input.level;
  const bound = strictest(input.objective);
  const same = bound !== null && bound.ms === before.boundMs && bound.percentile === before.percentile;
  if (
    before.atMs > 0 &&
    (same || before.boundMs === 0) &&
    nowMs - before.atMs < SPLIT_MS &&
    nowMs >= before.atMs
  )
    return before;
  const split = worked(input);
  if (split === null)
    return same && nowMs - before.atMs < STANDS_MS ? before : { ...EMPTY_SPLIT, atMs: nowMs };
  return same && near(before.share, split.share) && near(before.waitMs, split.waitMs)
    ? { ...before, atMs: nowMs }
    : split;
};

/** Share of the level's bound that a component and all it calls may take; undefined: by time. */
export const shareIn = (split: SplitState, component: string): number | undefined =>
  split.boundMs === 0 ? undefined : own(split.share, component);

/** null: nothing is said. */
export const waitIn = (split: SplitState, component: string): number | null =>
  split.boundMs === 0 ? null : (own(split.waitMs, component) ?? null);
