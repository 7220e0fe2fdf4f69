/** The ports of a component: what it listens on and where the router binds it for clients. */
import type { PortSpec } from '@mitosis/contracts';
import { parsePort, parseRange } from '../compose/port-syntax.js';
import { child, itemsOf, type Node, numberOf, textOf } from '../source/node.js';
import { type Building, extensionOf, type Service } from './service.js';

/** Ports inside a container that speak HTTP when nothing says otherwise; others are carried as TCP. */
export const HTTP_PORTS: ReadonlySet<number> = new Set([80, 3000, 5000, 8000, 8080]);
/** Application protocols the router can read; all others are carried as TCP. */
const HTTP_PROTOCOLS = new Set(['http', 'ws']);
const ANY_HOST = '0.0.0.0';

type Protocol = PortSpec['protocol'];

/** The port of a component that names none but is called. */
export const defaultPort = (service: Service): PortSpec => ({
  name: 'default',
  target: 0,
  protocol:
    saidProtocol(service) ?? (service.kind === 'service' && service.driver === 'docker' ? 'tcp' : 'http'),
  published: [],
});

export const portsOf = (service: Service, building: Building): readonly PortSpec[] => {
  const ports = new Map<number, PortSpec>();
  const add = (target: number, protocol: Protocol, published: PortSpec['published']): void => {
    const before = ports.get(target);
    ports.set(target, {
      name: String(target),
      target,
      protocol: before?.protocol ?? protocol,
      published: [...(before?.published ?? []), ...published],
    });
  };
  for (const item of itemsOf(service.node, 'ports')) {
    const target = numberOf(item, 'target') ?? 0;
    if (isRoutable(textOf(item, 'protocol') ?? 'tcp', item, service, building))
      add(
        target,
        protocolOf(service, target, textOf(item, 'app_protocol')),
        publishedOf(item, service, building),
      );
  }
  for (const item of itemsOf(service.node, 'expose')) {
    const found = item.kind === 'scalar' ? parsePort(item.text) : [];
    for (const { target, protocol } of 'wrong' in found ? [] : found)
      if (isRoutable(protocol, item, service, building))
        add(target, protocolOf(service, target, undefined), []);
  }
  return [...ports.values()];
};

const saidProtocol = (service: Service): Protocol | undefined => {
  const said = textOf(extensionOf(service), 'protocol');
  return said === 'http' || said === 'tcp' ? said : undefined;
};

const protocolOf = (service: Service, target: number, appProtocol: string | undefined): Protocol => {
  const said = saidProtocol(service);
  if (said !== undefined) return said;
  if (appProtocol !== undefined) return HTTP_PROTOCOLS.has(appProtocol.toLowerCase()) ? 'http' : 'tcp';
  return service.driver === 'process' || HTTP_PORTS.has(target) ? 'http' : 'tcp';
};

const isRoutable = (protocol: string, item: Node, service: Service, { problems }: Building): boolean => {
  if (protocol.toLowerCase() === 'tcp') return true;
  problems.warn(
    item.at,
    `${service.path}.ports`,
    `the router carries TCP, not ${protocol}: this port is not routed`,
    'remove it, or reach it without Mitosis',
  );
  return false;
};

const publishedOf = (item: Node, service: Service, { problems }: Building): PortSpec['published'] => {
  const text = textOf(item, 'published');
  const warn = (problem: string, remedy: string): void =>
    problems.warn(item.at, `${service.path}.ports`, problem, remedy);
  if (text === undefined) {
    const target = textOf(item, 'target') ?? '';
    warn(
      `port ${target} has no port outside: it is reachable inside only`,
      `write "8080:${target}" to publish it`,
    );
    return [];
  }
  const range = parseRange(text);
  if (range === undefined) {
    problems.error(
      child(item, 'published')?.at ?? item.at,
      `${service.path}.ports`,
      `"${text}" is not a port from 1 to 65535`,
      'write a port such as 8080',
    );
    return [];
  }
  if (range.from !== range.to)
    warn(`of the range ${text} the first port is taken`, `write the port you want: "${range.from}"`);
  const host = textOf(item, 'host_ip') ?? ANY_HOST;
  return [{ host: host === 'localhost' ? '127.0.0.1' : host, port: range.from }];
};

/** The ports of a child level are its entry's; the parent may publish them. */
export const childPorts = (
  service: Service,
  entryPorts: readonly PortSpec[],
  building: Building,
): readonly PortSpec[] => {
  const own = portsOf(service, building);
  for (const port of own)
    if (!entryPorts.some((entry) => isSamePort(entry, port, entryPorts)))
      building.problems.error(
        child(service.node, 'ports')?.at ?? service.at,
        `${service.path}.ports`,
        `the child's entry has no port ${port.target}`,
        `publish one it has: ${entryPorts.map(({ name }) => name).join(', ') || 'it has none'}`,
      );
  return entryPorts.map((entry) => ({
    ...entry,
    published: own
      .filter((port) => isSamePort(entry, port, entryPorts))
      .flatMap(({ published }) => published),
  }));
};

/** An entry that names no port has one all the same, and any number means it. */
const isSamePort = (entry: PortSpec, port: PortSpec, all: readonly PortSpec[]): boolean =>
  entry.target === port.target || (entry.name === 'default' && all.length === 1);
