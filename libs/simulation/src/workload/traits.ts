/**
 * How the components of a composition behave in a simulation: assumed, or calibrated from a recording. Turns a type graph
 * and these traits into what the plant runs.
 */
import { MitosisError, type Component, type Objective, type TypeGraph } from '@mitosis/contracts';
import type { Application, TierSeen } from './application.js';
import type { PlantComponent } from './plant.js';
import type { ServiceTime } from './service-time.js';

export interface ComponentTraits {
  readonly service: ServiceTime;
  /** Requests one instance works on at once. */
  readonly concurrency: number;
  readonly startMs: number;
  readonly cpuShare: number;
  readonly memoryBytes: number;
  /** Calls per request, by the component called. */
  readonly visits: Readonly<Record<string, number>>;
  /** False: nothing of it was measured. */
  readonly measured: boolean;
}

export type Traits = Readonly<Record<string, ComponentTraits>>;

export const ASSUMED: ComponentTraits = {
  service: { meanMs: 20, scv: 0.5 },
  concurrency: 4,
  startMs: 10_000,
  cpuShare: 0.8,
  memoryBytes: 64e6,
  visits: {},
  measured: false,
};

const componentsOf = (typeGraph: TypeGraph): ReadonlyMap<string, Component> =>
  new Map(Object.values(typeGraph.components).map((component) => [component.name, component]));

/** What a request passes: not what has run to its end before it came. */
const calleesOf = (components: ReadonlyMap<string, Component>, { dependsOn }: Component): readonly string[] =>
  dependsOn
    .map(({ component }): string => component)
    .filter((name) => {
      const callee = components.get(name);
      return (
        callee !== undefined && !callee.runOnce && (callee.kind !== 'service' || callee.ports.length > 0)
      );
    });

/** Callers before what they call (depth first, reversed). The composition loader refuses circles. */
const inOrder = (components: ReadonlyMap<string, Component>, entry: string): readonly string[] => {
  const seen = new Set<string>();
  const finished: string[] = [];
  const visit = (name: string): void => {
    const component = components.get(name);
    if (component === undefined || seen.has(name)) return;
    seen.add(name);
    for (const callee of calleesOf(components, component)) visit(callee);
    finished.push(name);
  };
  visit(entry);
  return finished.toReversed();
};

const strictest = (...objectives: readonly (Objective | null | undefined)[]): number | null => {
  const bounds = objectives.flatMap((objective) => objective?.latency.map(({ ms }) => ms) ?? []);
  return bounds.length === 0 ? null : Math.min(...bounds);
};

/** Throws `invalid_input` for what cannot be simulated, with the remedy. */
export const applicationOf = (typeGraph: TypeGraph, traits: Traits): Application => {
  const components = componentsOf(typeGraph);
  const { entry } = typeGraph;
  if (entry === null) {
    throw new MitosisError(
      'invalid_input',
      `${typeGraph.name} has no entry for the load; publish a port or add x-mitosis: { entry: <component> }`,
    );
  }
  const objectiveMs = strictest(typeGraph.objective, components.get(entry)?.objective);
  if (objectiveMs === null) {
    throw new MitosisError(
      'invalid_input',
      `${typeGraph.name} has no latency objective to judge by; add x-mitosis: { objective: { p95: 300ms } }`,
    );
  }
  const names = inOrder(components, entry);
  const plant = names.map((name): Omit<PlantComponent, 'initial'> => {
    const component = components.get(name);
    const own = traits[name] ?? ASSUMED;
    const callees = component === undefined ? [] : calleesOf(components, component);
    return {
      name,
      version: component?.version ?? '',
      // A component that nobody scales and nobody measured (a database, say) is no bottleneck that could be believed.
      pooled: component?.kind === 'service' && (component.policy.kind !== 'fixed' || own.measured),
      service: own.service,
      concurrency: own.concurrency,
      startMs: own.startMs,
      cpuShare: own.cpuShare,
      memoryBytes: own.memoryBytes,
      calls: callees.map((callee) => ({ to: names.indexOf(callee), visits: own.visits[callee] ?? 1 })),
    };
  });
  return { typeGraph, components: plant, objectiveMs };
};

/** What a rule tuned by hand may refer to, by component. */
export const tiersSeen = ({ components }: Application): Readonly<Record<string, TierSeen>> => {
  const within = components.map(() => 0);
  for (let i = components.length - 1; i >= 0; i -= 1) {
    const component = components[i];
    if (component === undefined) continue;
    within[i] =
      component.service.meanMs +
      component.calls.reduce((sum, { to, visits }) => sum + visits * (within[to] ?? 0), 0);
  }
  return Object.fromEntries(
    components.map(({ name, concurrency, service, cpuShare }, i) => [
      name,
      {
        capacity: (concurrency * 1_000) / service.meanMs,
        concurrency: (concurrency * (within[i] ?? 0)) / service.meanMs,
        cpuCores: concurrency * cpuShare,
      },
    ]),
  );
};
