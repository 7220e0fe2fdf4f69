/**
 * From the objective of a level to one for each component. The rule: the entry holds the level's objective end to end; a
 * component on the path gets the part of it that it and what it calls have of the latency in calm times; where that is
 * not known for every component on the path, equal parts. A component's own objective wins over a share.
 */
import type { Component, Objective, ObjectiveRecord, TypeGraph } from '@mitosis/contracts';
import { componentOf } from './level-input.js';
import { perKey } from './per-key.js';

export interface CalmComponent {
  /** Time of one request in the component itself, without queueing and dependencies. */
  readonly ownMs: number;
  /** Requests it sees per request at the entry. */
  readonly visits: number;
}

const NONE: Objective = { latency: [], errorRatio: null, throughput: null };

const least = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** What both ask for: every bound of either. */
export const bothObjectives = (a: Objective | null, b: Objective | null): Objective | null => {
  if (a === null || b === null) return a ?? b;
  return {
    latency: [...a.latency, ...b.latency],
    errorRatio: least(a.errorRatio, b.errorRatio),
    throughput:
      a.throughput === null && b.throughput === null ? null : Math.max(a.throughput ?? 0, b.throughput ?? 0),
  };
};

/** The level's own objective and what the parent handed down, both to be held. */
export const levelObjective = (
  typeGraph: TypeGraph,
  handedDown: ObjectiveRecord | null,
): Objective | null => {
  if (handedDown === null) return typeGraph.objective;
  const share: Objective = {
    ...NONE,
    latency: handedDown.p95Ms > 0 ? [{ percentile: 95, ms: handedDown.p95Ms }] : [],
    errorRatio: handedDown.errorRatio > 0 ? handedDown.errorRatio : null,
  };
  return bothObjectives(typeGraph.objective, share);
};

/** Of every component of a graph. */
const reaches = perKey(
  (typeGraph: TypeGraph): ReadonlyMap<string, ReadonlySet<string>> =>
    new Map(Object.keys(typeGraph.components).map((name) => [name, reach(typeGraph, name)])),
);

const NOTHING_REACHED: ReadonlySet<string> = new Set();

/** The component and everything it calls, directly or not. */
export const reachableFrom = (typeGraph: TypeGraph, start: string): ReadonlySet<string> =>
  reaches(typeGraph).get(start) ?? NOTHING_REACHED;

const reach = (typeGraph: TypeGraph, start: string): ReadonlySet<string> => {
  const reached = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const component = componentOf(typeGraph, name);
    if (component === undefined || component.runOnce || reached.has(name)) continue;
    reached.add(name);
    open.push(...component.dependsOn.map((dependency) => dependency.component));
  }
  return reached;
};

/** Part of the entry's latency that a component and what it calls have, per visit; 0..1. */
const shareOf = (
  reached: ReadonlySet<string>,
  path: ReadonlySet<string>,
  calm: ReadonlyMap<string, CalmComponent>,
  name: string,
): number => {
  const measured = [...path].every((member) => (calm.get(member)?.ownMs ?? 0) > 0);
  const weight = (member: string): number => {
    const seen = calm.get(member);
    return measured && seen !== undefined ? seen.ownMs * seen.visits : 1;
  };
  const sum = (names: Iterable<string>): number =>
    [...names].reduce((total, member) => total + weight(member), 0);
  const visits = measured ? (calm.get(name)?.visits ?? 1) : 1;
  const share = sum([...reached].filter((member) => path.has(member))) / sum(path);
  return Math.min(1, visits > 0 ? share / visits : share);
};

const scaled = (objective: Objective, share: number): Objective => ({
  latency: objective.latency.map(({ percentile, ms }) => ({ percentile, ms: ms * share })),
  errorRatio: objective.errorRatio,
  throughput: null,
});

/** It says itself how long its answers may take. */
export const hasOwnBound = ({ objective }: Component): boolean =>
  objective !== null && objective.latency.length > 0;

/** What a component has to hold; null: nothing. `given`: its share, where that is known better than by time. */
export const objectiveFor = (
  typeGraph: TypeGraph,
  level: Objective | null,
  calm: ReadonlyMap<string, CalmComponent>,
  component: Component,
  given?: number,
): Objective | null => {
  if (component.name === typeGraph.entry) return bothObjectives(component.objective, level);
  if (hasOwnBound(component)) return component.objective;
  if (level === null || typeGraph.entry === null) return component.objective;
  const path = reachableFrom(typeGraph, typeGraph.entry);
  if (!path.has(component.name)) return component.objective;
  const share = given ?? shareOf(reachableFrom(typeGraph, component.name), path, calm, component.name);
  return bothObjectives(component.objective, scaled(level, share));
};
