/**
 * How the processes of a level's management are started: pure descriptions, used by the command line at the birth of a
 * root, by health for everything after. What is written here must stay readable to the previous release's processes.
 */
import type { InstanceSpec } from './generated/mitosis/v1/agent.js';
import { MANAGEMENT_COMPONENTS } from './functions.js';
import type { InstanceId, LevelId, SiteId } from './ids.js';
import type { TypeGraph } from './type-graph.js';

/** Where the programs are; handed to every management process as MITOSIS_RELEASE (JSON). */
export interface Release {
  readonly version: string;
  /** Node's executable. */
  readonly node: string;
  readonly manager: string;
  readonly router: string;
  readonly agent: string;
  /** etcd's executable. */
  readonly etcd: string;
}

export interface ManagementProcess {
  readonly level: LevelId;
  readonly id: InstanceId;
  readonly release: Release;
  readonly site: SiteId;
  /** gRPC address of the host's agent, `unix:/…` or `host:port`. */
  readonly agent: string;
  /** Comma-separated etcd client URLs, or `{{etcd}}` in a birth. */
  readonly etcd: string;
  /** Decimal, or `{{incarnation}}` in a birth. */
  readonly incarnation: string;
  readonly leaseTtlMs: number;
}

/** What of a level decides how its managers are started. */
export interface ManagedLevel {
  readonly managers: number;
  /** In its composition, those of children not counted. */
  readonly components: number;
}

/** `typeGraph`: nothing while it is unknown. */
export const managedLevel = (
  typeGraph: Pick<TypeGraph, 'management' | 'components'> | null | undefined,
): ManagedLevel => ({
  managers: typeGraph?.management.managers ?? 1,
  components: Object.keys(typeGraph?.components ?? {}).length,
});

const RESTART = { enabled: true, backoffMinMs: 50, backoffMaxMs: 5_000, resetAfterMs: 10_000 };
/** In this time a successor acts; the start of a Node beside it would take a processor from it (docs/coordination.md). */
const SUCCEEDED_BACKOFF_MIN_MS = 400;
/** How long a joining member may take to notice that it was added. */
const JOIN_BACKOFF_MAX_MS = 500;
const LOG_MAX_BYTES = 8 * 1024 * 1024;
/** etcd answers requests above this size with an error long before its own 1.5 MiB default is a danger to memory. */
const ETCD_QUOTA_BYTES = 256 * 1024 * 1024;

/**
 * In MiB. An idle manager of a small level needs no more, and the kernel frees the memory of a dead process before it closes its
 * sockets, by which its successor hears of its end. What is known of a component is replaced each second: the more of them, the more
 * is copied by each collection, which takes a third of a decision on a thousand of them where the space holds but one second's.
 */
const YOUNG_SPACE = { least: 4, most: 128, perComponent: 1 / 8 } as const;

/** Node's option for a level of so many components. */
export const youngSpace = (components: number): string => {
  const { least, most, perComponent } = YOUNG_SPACE;
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, components * perComponent)));
  return `--max-semi-space-size=${Math.min(most, Math.max(least, wanted))}`;
};

const base = (component: string, id: InstanceId, release: Release): InstanceSpec => ({
  id,
  component,
  class: 'management',
  version: release.version,
  driver: 'process',
  command: [],
  workingDir: '{{data}}',
  env: {},
  stopSignal: 'SIGTERM',
  stopGraceMs: 5_000,
  ports: [],
  listeners: [],
  probe: undefined,
  restart: RESTART,
  user: '',
  logMaxBytes: LOG_MAX_BYTES,
  runOnce: false,
});

/** One etcd member. Ports are the agent's to choose and stay the same for the member's life (peers know them). */
export const etcdSpec = (level: LevelId, id: InstanceId, release: Release): InstanceSpec => ({
  ...base(MANAGEMENT_COMPONENTS.etcd, id, release),
  ports: [
    { name: 'client', fixed: 0 },
    { name: 'peer', fixed: 0 },
  ],
  command: [
    release.etcd,
    '--name={{id}}',
    '--data-dir={{data}}/member',
    '--listen-client-urls=http://{{host}}:{{port:client}}',
    '--advertise-client-urls=http://{{host}}:{{port:client}}',
    '--listen-peer-urls=http://{{host}}:{{port:peer}}',
    '--initial-advertise-peer-urls=http://{{host}}:{{port:peer}}',
    '--initial-cluster={{initial-cluster}}',
    '--initial-cluster-state=new',
    `--initial-cluster-token=${level}.{{incarnation}}`,
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=5m',
    '--snapshot-count=10000',
    `--quota-backend-bytes=${ETCD_QUOTA_BYTES}`,
    // One decision changes many records in one fenced transaction; the same number bounds coordination (TXN_OPS_MAX).
    '--max-txn-ops=512',
    '--logger=zap',
    '--log-level=warn',
  ],
  // Small machines share a disk with the application: a slow fsync must not cost the member its leadership.
  env: { GOMAXPROCS: '2', GOGC: '50' },
  probe: {
    kind: 'http',
    command: [],
    port: 'client',
    path: '/health',
    intervalMs: 5_000,
    timeoutMs: 2_000,
    retries: 3,
    startPeriodMs: 10_000,
    startIntervalMs: 100,
  },
});

/**
 * A member that joins a cluster that exists. `peers`: the others as `name=peer URL`. It ends at once, and is started again,
 * until its own peer URL has been added to the cluster.
 */
export const joiningEtcdSpec = (
  level: LevelId,
  id: InstanceId,
  release: Release,
  peers: readonly string[],
): InstanceSpec => {
  const spec = etcdSpec(level, id, release);
  const scheme = peers.some((peer) => peer.includes('=https://')) ? 'https' : 'http';
  const cluster = [...peers, `{{id}}=${scheme}://{{host}}:{{port:peer}}`].join(',');
  return {
    ...spec,
    command: spec.command.map((word) =>
      word.startsWith('--initial-cluster=')
        ? `--initial-cluster=${cluster}`
        : word === '--initial-cluster-state=new'
          ? '--initial-cluster-state=existing'
          : word,
    ),
    restart: { ...RESTART, backoffMaxMs: JOIN_BACKOFF_MAX_MS },
  };
};

const managementEnv = (process: ManagementProcess): Record<string, string> => ({
  MITOSIS_LEVEL: process.level,
  MITOSIS_INSTANCE: process.id,
  MITOSIS_SITE: process.site,
  MITOSIS_ETCD: process.etcd,
  MITOSIS_INCARNATION: process.incarnation,
  MITOSIS_AGENT: process.agent,
  MITOSIS_HOST: '{{host}}',
  MITOSIS_GRPC_PORT: '{{port:grpc}}',
  MITOSIS_HTTP_PORT: '{{port:http}}',
  MITOSIS_LEASE_TTL_MS: String(process.leaseTtlMs),
  MITOSIS_RELEASE: JSON.stringify(process.release),
});

// An end is seen at once without it; this finds the process that hangs, and an idle level has to stay cheap.
const MANAGEMENT_PROBE = {
  kind: 'http',
  command: [],
  port: 'http',
  path: '/healthz',
  intervalMs: 5_000,
  timeoutMs: 2_000,
  retries: 3,
  startPeriodMs: 20_000,
  startIntervalMs: 100,
} as const;

const managementPorts = [
  { name: 'grpc', fixed: 0 },
  { name: 'http', fixed: 0 },
];

/**
 * One `mitosisd` with every function that is no process of its own. Which ones is for its release to say, not for whoever
 * starts it: a leader of the release before must not start this one without the services that were added in it. Of
 * several `managers` one that ended is not started again at once: the others have its work, and need the processor for it.
 */
export const managerSpec = (
  process: ManagementProcess,
  { managers, components }: ManagedLevel,
): InstanceSpec => ({
  ...base(MANAGEMENT_COMPONENTS.manager, process.id, process.release),
  command: [process.release.node, youngSpace(components), process.release.manager],
  env: managementEnv(process),
  ports: managementPorts,
  probe: { ...MANAGEMENT_PROBE, command: [] },
  restart: managers > 1 ? { ...RESTART, backoffMinMs: SUCCEEDED_BACKOFF_MIN_MS } : RESTART,
});

/** One router replica; `listeners` names the sockets it inherits from the agent. */
export const routerSpec = (process: ManagementProcess, listeners: readonly string[]): InstanceSpec => ({
  ...base(MANAGEMENT_COMPONENTS.router, process.id, process.release),
  command: [process.release.node, process.release.router],
  env: managementEnv(process),
  ports: managementPorts,
  listeners: [...listeners],
  // A router drains its own requests before it ends.
  stopGraceMs: 30_000,
  probe: { ...MANAGEMENT_PROBE, command: [] },
});
