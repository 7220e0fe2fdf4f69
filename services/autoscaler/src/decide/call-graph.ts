/** Who calls whom over HTTP, as the type graph says it: found once per graph, asked every second. */
import type { Component, TypeGraph } from '@mitosis/contracts';
import { componentOf } from './level-input.js';
import { perKey } from './per-key.js';

/** Connections of other protocols outlive requests: their durations and numbers say nothing about one request. */
export const speaksHttp = (component: Component): boolean =>
  component.ports.length > 0 && component.ports.every(({ protocol }) => protocol === 'http');

const NOBODY: readonly string[] = [];

/** What names a component among its dependencies. */
const callersIn = perKey((typeGraph: TypeGraph): ReadonlyMap<string, readonly string[]> => {
  const callers = new Map<string, string[]>();
  for (const { name, dependsOn } of Object.values(typeGraph.components)) {
    for (const dependency of new Set(dependsOn.map(({ component }) => component))) {
      const known = callers.get(dependency);
      if (known === undefined) callers.set(dependency, [name]);
      else known.push(name);
    }
  }
  return callers;
});

export const callersOf = (typeGraph: TypeGraph, dependency: string): readonly string[] =>
  callersIn(typeGraph).get(dependency) ?? NOBODY;

const answersIn = perKey((typeGraph: TypeGraph): ReadonlyMap<string, readonly string[]> => {
  const called = new Map<string, readonly string[]>();
  for (const { name, dependsOn } of Object.values(typeGraph.components)) {
    const answering = dependsOn.flatMap(({ component }) => {
      const found = componentOf(typeGraph, component);
      return found !== undefined && speaksHttp(found) ? [component] : [];
    });
    if (answering.length > 0) called.set(name, answering);
  }
  return called;
});

/** Dependencies whose answers a component waits for; undefined: none that speaks HTTP. */
export const answersFor = (typeGraph: TypeGraph, name: string): readonly string[] | undefined =>
  answersIn(typeGraph).get(name);

/** What a request to the component may pass next: HTTP dependencies that serve, and the alternatives of a binding. */
const calleesOf = (typeGraph: TypeGraph, { dependsOn, alternatives }: Component): readonly string[] => {
  const bound = alternatives.flatMap(({ target }) => (target.kind === 'component' ? [target.component] : []));
  return [...new Set([...dependsOn.map(({ component }) => component), ...bound])].filter((name) => {
    const callee = componentOf(typeGraph, name);
    return callee !== undefined && !callee.runOnce && speaksHttp(callee);
  });
};

/** A component that calls or is called. */
export interface Link {
  readonly name: string;
  readonly callers: readonly string[];
  readonly calls: boolean;
}

/** Callers before what they call; components without either are left out, and so are calls that would close a circle. */
export const linksOf = perKey((typeGraph: TypeGraph): readonly Link[] => {
  const callees = new Map(
    Object.values(typeGraph.components).map((component) => [
      component.name as string,
      component.runOnce ? NOBODY : calleesOf(typeGraph, component),
    ]),
  );
  const order = inCallOrder(callees);
  const place = new Map(order.map((name, i) => [name, i]));
  const callers = new Map<string, string[]>();
  for (const [name, called] of callees) {
    for (const callee of called) {
      if ((place.get(name) ?? 0) < (place.get(callee) ?? 0))
        callers.set(callee, [...(callers.get(callee) ?? []), name]);
    }
  }
  return order.flatMap((name) => {
    const calledBy = callers.get(name) ?? NOBODY;
    const calls = (callees.get(name) ?? NOBODY).length > 0;
    return calls || calledBy.length > 0 ? [{ name, callers: calledBy, calls }] : [];
  });
});

/** Depth first, reversed; without recursion, since a chain may be as long as a level is large. */
const inCallOrder = (callees: ReadonlyMap<string, readonly string[]>): readonly string[] => {
  const seen = new Set<string>();
  const finished: string[] = [];
  for (const root of callees.keys()) {
    const open: { readonly name: string; next: number }[] = [];
    const enter = (name: string): void => {
      if (seen.has(name)) return;
      seen.add(name);
      open.push({ name, next: 0 });
    };
    enter(root);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const callee = callees.get(top.name)?.[top.next];
      top.next += 1;
      if (callee !== undefined) enter(callee);
      else finished.push((open.pop() ?? top).name);
    }
  }
  return finished.toReversed();
};
