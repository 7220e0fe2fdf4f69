/**
 * What Compose says and Mitosis does not do, on the kind of site the component runs on. Each such field is named in a
 * warning: nothing is dropped in silence. What Mitosis honours is listed, so that a new field of the specification is
 * warned about until somebody decides.
 */
import { child, type Entry, type MapNode } from '../source/node.js';
import type { Problems } from '../problem.js';
import type { Building, Service } from './service.js';

/** Honoured wherever a component runs, or used up while the graph is made. */
const EVERYWHERE = [
  'command',
  'depends_on',
  'deploy',
  'entrypoint',
  'env_file',
  'environment',
  'expose',
  'healthcheck',
  'label_file',
  'labels',
  'ports',
  'profiles',
  'restart',
  'scale',
  'secrets',
  'stop_grace_period',
  'stop_signal',
  'user',
  'working_dir',
  'mem_reservation',
];
/** What a process cannot have, and what it has instead. */
const PROCESS: Readonly<Record<string, string>> = {
  networks: 'processes share the network of their host; remove it',
  volumes: 'processes see the files of their host; give paths with environment',
  configs: 'processes read files of their host; give paths with environment or env_file',
  image: 'x-mitosis.process says that it runs as a process; remove one of the two',
  build: 'x-mitosis.process says that it runs as a process; remove one of the two',
  cpus: 'only placement and scaling take notice of it; run it in a container to have it enforced',
  mem_limit: 'only placement and scaling take notice of it; run it in a container to have it enforced',
  pids_limit: 'run it in a container to have it enforced',
  links: 'the component is started first and reached by <NAME>_URL; use depends_on',
};
/** What Mitosis does otherwise for containers. */
const CONTAINER: Readonly<Record<string, string>> = {
  container_name: 'Mitosis names instances itself, as there may be several; remove it',
  develop: 'Mitosis does not watch sources; run apply after a change',
  external_links:
    'name what is outside as an alternative: x-mitosis: { alternatives: [{ name: …, url: … }] }',
  links: 'every component is reached by its name; remove it or use depends_on',
  models: 'Mitosis runs no models; give their address with environment',
  networks: 'components reach each other through the router, whatever their networks; remove it',
  network_mode: 'components reach each other through the router; remove it',
  post_start: 'run it as a component of its own that others wait for (service_completed_successfully)',
  pre_stop: 'handle the stop signal in the program',
  provider: 'name what it provides as an alternative with its url',
  attach: 'mitosis logs shows the output; remove it',
  extends: 'remove it',
  pull_refresh_after: 'use pull_policy',
  use_api_socket: 'mount the socket as a volume',
};
/** Parts of deploy that Mitosis decides itself. */
const DEPLOY: Readonly<Record<string, string>> = {
  mode: 'use replicas or x-mitosis.scale',
  endpoint_mode: 'the router balances; remove it',
  placement: 'the placer chooses sites by capacity; remove it',
  rollback_config: 'a rollback uses update_config; remove it',
};

export const warnUnsupported = (service: Service, { problems }: Building): void => {
  if (service.kind !== 'service') return warnNotRun(service, problems);
  const remedies = service.driver === 'process' ? PROCESS : CONTAINER;
  const otherwise = 'run it in a container (image: or build:) to have it, or remove it';
  for (const [key, entry] of service.node.entries) {
    if (key.startsWith('x-') || EVERYWHERE.includes(key)) continue;
    const remedy = remedies[key] ?? (service.driver === 'process' ? otherwise : undefined);
    if (remedy !== undefined) warn(service, [key], entry, remedy, problems);
  }
  warnDeploy(service, problems);
};

const warn = (
  service: Service,
  keys: readonly string[],
  { keyAt }: Entry,
  remedy: string,
  problems: Problems,
): void => {
  const what = service.driver === 'process' ? 'for a process' : 'for containers';
  problems.warn(
    keyAt,
    [service.path, ...keys].join('.'),
    `Mitosis does not honour "${keys.join('.')}" ${service.kind === 'service' ? what : `for a ${service.kind}`}`,
    remedy,
  );
};

const entriesAt = (service: Service, ...keys: readonly string[]): MapNode['entries'] => {
  const node = child(service.node, ...keys);
  return node?.kind === 'map' ? node.entries : new Map<string, Entry>();
};

const warnDeploy = (service: Service, problems: Problems): void => {
  for (const [key, entry] of entriesAt(service, 'deploy')) {
    const remedy = DEPLOY[key];
    const usual = key === 'mode' && entry.value.kind === 'scalar' && entry.value.text === 'replicated';
    if (remedy !== undefined && !usual) warn(service, ['deploy', key], entry, remedy, problems);
  }
  if (service.driver === 'process')
    for (const [key, entry] of entriesAt(service, 'deploy', 'resources', 'limits'))
      warn(
        service,
        ['deploy', 'resources', 'limits', key],
        entry,
        PROCESS[{ cpus: 'cpus', memory: 'mem_limit' }[key] ?? 'pids_limit'] ?? '',
        problems,
      );
  for (const key of ['generic_resources', 'devices']) {
    const entry = entriesAt(service, 'deploy', 'resources', 'reservations').get(key);
    if (entry !== undefined)
      warn(service, ['deploy', 'resources', 'reservations', key], entry, 'remove it', problems);
  }
};

/** A child level and a binding run nothing themselves: only these fields mean something. */
const NOT_RUN = new Set(['depends_on', 'labels', 'label_file', 'ports', 'expose', 'profiles']);

const warnNotRun = (service: Service, problems: Problems): void => {
  const remedy =
    service.kind === 'composition'
      ? 'say it in the child composition'
      : 'say it in the component that is an alternative';
  const reported = ['image', 'build', 'command', 'entrypoint'];
  for (const [key, entry] of service.node.entries) {
    const known = key.startsWith('x-') || NOT_RUN.has(key);
    if (!known && !(service.kind === 'binding' && reported.includes(key)))
      warn(service, [key], entry, remedy, problems);
  }
};
