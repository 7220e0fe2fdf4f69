/**
 * The routing table as a value: what each listener of this site leads to. Built aside from the level's records, compared
 * with the one in force and swapped whole. Absence of a record means unknown, so what was known stays (ARCHITECTURE.md,
 * rules 4 and 5); only a record that says "none" empties a route.
 */
import type {
  BindingRecord,
  BindingTarget,
  ChildEntryRecord,
  Component,
  ComponentKind,
  Endpoint,
  EndpointsRecord,
  ListenerRecord,
  ListenersRecord,
  RouteRecord,
  SpecRecord,
} from '@mitosis/contracts';

/** What the store says now; `undefined` and missing components mean unknown. */
export interface ObservedRecords {
  readonly spec: SpecRecord | undefined;
  /** Of this router's own site. */
  readonly listeners: ListenersRecord | undefined;
  readonly endpoints: readonly EndpointsRecord[];
  readonly bindings: readonly BindingRecord[];
  readonly routes: readonly RouteRecord[];
  readonly childEntries: readonly ChildEntryRecord[];
}

export interface RoutedComponent {
  readonly kind: ComponentKind;
  readonly ports: readonly { readonly name: string; readonly protocol: 'http' | 'tcp' }[];
  /** It may have no instance, and gets one when requests wait. Absent in tables stored before there was this. */
  readonly fromZero?: boolean;
}

/** The records reduced to what routing needs, by component. This is what the last good table is stored as. */
export interface TableInputs {
  readonly v: 1;
  readonly entry: string | null;
  readonly components: Readonly<Record<string, RoutedComponent>>;
  readonly listeners: readonly ListenerRecord[];
  readonly endpoints: Readonly<Record<string, readonly Endpoint[]>>;
  readonly bindings: Readonly<Record<string, readonly BindingTarget[]>>;
  readonly children: Readonly<Record<string, ChildEntryRecord['endpoints']>>;
  readonly ejections: Readonly<Record<string, RouteRecord['ejected']>>;
}

export interface Table {
  /** By listener name. */
  readonly listeners: Readonly<Record<string, ListenerRecord>>;
  /** By `routeKey`. */
  readonly routes: Readonly<Record<string, Route>>;
}

export interface Route {
  readonly component: string;
  readonly port: string;
  readonly protocol: 'http' | 'tcp';
  /** Requests wait longer: for a first instance to start. */
  readonly fromZero: boolean;
  /** One for a component of its own; one per alternative (and what that leads to) for a binding. */
  readonly choices: readonly Choice[];
}

export interface Choice {
  /** Name of the alternative; empty when there is nothing to choose from. */
  readonly alternative: string;
  /** Share of the route's requests, relative to its siblings; 0: none. */
  readonly weight: number;
  /** Keys of the routes passed on the way to the targets, whose own counters these requests belong to as well. */
  readonly through: readonly string[];
  readonly targets: readonly Target[];
}

export interface Target {
  /** Identity over table swaps: who, and at which address. */
  readonly key: string;
  /** As metrics and ejections call it: instance id, alternative name, or a child entry's `host:port`. */
  readonly name: string;
  /** Instance id when it is one of this level's, else empty. */
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Host header to send; empty: the client's. Set means third party. */
  readonly authority: string;
  /** Prefix of every path, without a trailing slash. */
  readonly basePath: string;
  readonly draining: boolean;
  /** Ejection agreed by the router leader; 0: none. */
  readonly agreedUntilMs: number;
}

export const routeKey = (component: string, port: string): string => `${component}/${port}`;

/** A binding to a binding to …: deeper than any composition nests, shallow enough to end a circle. */
const DEPTH_MAX = 8;

export const NO_INPUTS: TableInputs = {
  v: 1,
  entry: null,
  components: {},
  listeners: [],
  endpoints: {},
  bindings: {},
  children: {},
  ejections: {},
};

/** Takes in what is known now; whatever the store does not mention stays as it was, for components that still exist. */
export const mergeInputs = (previous: TableInputs, observed: ObservedRecords): TableInputs => {
  const components = observed.spec ? routedComponents(observed.spec) : previous.components;
  const keep = <T>(known: Readonly<Record<string, T>>, fresh: readonly (readonly [string, T])[]) =>
    pick({ ...known, ...Object.fromEntries(fresh) }, components);
  return {
    v: 1,
    entry: observed.spec ? observed.spec.typeGraph.entry : previous.entry,
    components,
    listeners: observed.listeners?.listeners ?? previous.listeners,
    endpoints: keep(
      previous.endpoints,
      observed.endpoints.map((record) => [record.component, record.endpoints]),
    ),
    bindings: keep(
      previous.bindings,
      observed.bindings.map((record) => [record.component, record.split]),
    ),
    children: keep(
      previous.children,
      observed.childEntries.map((record) => [record.component, record.endpoints]),
    ),
    // Ejections are advice with an end of their own: without a record there is none.
    ejections: pick(
      Object.fromEntries(observed.routes.map((record) => [record.component, record.ejected])),
      components,
    ),
  };
};

const routedComponents = (spec: SpecRecord): Record<string, RoutedComponent> =>
  Object.fromEntries(
    Object.values(spec.typeGraph.components).map((component) => [component.name, routed(component)]),
  );

const routed = (component: Component): RoutedComponent => ({
  kind: component.kind,
  ports: component.ports.map(({ name, protocol }) => ({ name, protocol })),
  fromZero: component.kind === 'service' && component.scale.min === 0,
});

const pick = <T>(
  from: Readonly<Record<string, T>>,
  keys: Readonly<Record<string, unknown>>,
): Record<string, T> =>
  Object.fromEntries(
    Object.entries(from)
      .filter(([key]) => Object.hasOwn(keys, key))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );

/** The table that follows from the inputs: the same inputs give an equal table. */
export const buildTable = (inputs: TableInputs): Table => {
  const routes: Record<string, Route> = {};
  for (const [component, port, protocol] of portsServed(inputs))
    routes[routeKey(component, port)] = {
      component,
      port,
      protocol,
      fromZero: inputs.components[component]?.fromZero ?? false,
      choices: choicesOf(inputs, component, port, []),
    };
  return {
    listeners: Object.fromEntries(inputs.listeners.map((listener) => [listener.name, listener])),
    routes,
  };
};

/** Equal tables are not swapped: a record rewritten with the same content disturbs nothing. */
export const sameTable = (a: Table, b: Table): boolean => JSON.stringify(a) === JSON.stringify(b);

type ServedPort = readonly [component: string, port: string, protocol: 'http' | 'tcp'];

/** Every port of every component, and those listeners know of that the spec does not name (a child's entry ports). */
const portsServed = (inputs: TableInputs): Iterable<ServedPort> => {
  const ports = new Map<string, ServedPort>();
  for (const [name, component] of Object.entries(inputs.components))
    for (const port of component.ports)
      ports.set(routeKey(name, port.name), [name, port.name, port.protocol]);
  for (const { component, port, protocol } of inputs.listeners)
    if (Object.hasOwn(inputs.components, component))
      ports.set(routeKey(component, port), [component, port, protocol]);
  return ports.values();
};

const choicesOf = (
  inputs: TableInputs,
  component: string,
  port: string,
  path: readonly string[],
): readonly Choice[] => {
  const kind = inputs.components[component]?.kind;
  if (kind === undefined || path.length > DEPTH_MAX || path.includes(component)) return [];
  switch (kind) {
    case 'service':
      return [plainChoice(serviceTargets(inputs, component, port))];
    case 'composition':
      return [plainChoice(childTargets(inputs, component, port))];
    case 'binding':
      break;
  }
  return (inputs.bindings[component] ?? []).flatMap((bound) =>
    boundChoices(inputs, bound, port, [...path, component]),
  );
};

const plainChoice = (targets: readonly Target[]): Choice => ({
  alternative: '',
  weight: 1,
  through: [],
  targets: targets.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
});

const boundChoices = (
  inputs: TableInputs,
  bound: BindingTarget,
  port: string,
  path: readonly string[],
): readonly Choice[] => {
  const { alternative, weight, target } = bound;
  if (target.kind === 'url') {
    const url = urlTarget(alternative, target.url);
    return url ? [{ alternative, weight, through: [], targets: [url] }] : [];
  }
  const innerPort = matchingPort(inputs.components[target.component]?.ports ?? [], port);
  if (innerPort === undefined) return [];
  return choicesOf(inputs, target.component, innerPort, path).map((inner) => ({
    alternative,
    weight: weight * inner.weight,
    through: [routeKey(target.component, innerPort), ...inner.through],
    targets: inner.targets,
  }));
};

/** A binding's port leads to the port of the same name, else to the first one. */
const matchingPort = (ports: readonly { readonly name: string }[], wanted: string): string | undefined =>
  (ports.find(({ name }) => name === wanted) ?? ports[0])?.name;

const serviceTargets = (inputs: TableInputs, component: string, port: string): Target[] =>
  (inputs.endpoints[component] ?? []).flatMap((endpoint) => {
    const number = portNumber(endpoint.ports, port);
    return number === undefined
      ? []
      : [
          {
            ...NEAR,
            key: `${endpoint.instance}@${endpoint.host}:${number}`,
            name: endpoint.instance,
            instance: endpoint.instance,
            host: endpoint.host,
            port: number,
            draining: endpoint.state === 'draining',
            agreedUntilMs: agreedUntil(inputs, component, endpoint.instance),
          },
        ];
  });

/** An instance with a single port serves whatever its component's port is called. */
const portNumber = (ports: Readonly<Record<string, number>>, name: string): number | undefined => {
  const exact = ports[name];
  if (exact !== undefined) return exact;
  const all = Object.values(ports);
  return all.length === 1 ? all[0] : undefined;
};

/**
 * The child's `ready` is not asked: its answer is up to a second old, its own routers hold a request that comes too
 * early, and their sockets refuse nothing.
 */
const childTargets = (inputs: TableInputs, component: string, port: string): Target[] => {
  const endpoints = inputs.children[component] ?? [];
  const name = matchingPort(
    endpoints.map((endpoint) => ({ name: endpoint.port })),
    port,
  );
  return endpoints
    .filter((endpoint) => endpoint.port === name)
    .map(({ host, number }) => ({
      ...NEAR,
      key: `${component}@${host}:${number}`,
      name: `${host}:${number}`,
      instance: '',
      host,
      port: number,
      draining: false,
      agreedUntilMs: agreedUntil(inputs, component, `${host}:${number}`),
    }));
};

const NEAR = { tls: false, authority: '', basePath: '' } as const;

const agreedUntil = (inputs: TableInputs, component: string, name: string): number =>
  Math.max(
    0,
    ...(inputs.ejections[component] ?? [])
      .filter(({ target }) => target === name)
      .map(({ untilMs }) => untilMs),
  );

/** A third party; undefined when the text is no http(s) URL (the model has refused those). */
const urlTarget = (alternative: string, text: string): Target | undefined => {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const tls = url.protocol === 'https:';
  return {
    key: `${alternative}@${url.origin}`,
    name: alternative,
    instance: '',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    tls,
    authority: url.host,
    basePath: url.pathname.replace(/\/+$/, ''),
    draining: false,
    agreedUntilMs: 0,
  };
};
