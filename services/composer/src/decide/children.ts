/**
 * Which child levels exist, and what each has to be told. Must never lower an incarnation, also not for a child that was
 * disposed of and is wanted again: agents remember the highest they saw.
 */
import {
  childLevel,
  type ChildRecord,
  type Component,
  type LevelId,
  type SpecRecord,
  type TypeGraph,
} from '@mitosis/contracts';

/** What was last heard of a child: from the agents, and from its composer. Absent parts are unknown. */
export interface ChildObservation {
  /** gRPC addresses of its managers; null: no agent knows of any. */
  readonly managers: readonly string[] | null;
  /** As its agents keep it; 0: unknown. */
  readonly incarnation: number;
  /** Digest its composer confirmed, and when; '' and 0: never since it was born. */
  readonly appliedDigest: string;
  readonly appliedAtMs: number;
  readonly appliedIncarnation: number;
  /** Its composer says that nothing of its application is left. */
  readonly disposed: boolean;
  /** Last failure, for people; empty: none. */
  readonly problem: string;
}

export const UNSEEN: ChildObservation = {
  managers: null,
  incarnation: 0,
  appliedDigest: '',
  appliedAtMs: 0,
  appliedIncarnation: 0,
  disposed: false,
  problem: '',
};

export interface ChildrenInput {
  readonly level: LevelId;
  readonly spec: SpecRecord;
  readonly children: ReadonlyMap<string, ChildRecord>;
  readonly seen: ReadonlyMap<string, ChildObservation>;
  readonly nowMs: number;
}

export interface ChildChange {
  readonly record: ChildRecord;
  readonly action: 'birth' | 'dispose' | 'apply' | 'raise' | 'address';
  readonly change: string;
  readonly reason: string;
}

export type ChildOrder =
  | { readonly kind: 'apply'; readonly child: ChildRecord; readonly typeGraph: TypeGraph }
  | { readonly kind: 'dispose'; readonly child: ChildRecord };

/** An apply of the same digest is the cheapest question whether a child still has what it was given. */
const RECHECK_MS = 10_000;

const wantedChildren = ({ spec }: ChildrenInput): readonly Component[] =>
  spec.phase === 'operating'
    ? Object.values(spec.typeGraph.components).filter(({ kind }) => kind === 'composition')
    : [];

const seenOf = (input: ChildrenInput, component: string): ChildObservation =>
  input.seen.get(component) ?? UNSEEN;

const begin = (input: ChildrenInput, component: Component, before: ChildRecord | undefined): ChildChange => ({
  record: {
    v: 1,
    component: component.name,
    level: childLevel(input.level, component.name),
    incarnation: (before?.incarnation ?? 0) + 1,
    wanted: 'operating',
    managers: [],
    appliedDigest: '',
  },
  action: 'birth',
  change: `+level ${component.name}`,
  reason: before === undefined ? 'the composition contains it' : 'the composition contains it again',
});

const sameAddresses = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((address, i) => address === b[i]);

/** What was heard of a child that has to be kept. */
const update = (input: ChildrenInput, record: ChildRecord, wantedDigest: string): ChildChange | null => {
  const seen = seenOf(input, record.component);
  if (seen.incarnation > record.incarnation) {
    return {
      record: { ...record, incarnation: seen.incarnation, appliedDigest: '' },
      action: 'raise',
      change: `incarnation ${record.incarnation} → ${seen.incarnation}`,
      reason: 'its agents know a higher incarnation than this store',
    };
  }
  const confirmed =
    seen.appliedDigest === wantedDigest && seen.appliedIncarnation === record.incarnation
      ? wantedDigest
      : record.appliedDigest;
  const managers = seen.managers ?? record.managers;
  if (confirmed !== record.appliedDigest) {
    return {
      record: { ...record, managers, appliedDigest: confirmed },
      action: 'apply',
      change: `~level ${record.component}`,
      reason: 'its part of the composition was put in force there',
    };
  }
  if (sameAddresses(managers, record.managers)) return null;
  return {
    record: { ...record, managers },
    action: 'address',
    change: `${record.component} is managed at ${managers.join(', ')}`,
    reason: 'its managers have moved',
  };
};

const end = (input: ChildrenInput, record: ChildRecord): ChildChange => ({
  record: { ...record, wanted: 'disposed', appliedDigest: '' },
  action: 'dispose',
  change: `-level ${record.component}`,
  reason:
    input.spec.phase === 'operating'
      ? 'the composition does not contain it any more'
      : 'the composition is being disposed of',
});

/** Records that have to be written. */
export const decideChildren = (input: ChildrenInput): readonly ChildChange[] => {
  const wanted = wantedChildren(input);
  const names = new Set<string>(wanted.map(({ name }) => name));
  const kept = wanted.flatMap((component): readonly ChildChange[] => {
    const record = input.children.get(component.name);
    if (record?.wanted !== 'operating') return [begin(input, component, record)];
    const change = update(input, record, component.composition?.digest ?? '');
    return change === null ? [] : [change];
  });
  const ended = [...input.children.values()]
    .filter(({ component, wanted: state }) => state === 'operating' && !names.has(component))
    .map((record) => end(input, record));
  return [...kept, ...ended];
};

/** What the children have to be told now, given the records as they are committed. */
export const ordersOf = (input: ChildrenInput): readonly ChildOrder[] => {
  const graphs = new Map<string, TypeGraph | null>(
    wantedChildren(input).map(({ name, composition }) => [name, composition]),
  );
  return [...input.children.values()].flatMap((child): readonly ChildOrder[] => {
    const seen = seenOf(input, child.component);
    if (child.managers.length === 0) return [];
    if (child.wanted === 'disposed') return seen.disposed ? [] : [{ kind: 'dispose', child }];
    const typeGraph = graphs.get(child.component) ?? null;
    if (typeGraph === null) return [];
    const confirmed =
      seen.appliedDigest === typeGraph.digest && seen.appliedIncarnation === child.incarnation;
    if (confirmed && input.nowMs - seen.appliedAtMs < RECHECK_MS) return [];
    return [{ kind: 'apply', child, typeGraph: { ...typeGraph, level: child.level } }];
  });
};

/** Child levels that still have something to be disposed of: not those that said so, nor those that are gone altogether. */
export const childrenLeft = (input: ChildrenInput, births: ReadonlySet<string>): number =>
  [...input.children.values()].filter(
    ({ component }) => births.has(component) && !seenOf(input, component).disposed,
  ).length;
