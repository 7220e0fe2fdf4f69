/**
 * The placer's decision: the sites there are, and on which of them the instances of each component run. It answers each
 * target by its revision; what has no target keeps its place.
 */
import {
  decisionId,
  newDecisionId,
  KEYS,
  type Component,
  type DecisionRecord,
  type InstancePhase,
  type PlacementRecord,
  type SiteId,
  type SiteRecord,
} from '@mitosis/contracts';
import type { PlacerInput, Use } from './input.js';
import { place } from './place.js';
import type { PlacerPlan, RecordWrite } from './plan.js';
import { useOf, type Counts } from './resources.js';
import { decideSites } from './sites.js';

export const decidePlacement = (input: PlacerInput): PlacerPlan => {
  const { spec } = input;
  if (spec === undefined) {
    return plan(input, [], [], [{ on: 'spec', reason: 'no composition has been applied yet' }]);
  }
  const sites = decideSites(input);
  const placements = spec.value.phase === 'operating' ? decidePlacements(input, sites.open) : [];
  const decisions = placements.flatMap(({ decision }) => (decision === undefined ? [] : [decision]));
  return plan(
    input,
    [
      ...siteWrites(input, sites.records),
      ...placements.map(({ write }) => write),
      ...(spec.value.phase === 'operating' ? forgotten(input) : []),
    ],
    decisions,
    sites.waits,
  );
};

const plan = (
  input: PlacerInput,
  writes: readonly RecordWrite[],
  decisions: readonly DecisionRecord[],
  waits: PlacerPlan['waits'],
): PlacerPlan => ({
  writes,
  compares: writes.map(({ key }) => ({ key, modRevision: revisionOf(input, key) })),
  decisions,
  waits,
});

const revisionOf = (input: PlacerInput, key: string): number => {
  const slash = key.indexOf('/');
  const records = key.startsWith('sites/') ? input.sites : input.placements;
  return records.get(key.slice(slash + 1))?.modRevision ?? 0;
};

const siteWrites = (input: PlacerInput, records: ReadonlyMap<string, SiteRecord>): readonly RecordWrite[] => [
  ...[...records]
    .filter(([name, record]) => input.sites.get(name)?.value !== record)
    .map(([name, value]): RecordWrite => ({ kind: 'put', key: KEYS.site(name), value })),
  ...[...input.sites.keys()]
    .filter((name) => !records.has(name))
    .map((name): RecordWrite => ({ kind: 'delete', key: KEYS.site(name) })),
];

interface Placed {
  readonly write: RecordWrite;
  /** Only a change of places is one; a mere answer to a new revision is not. */
  readonly decision: DecisionRecord | undefined;
}

const decidePlacements = (input: PlacerInput, sites: readonly SiteRecord[]): readonly Placed[] => {
  const components = servicesOf(input);
  const counts = new Map(
    components.map((component) => [component.name as string, currentOf(input, component)]),
  );
  const placed: Placed[] = [];
  if (sites.length === 0) return placed;
  for (const component of components) {
    const wanted = wantedOf(input, component);
    if (wanted === undefined) continue;
    const current = counts.get(component.name) ?? new Map<SiteId, number>();
    const decision = place({
      component,
      count: wanted.count,
      current,
      sites,
      up: upOf(input, component),
      otherUse: otherUse(input, components, counts, component),
    });
    counts.set(component.name, decision.counts);
    const result = answer(input, component, wanted, decision);
    if (result !== undefined) placed.push(result);
  }
  return placed;
};

const servicesOf = (input: PlacerInput): readonly Component[] =>
  Object.values(input.spec?.value.typeGraph.components ?? {})
    .filter(({ kind }) => kind === 'service')
    .sort((a, b) => (a.name < b.name ? -1 : 1));

interface Wanted {
  readonly count: number;
  readonly targetRevision: number;
  readonly causes: DecisionRecord['causes'];
}

/** A component that runs once needs one place and no target; any other without a target is unknown. */
const wantedOf = (input: PlacerInput, component: Component): Wanted | undefined => {
  if (component.runOnce) return { count: 1, targetRevision: 0, causes: [] };
  const target = input.targets.get(component.name);
  return target === undefined
    ? undefined
    : {
        count: target.value.count,
        targetRevision: target.modRevision,
        causes: target.value.decision === '' ? [] : [target.value.decision],
      };
};

/** What is placed; before the first answer, what runs (after the store was restored, or by adoption). */
const currentOf = (input: PlacerInput, component: Component): Counts => {
  const placement = input.placements.get(component.name)?.value;
  if (placement !== undefined) {
    return new Map(Object.entries(placement.counts) as [SiteId, number][]);
  }
  return instancesOf(input, component, ['starting', 'running', 'ready']);
};

/** What is known to run: one that is only being started is nothing to keep. */
const upOf = (input: PlacerInput, component: Component): Counts =>
  instancesOf(input, component, ['running', 'ready']);

const instancesOf = (input: PlacerInput, component: Component, phases: readonly InstancePhase[]): Counts => {
  const counts = new Map<SiteId, number>();
  for (const { value } of input.instances.values())
    if (value.component === component.name && phases.includes(value.phase))
      counts.set(value.site, (counts.get(value.site) ?? 0) + 1);
  return counts;
};

const otherUse = (
  input: PlacerInput,
  components: readonly Component[],
  counts: ReadonlyMap<string, Counts>,
  component: Component,
): ReadonlyMap<SiteId, Use> => {
  const use = new Map(
    useOf(
      components.filter(({ name }) => name !== component.name),
      counts,
    ),
  );
  for (const [site, child] of input.childUse) {
    const own = use.get(site) ?? { cpus: 0, memoryBytes: 0 };
    use.set(site, { cpus: own.cpus + child.cpus, memoryBytes: own.memoryBytes + child.memoryBytes });
  }
  return use;
};

const answer = (
  input: PlacerInput,
  component: Component,
  wanted: Wanted,
  decided: ReturnType<typeof place>,
): Placed | undefined => {
  const before = input.placements.get(component.name)?.value;
  const counts = Object.fromEntries([...decided.counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  const same =
    before !== undefined &&
    JSON.stringify(before.counts) === JSON.stringify(counts) &&
    before.unplaced === decided.unplaced;
  if (same && before.targetRevision === wanted.targetRevision) return undefined;
  const decision = same ? undefined : decisionOf(input, component, wanted, before, decided);
  const record: PlacementRecord = {
    v: 1,
    component: component.name,
    targetRevision: wanted.targetRevision,
    counts,
    unplaced: decided.unplaced,
    reason: decided.reason,
    decision: decision?.id ?? before?.decision ?? decisionId(''),
  };
  return { write: { kind: 'put', key: KEYS.placement(component.name), value: record }, decision };
};

const decisionOf = (
  input: PlacerInput,
  component: Component,
  wanted: Wanted,
  before: PlacementRecord | undefined,
  decided: ReturnType<typeof place>,
): DecisionRecord => {
  const id = newDecisionId(input.nowMs, input.random);
  return {
    v: 1,
    id,
    function: 'placer',
    atMs: input.nowMs,
    epoch: input.epoch,
    component: component.name,
    action: 'place',
    change: `${before === undefined ? 'none' : spell(before.counts)} → ${spell(Object.fromEntries(decided.counts))}`,
    reason: decided.reason,
    policy: 'spread by capacity',
    inputs: { count: wanted.count, unplaced: decided.unplaced },
    causes: wanted.causes,
    applied: true,
  };
};

const spell = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([site, count]) => `${site} ${count}`)
    .join(', ') || 'none';

/** Answers to components that the composition no longer has. */
const forgotten = (input: PlacerInput): readonly RecordWrite[] =>
  [...input.placements.keys()]
    .filter((name) => input.spec?.value.typeGraph.components[name]?.kind !== 'service')
    .map((name): RecordWrite => ({ kind: 'delete', key: KEYS.placement(name) }));
