/**
 * From the objective of a level to one for each component. The rule: the entry holds the level's objective end to end; a
 * component on the path gets the part of it that it and what it calls have of the latency in calm times; where that is
 * not known for every component on the path, equal parts. A component's own objective wins over a share.
 */
import type { Component, Objective, ObjectiveRecord, TypeGraph } from '@mitosis/contracts';
import { perKey, perName } from './per-key.js';

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

/** Components as numbers: what is reached from each of a thousand is half a million names. */
interface Reach {
  readonly names: readonly string[];
  /** The component and everything it calls, directly or not; empty for what is not there or runs once. */
  readonly from: (start: string) => Int32Array;
  readonly namesFrom: (start: string) => ReadonlySet<string>;
}

const reachIn = perKey((typeGraph: TypeGraph): Reach => {
  const components = Object.values(typeGraph.components);
  const names = components.map(({ name }): string => name);
  const place = new Map(names.map((name, i) => [name, i]));
  const calls = components.map(({ dependsOn }) =>
    dependsOn.flatMap(({ component }) => place.get(component) ?? []),
  );
  /** By component: from which one it was last seen. */
  const seenFrom = new Int32Array(names.length).fill(-1);
  const from = perName((start): Int32Array => {
    const first = place.get(start);
    if (first === undefined) return new Int32Array(0);
    const reached: number[] = [];
    const open = [first];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (components[at]?.runOnce === true || seenFrom[at] === first) continue;
      seenFrom[at] = first;
      reached.push(at);
      for (const called of calls[at] ?? []) open.push(called);
    }
    return Int32Array.from(reached);
  });
  const namesFrom = perName(
    (start): ReadonlySet<string> => new Set(Array.from(from(start), (i) => names[i] ?? '')),
  );
  return { names, from, namesFrom };
});

/** The entry and every component on the way to its answers. */
export const entryPath = perKey((typeGraph: TypeGraph): readonly Component[] =>
  typeGraph.entry === null
    ? []
    : Array.from(reachIn(typeGraph).namesFrom(typeGraph.entry), (name) => typeGraph.components[name]).filter(
        (component) => component !== undefined,
      ),
);

/** The component and everything it calls, directly or not. */
export const reachableFrom = (typeGraph: TypeGraph, start: string): ReadonlySet<string> =>
  reachIn(typeGraph).namesFrom(start);

/** Part of the entry's latency that a component on the path and what it calls have, per visit; 0..1. */
export type Share = (name: string) => number;

/** Weights are found once for all: a share is asked for by every component each second. */
export const sharesByTime = (
  typeGraph: TypeGraph,
  entry: string,
  calm: ReadonlyMap<string, CalmComponent>,
): Share => {
  const { names, from } = reachIn(typeGraph);
  const known = (i: number): CalmComponent | undefined => calm.get(names[i] ?? '');
  const path = from(entry);
  const measured = path.every((i) => (known(i)?.ownMs ?? 0) > 0);
  const weights = new Float64Array(names.length);
  for (const i of path) {
    const { ownMs = 1, visits = 1 } = (measured ? known(i) : undefined) ?? {};
    weights[i] = ownMs * visits;
  }
  /** In two halves: of a thousand components half a million weights are added, and each sum waits for the one before. */
  const sum = (places: Int32Array): number => {
    const half = places.length >> 1;
    let first = 0;
    let second = 0;
    for (let i = 0; i < half; i += 1) {
      first += weights[places[i] ?? 0] ?? 0;
      second += weights[places[half + i] ?? 0] ?? 0;
    }
    return first + second + (places.length % 2 === 0 ? 0 : (weights[places[2 * half] ?? 0] ?? 0));
  };
  const whole = sum(path);
  return (name) => {
    const share = sum(from(name)) / whole;
    const visits = measured ? (calm.get(name)?.visits ?? 1) : 1;
    return Math.min(1, visits > 0 ? share / visits : share);
  };
};

const scaled = (objective: Objective, share: number): Objective => ({
  latency: objective.latency.map(({ percentile, ms }) => ({ percentile, ms: ms * share })),
  errorRatio: objective.errorRatio,
  throughput: null,
});

/** It says itself how long its answers may take. */
export const hasOwnBound = ({ objective }: Component): boolean =>
  objective !== null && objective.latency.length > 0;

/** What a component has to hold; null: nothing. `share`: its part of the level's bound, asked for where it has one. */
export const objectiveFor = (
  typeGraph: TypeGraph,
  level: Objective | null,
  component: Component,
  share: Share,
): Objective | null => {
  if (component.name === typeGraph.entry) return bothObjectives(component.objective, level);
  if (hasOwnBound(component)) return component.objective;
  if (level === null || typeGraph.entry === null) return component.objective;
  const path = reachableFrom(typeGraph, typeGraph.entry);
  if (!path.has(component.name)) return component.objective;
  return bothObjectives(component.objective, scaled(level, share(component.name)));
};
