/**
 * What is put in force must be readable by every function of the level and by the next release: checked here, at the one
 * door, whoever made it. libs/model checks what a person wrote; this checks that it is a type graph of this level.
 */
import type { Component, LevelId, TypeGraph } from '@mitosis/contracts';

export type CheckedTypeGraph =
  | { readonly kind: 'ok'; readonly typeGraph: TypeGraph }
  | { readonly kind: 'invalid'; readonly problem: string };

/** etcd refuses requests above 1.5 MiB; the decision and the fence need some of that. */
export const TYPE_GRAPH_BYTES_MAX = 1_000_000;

const KINDS: ReadonlySet<unknown> = new Set<Component['kind']>(['service', 'composition', 'binding']);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const scaleProblem = (scale: unknown): string | null => {
  if (!isObject(scale)) return 'scale is missing';
  const { min, max, initial } = scale;
  if (![min, max, initial].every((count) => Number.isInteger(count)))
    return 'scale is not min, max and initial';
  return Number(min) >= 0 && Number(min) <= Number(initial) && Number(initial) <= Number(max)
    ? null
    : `scale ${String(min)} ≤ ${String(initial)} ≤ ${String(max)} does not hold`;
};

const componentProblem = (name: string, component: unknown): string | null => {
  if (!isObject(component)) return 'is no object';
  if (component.name !== name) return `is named ${JSON.stringify(component.name)}`;
  if (!KINDS.has(component.kind)) return `has the unknown kind ${JSON.stringify(component.kind)}`;
  if (component.kind === 'service' && !isObject(component.run)) return 'is a service and says not what runs';
  if (component.kind === 'composition' && !isObject(component.composition))
    return 'is a composition without one';
  if (
    component.kind === 'binding' &&
    !(Array.isArray(component.alternatives) && component.alternatives.length > 0)
  ) {
    return 'is a binding without alternatives';
  }
  if (!isObject(component.policy)) return 'has no scaling policy';
  if (!Array.isArray(component.ports) || !Array.isArray(component.dependsOn))
    return 'has no ports or dependencies';
  return scaleProblem(component.scale);
};

const graphProblem = (graph: unknown, level: LevelId): string | null => {
  if (!isObject(graph)) return 'a type graph is an object';
  if (graph.v !== 1) return `this release reads version 1 of type graphs, not ${JSON.stringify(graph.v)}`;
  if (graph.level !== level) return `it is for level ${JSON.stringify(graph.level)}, this is ${level}`;
  if (typeof graph.digest !== 'string' || graph.digest === '') return 'it has no digest';
  if (!isObject(graph.components)) return 'it has no components';
  if (!isObject(graph.management)) return 'it does not say what its management is';
  for (const [name, component] of Object.entries(graph.components)) {
    const problem = componentProblem(name, component);
    if (problem !== null) return `component ${name} ${problem}`;
  }
  const { entry } = graph;
  if (entry !== null && !(typeof entry === 'string' && Object.hasOwn(graph.components, entry))) {
    return `its entry ${JSON.stringify(entry)} is no component`;
  }
  return null;
};

export const checkTypeGraph = (json: string, level: LevelId): CheckedTypeGraph => {
  if (Buffer.byteLength(json) > TYPE_GRAPH_BYTES_MAX) {
    return { kind: 'invalid', problem: `a type graph may have ${TYPE_GRAPH_BYTES_MAX} bytes` };
  }
  let graph: unknown;
  try {
    graph = JSON.parse(json);
  } catch {
    return { kind: 'invalid', problem: 'it is not JSON' };
  }
  const problem = graphProblem(graph, level);
  return problem === null ? { kind: 'ok', typeGraph: graph as TypeGraph } : { kind: 'invalid', problem };
};
