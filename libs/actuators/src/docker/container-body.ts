/**
 * The body of the Engine API's `POST /containers/create`. Pure: what Mitosis decides (names, ports, limits, labels) and
 * what Compose says besides, field by field. A field that is not named here is not honoured, and the model warns of it.
 */
import type { RunPlan } from '../actuator.js';
import { labelsOf } from './marks.js';
import { mountsOf, texts } from './mounts.js';
import type { RunContainer } from './run-container.js';

type Fields = Readonly<Record<string, unknown>>;
type Json = Record<string, unknown>;

const NANO_CPUS = 1e9;
const LOG_FILES = 2;

export interface BodyInput {
  readonly home: string;
  readonly plan: RunPlan;
  readonly container: RunContainer;
  readonly network: string;
}

export const containerBody = ({ home, plan, container, network }: BodyInput): Json => {
  const { definition } = container;
  return {
    Image: container.image,
    Labels: labelsOf(home, plan),
    Env: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
    ...(plan.command.length > 0 ? { Cmd: plan.command } : {}),
    // An empty list takes the image's own away.
    ...(Array.isArray(definition['entrypoint'])
      ? { Entrypoint: definition['entrypoint'].length === 0 ? [''] : definition['entrypoint'] }
      : {}),
    ...(plan.cwd === '' ? {} : { WorkingDir: plan.cwd }),
    ...(plan.user === '' ? {} : { User: plan.user }),
    StopSignal: container.stopSignal,
    StopTimeout: Math.ceil(container.stopGraceMs / 1_000),
    ...(container.probed ? { Healthcheck: { Test: ['NONE'] } } : {}),
    ExposedPorts: Object.fromEntries(container.ports.map(({ inside }) => [`${inside}/tcp`, {}])),
    ...renamed(definition, {
      hostname: 'Hostname',
      domainname: 'Domainname',
      tty: 'Tty',
      stdin_open: 'OpenStdin',
    }),
    HostConfig: hostConfig(plan, container, network),
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [...container.aliases] } } },
  };
};

const hostConfig = (plan: RunPlan, container: RunContainer, network: string): Json => {
  const { definition } = container;
  return {
    // Health decides about successors; the engine must start nothing by itself.
    RestartPolicy: { Name: 'no' },
    NetworkMode: network,
    PortBindings: Object.fromEntries(
      container.ports.map(({ inside, outside }) => [
        `${inside}/tcp`,
        [{ HostIp: container.host, HostPort: String(outside) }],
      ]),
    ),
    ExtraHosts: [
      ...Object.entries(container.hosts).map(([name, address]) => `${name}:${address}`),
      ...Object.entries(texts(definition['extra_hosts'])).map(([name, address]) => `${name}:${address}`),
    ],
    Mounts: mountsOf(plan.level, definition),
    ...limits(container),
    LogConfig: logConfig(definition, container.logMaxBytes),
    ...tmpfs(definition),
    ...ulimits(definition),
    ...devices(definition),
    ...renamed(definition, HOST_FIELDS),
    ...(definition['pid'] === undefined ? {} : { PidMode: definition['pid'] }),
  };
};

/** Compose's name → the API's, where the value is the same. */
const HOST_FIELDS: Readonly<Record<string, string>> = {
  cap_add: 'CapAdd',
  cap_drop: 'CapDrop',
  cgroup_parent: 'CgroupParent',
  cpu_shares: 'CpuShares',
  cpuset: 'CpusetCpus',
  dns: 'Dns',
  dns_opt: 'DnsOptions',
  dns_search: 'DnsSearch',
  group_add: 'GroupAdd',
  init: 'Init',
  ipc: 'IpcMode',
  mem_swappiness: 'MemorySwappiness',
  oom_kill_disable: 'OomKillDisable',
  oom_score_adj: 'OomScoreAdj',
  privileged: 'Privileged',
  read_only: 'ReadonlyRootfs',
  runtime: 'Runtime',
  security_opt: 'SecurityOpt',
  sysctls: 'Sysctls',
  userns_mode: 'UsernsMode',
};

const renamed = (from: Fields, names: Readonly<Record<string, string>>): Json =>
  Object.fromEntries(
    Object.entries(names).flatMap(([compose, api]) =>
      from[compose] === undefined || from[compose] === null ? [] : [[api, valueOf(compose, from[compose])]],
    ),
  );

const valueOf = (key: string, value: unknown): unknown => {
  if (key === 'sysctls') return texts(value);
  if (key === 'group_add') return Array.isArray(value) ? value.map(String) : [String(value)];
  return value;
};

const limits = ({ cpus, memoryBytes, memoryReservationBytes, pids, definition }: RunContainer): Json => {
  const swap = bytes(definition['memswap_limit']);
  const shared = bytes(definition['shm_size']);
  return {
    ...(cpus > 0 ? { NanoCpus: Math.round(cpus * NANO_CPUS) } : {}),
    // Without an own limit for swap, the engine would allow as much again.
    ...(memoryBytes > 0 ? { Memory: memoryBytes, MemorySwap: swap ?? memoryBytes } : {}),
    ...(memoryReservationBytes > 0 ? { MemoryReservation: memoryReservationBytes } : {}),
    ...(pids > 0 ? { PidsLimit: pids } : {}),
    ...(shared === undefined ? {} : { ShmSize: shared }),
  };
};

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `64m`, `1gb`, `65536`, `-1`. */
const bytes = (value: unknown): number | undefined => {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const [, number, unit = 'b'] = /^(-?\d+(?:\.\d+)?)\s*([bkmgt])?(?:i?b)?$/i.exec(value) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
};

const logConfig = (definition: Fields, maxBytes: number): Json => {
  const said = definition['logging'] as { driver?: string; options?: unknown } | undefined;
  if (said !== undefined && said !== null)
    return { Type: said.driver ?? 'json-file', Config: texts(said.options) };
  return {
    Type: 'json-file',
    Config: {
      'max-size': `${Math.max(64, Math.ceil(maxBytes / LOG_FILES / 1_024))}k`,
      'max-file': String(LOG_FILES),
    },
  };
};

const tmpfs = (definition: Fields): Json => {
  const paths = definition['tmpfs'];
  if (!Array.isArray(paths)) return {};
  return {
    Tmpfs: Object.fromEntries(
      paths.map((one: unknown) => {
        const [path = '', options = ''] = String(one).split(':');
        return [path, options];
      }),
    ),
  };
};

const ulimits = (definition: Fields): Json => {
  const said = definition['ulimits'];
  if (typeof said !== 'object' || said === null) return {};
  return {
    Ulimits: Object.entries(said as Record<string, unknown>).map(([Name, value]) => {
      const { soft, hard } =
        typeof value === 'object' && value !== null
          ? (value as { soft?: unknown; hard?: unknown })
          : { soft: value, hard: value };
      return { Name, Soft: Number(soft ?? hard), Hard: Number(hard ?? soft) };
    }),
  };
};

const devices = (definition: Fields): Json => {
  const said = definition['devices'];
  if (!Array.isArray(said)) return {};
  return {
    Devices: (said as readonly Fields[]).map(({ source, target, permissions }) => ({
      PathOnHost: String(source),
      PathInContainer: String(target ?? source),
      CgroupPermissions: typeof permissions === 'string' && permissions !== '' ? permissions : 'rwm',
    })),
  };
};
