/** What Compose says about a container beyond what every component has: handed on to container drivers in the long form. */
import { childMap, child, itemsOf, plain, textOf } from '../source/node.js';
import type { Building, Service } from './service.js';

/** Said elsewhere in the type graph, or used up while it is made. */
const ELSEWHERE = new Set([
  'command',
  'configs',
  'container_name',
  'cpus',
  'depends_on',
  'deploy',
  'develop',
  'entrypoint',
  'env_file',
  'environment',
  'expose',
  'extends',
  'healthcheck',
  'image',
  'label_file',
  'labels',
  'links',
  'mem_limit',
  'mem_reservation',
  'pids_limit',
  'ports',
  'profiles',
  'restart',
  'scale',
  'stop_grace_period',
  'stop_signal',
  'user',
  'working_dir',
]);

export const containerOf = (
  service: Service,
  building: Building,
  entrypoint: readonly string[],
): Record<string, unknown> => {
  const container: Record<string, unknown> = {};
  for (const [key, { value }] of service.node.entries)
    if (!ELSEWHERE.has(key) && !key.startsWith('x-')) container[key] = plain(value);
  // An empty list is an order, too: it removes the image's own.
  if (child(service.node, 'entrypoint') !== undefined) container['entrypoint'] = entrypoint;
  for (const kind of ['secrets', 'configs'] as const) {
    const mounts = itemsOf(service.node, kind).map(plain);
    if (mounts.length > 0) container[kind] = mounts;
  }
  const definitions = definitionsOf(service, building);
  return Object.keys(definitions).length === 0 ? container : { ...container, definitions };
};

/** The top-level entries that this service uses, so that a driver needs nothing but the component. */
const definitionsOf = (service: Service, { root }: Building): Record<string, Record<string, unknown>> => {
  const used = {
    volumes: namedVolumes(service),
    secrets: sources(service, 'secrets'),
    configs: sources(service, 'configs'),
    networks: [...(childMap(service.node, 'networks')?.entries.keys() ?? [])],
  };
  const definitions: Record<string, Record<string, unknown>> = {};
  for (const [section, names] of Object.entries(used))
    for (const name of names) {
      const found = childMap(root, section)?.entries.get(name);
      if (found !== undefined) (definitions[section] ??= {})[name] = plain(found.value) ?? {};
    }
  return definitions;
};

/** What a process has of it: its secrets, which the agent puts into files. */
export const secretsOf = (service: Service, building: Building): Record<string, unknown> => {
  const mounts = itemsOf(service.node, 'secrets').map(plain);
  const { secrets } = definitionsOf(service, building);
  return mounts.length === 0 ? {} : { secrets: mounts, definitions: { secrets: secrets ?? {} } };
};

const sources = (service: Service, kind: 'secrets' | 'configs'): readonly string[] =>
  itemsOf(service.node, kind).flatMap((item) => textOf(item, 'source') ?? []);

export const namedVolumes = (service: Service): readonly string[] =>
  itemsOf(service.node, 'volumes').flatMap((item) =>
    textOf(item, 'type') === 'volume' ? (textOf(item, 'source') ?? []) : [],
  );
