/** Who needs whom: `depends_on`, and what Compose implies with links and shared namespaces. */
import { type Component, componentName, type Dependency } from '@mitosis/contracts';
import { entriesOf, flagOf, itemsOf, type Node, type Position, textOf } from '../source/node.js';
import { didYouMean } from '../values/did-you-mean.js';
import { type Building, extensionOf, type Service } from './service.js';

/** A dependency with the place where it is written. */
export interface PlacedDependency extends Dependency {
  readonly at: Position;
  readonly path: string;
}

const CONDITIONS: Readonly<Record<string, Dependency['condition']>> = {
  service_started: 'started',
  service_healthy: 'healthy',
  service_completed_successfully: 'completed',
};

export const dependenciesOf = (service: Service): readonly PlacedDependency[] => {
  const found = new Map<string, PlacedDependency>();
  for (const [name, node] of entriesOf(service.node, 'depends_on'))
    found.set(name, {
      component: componentName(name),
      condition: CONDITIONS[textOf(node, 'condition') ?? ''] ?? 'started',
      required: flagOf(node, 'required') ?? true,
      restart: flagOf(node, 'restart') ?? false,
      at: node.at,
      path: `${service.path}.depends_on.${name}`,
    });
  for (const { name, at, key } of implied(service.node))
    if (!found.has(name))
      found.set(name, {
        component: componentName(name),
        condition: 'started',
        required: true,
        restart: false,
        at,
        path: `${service.path}.${key}`,
      });
  return [...found.values()];
};

interface Implied {
  readonly name: string;
  readonly at: Position;
  readonly key: string;
}

const implied = (node: Node): readonly Implied[] => {
  const links = itemsOf(node, 'links').flatMap((item): Implied[] =>
    item.kind === 'scalar' ? [{ name: item.text.split(':')[0] ?? '', at: item.at, key: 'links' }] : [],
  );
  const volumes = itemsOf(node, 'volumes_from').flatMap((item): Implied[] =>
    item.kind === 'scalar' && !item.text.startsWith('container:')
      ? [{ name: item.text.split(':')[0] ?? '', at: item.at, key: 'volumes_from' }]
      : [],
  );
  const spaces = ['network_mode', 'ipc', 'pid'].flatMap((key): Implied[] => {
    const text = textOf(node, key);
    return text?.startsWith('service:') === true
      ? [{ name: text.slice('service:'.length), at: node.at, key }]
      : [];
  });
  return [...links, ...volumes, ...spaces];
};

export interface Needs {
  /** Components that are called: they need a port. */
  readonly called: ReadonlySet<string>;
  /** Components somebody waits for the end of. */
  readonly completed: ReadonlySet<string>;
}

/** What the others want of each component. */
export const needsOf = (services: readonly Service[]): Needs => {
  const called = new Set<string>();
  const completed = new Set<string>();
  for (const service of services) {
    for (const { component, condition } of dependenciesOf(service))
      (condition === 'completed' ? completed : called).add(component);
    for (const alternative of itemsOf(extensionOf(service), 'alternatives')) {
      const component = textOf(alternative, 'component');
      if (component !== undefined) called.add(component);
    }
  }
  return { called, completed };
};

/** Those that exist; each missing one is an error, unless it is said not to be required. */
export const checkedDependencies = (
  service: Service,
  names: ReadonlySet<string>,
  inactive: ReadonlyMap<string, readonly string[]>,
  { problems }: Building,
): readonly Dependency[] =>
  dependenciesOf(service).flatMap(({ at, path, ...dependency }) => {
    if (names.has(dependency.component)) return [dependency];
    if (!dependency.required) return [];
    const profiles = inactive.get(dependency.component);
    if (profiles === undefined)
      problems.error(
        at,
        path,
        `there is no component "${dependency.component}"`,
        didYouMean(
          dependency.component,
          names,
          'name a component of this composition, or remove the dependency',
        ),
      );
    else
      problems.error(
        at,
        path,
        `"${dependency.component}" takes part only with profile ${profiles.join(' or ')}`,
        `add --profile ${profiles[0] ?? ''}, or say required: false`,
      );
    return [];
  });

/** Conditions that can never come true. */
export const checkConditions = (
  services: readonly Service[],
  components: Readonly<Record<string, Component>>,
  { problems }: Building,
): void => {
  for (const service of services)
    for (const { component, condition, at, path } of dependenciesOf(service)) {
      const target = Object.hasOwn(components, component) ? components[component] : undefined;
      if (target === undefined) continue;
      if (condition === 'completed' && target.kind !== 'service')
        problems.error(
          at,
          path,
          `"${component}" never completes: it is a ${target.kind}`,
          'wait for service_started or service_healthy',
        );
      if (condition === 'healthy' && target.kind === 'service' && target.probe.kind === 'none')
        problems.error(
          at,
          path,
          `"${component}" is never known to be healthy: it has neither a healthcheck nor a port`,
          `add a healthcheck to "${component}", or wait for service_started`,
        );
    }
};

/** Circles in the dependencies, each told once. */
export const checkCircles = (services: readonly Service[], { problems }: Building): void => {
  const edges = new Map(services.map((service) => [service.name, dependenciesOf(service)]));
  const done = new Set<string>();
  const walk = (name: string, trail: readonly string[]): void => {
    if (done.has(name)) return;
    for (const dependency of edges.get(name) ?? []) {
      const start = [...trail, name].indexOf(dependency.component);
      if (start < 0) walk(dependency.component, [...trail, name]);
      else {
        const circle = [...trail, name].slice(start);
        problems.error(
          dependency.at,
          dependency.path,
          `the dependencies go in a circle: ${[...circle, dependency.component].join(' → ')}`,
          'remove one of them: nothing could start first',
        );
      }
    }
    done.add(name);
  };
  for (const { name } of services) walk(name, []);
};
