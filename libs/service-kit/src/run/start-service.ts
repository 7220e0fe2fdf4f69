/**
 * From environment to a running management process: one or several functions, each with its own election, behind one
 * HTTP and one gRPC server. Must never wait for etcd before it serves: a router carries requests, and every process
 * answers its probe, with etcd away.
 */
import { PREFIXES, type FunctionName, type MemberRecord } from '@mitosis/contracts';
import { systemClock, type EtcdMembers, type Membership, type Store } from '@mitosis/coordination';
import { peerCredentials, type TlsIdentity } from '@mitosis/identity';
import { credentials } from '@grpc/grpc-js';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { ServiceConfig } from '../config.js';
import type { Edge } from '../edge/nest-edge.js';
import type { FunctionContext, FunctionShell } from '../function.js';
import type { Logger } from '../logger.js';
import type { CredentialsFor } from '../peers/channels.js';
import { GrpcPeers } from '../peers/grpc-peers.js';
import type { GrpcService, ServiceDefinition, ServiceInstance } from '../service.js';
import { watchAgent } from './agent-watch.js';
import { FunctionRunner } from './function-runner.js';
import { LevelDirectory } from './level-directory.js';
import { ManagedProcess } from './managed-process.js';
import { rehearse } from './rehearsal.js';
import { createRunnerMetrics } from './runner-metrics.js';
import { ViewCache } from './view-cache.js';

/** How a process meets its level; the real one is etcd, tests bring their own. */
export interface LevelConnection {
  readonly store: Store;
  /** Who the members of its cluster are, and how that is changed. */
  readonly etcdMembers?: EtcdMembers;
  /** Must not wait for the store: the membership gets its lease when the store answers. */
  join(options: JoinOptions): Membership;
  /** Pays once for what first calls would cost, which nobody should wait for in a failover. */
  warmUp?(): void;
}

export interface JoinOptions {
  /** gRPC address other candidates see this process by; it listens already. */
  readonly address: string;
  readonly member: Omit<MemberRecord, 'v' | 'replica'>;
}

export interface StartOptions {
  readonly config: ServiceConfig;
  readonly definitions: readonly ServiceDefinition[];
  readonly connection: LevelConnection;
  readonly log: Logger;
  /** Certificate of this process; default: none, for loopback. */
  readonly identity?: TlsIdentity;
  readonly nowMs?: () => number;
  /** Starts this host's agent when it is gone; without it nobody watches over the agent. */
  readonly ensureAgent?: (signal: AbortSignal) => Promise<void>;
}

export interface RunningService {
  readonly grpc: string;
  readonly http: string;
  readonly state: ManagedProcess;
  /** Resigns, stops the shells, leaves the level and closes the servers; bounded. */
  stop(): Promise<void>;
}

const SHELL_STOP_MS = 3_000;
const LEAVE_MS = 1_000;
/** Longer than any process takes to end. */
const STAND_ASIDE_MS = 60_000;

export const startService = async (options: StartOptions): Promise<RunningService> => {
  const { config, definitions, connection, log } = options;
  const nowMs = options.nowMs ?? Date.now;
  const views = new ViewCache(connection.store);
  const directory = new LevelDirectory(
    views.view(PREFIXES.members),
    views.view(PREFIXES.election),
    config.incarnation,
  );
  views.view(PREFIXES.control);
  const registry = new Registry();
  // The default precision of 10 ms would wake an idle process a hundred times a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 250 });
  const metrics = createRunnerMetrics(registry);
  const instances = definitions.map((definition) => ({ definition, instance: definition.create() }));
  const runners = new Map<FunctionName, FunctionRunner>();
  const state = new ManagedProcess({
    config,
    registry,
    store: connection.store,
    views,
    directory,
    runners,
    nowMs,
  });
  for (const { definition, instance } of instances) {
    runners.set(
      definition.name,
      new FunctionRunner({
        shell: instance.shell,
        mode: () => state.mode(definition.name),
        log: log.child({ function: definition.name }),
        metrics,
        nowMs,
      }),
    );
  }
  const identity = options.identity ?? null;
  const peers = new GrpcPeers({
    directory,
    ...(identity === null ? {} : { credentialsFor: credentialsFor(identity) }),
  });
  const edge = await open(config, state, instances, { log, identity });
  const membership = connection.join({
    address: edge.grpc,
    member: memberOf(config, edge, definitions, nowMs()),
  });
  state.joined(membership);
  const ending = new AbortController();
  if (options.ensureAgent !== undefined && config.agent !== '') {
    const { ensureAgent } = options;
    void watchAgent({ address: config.agent, ensureAgent, log, random: Math.random }, ending.signal);
  }
  const starts = [...runners].map(async ([name, runner]) => {
    const context: FunctionContext = {
      level: config.level,
      replica: config.replica,
      site: config.site,
      store: connection.store,
      membership,
      peers,
      log: log.child({ function: name }),
      view: views.view,
      nowMs,
      clock: systemClock,
      random: Math.random,
      config,
      address: edge.grpc,
      ...(connection.etcdMembers === undefined ? {} : { etcdMembers: connection.etcdMembers }),
      metrics: registry,
      mode: () => state.mode(name),
      requireSession: () => runner.requireSession(),
      command: (run) => runner.command(run),
    };
    await runner.shell.start(context, runner.nudge);
    runner.attach(membership.stand(name));
  });
  await Promise.all(starts);
  state.started();
  const shells = [...runners.values()].map(({ shell }) => shell);
  const leads = ({ fn }: FunctionShell): boolean => runners.get(fn)?.status().leading === true;
  void rehearse({ shells, leads, membership, clock: systemClock, log }, ending.signal);
  connection.warmUp?.();
  log.info({ grpc: edge.grpc, http: edge.http, functions: [...runners.keys()] }, 'started');
  return {
    grpc: edge.grpc,
    http: edge.http,
    state,
    stop: async () => {
      state.stopping();
      ending.abort();
      const all = [...runners.values()];
      // First of all, so that a successor acts while this process still ends.
      await within(LEAVE_MS, Promise.all(all.map((runner) => runner.resign(STAND_ASIDE_MS))));
      await Promise.all(all.map((runner) => runner.stop(LEAVE_MS)));
      await Promise.all(
        instances.map(({ definition, instance }) =>
          within(definition.stopBoundMs ?? SHELL_STOP_MS, instance.shell.stop()),
        ),
      );
      await within(LEAVE_MS, membership.close());
      await within(LEAVE_MS, edge.close());
      peers.close();
      views.close();
      await within(LEAVE_MS, connection.store.close());
    },
  };
};

/** The agent of the own host is reached over a socket that only its user can open. */
const credentialsFor = (identity: TlsIdentity): CredentialsFor => {
  const secure = peerCredentials(identity);
  const plain = credentials.createInsecure();
  return (address) => (address.startsWith('unix:') ? plain : secure);
};

const open = async (
  config: ServiceConfig,
  state: ManagedProcess,
  instances: readonly { readonly definition: ServiceDefinition; readonly instance: ServiceInstance }[],
  { log, identity }: { readonly log: Logger; readonly identity: TlsIdentity | null },
): Promise<Edge> => {
  // Loaded here and not at the top: the store connects while Nest loads, and tools import the kit without it.
  const { openEdge } = await import('../edge/nest-edge.js');
  const grpc: Record<string, GrpcService> = {};
  for (const { definition } of instances) Object.assign(grpc, definition.grpc);
  return openEdge({
    host: config.host,
    grpcPort: config.grpcPort,
    httpPort: config.httpPort,
    state,
    modules: instances.map(({ instance }) => instance.module),
    grpc,
    log,
    identity,
  });
};

const memberOf = (
  config: ServiceConfig,
  edge: Edge,
  definitions: readonly ServiceDefinition[],
  startedAtMs: number,
): JoinOptions['member'] => ({
  host: config.host,
  site: config.site,
  pid: process.pid,
  grpc: edge.grpc,
  http: edge.http,
  functions: definitions.map(({ name }) => name),
  startedAtMs,
});

/** Waits for `work`, at most `ms`; a failure while ending is no reason to go on living. */
const within = async (ms: number, work: Promise<unknown>): Promise<void> => {
  let bound: NodeJS.Timeout | undefined;
  await Promise.race([
    work.catch(() => undefined),
    new Promise<void>((resolve) => {
      bound = setTimeout(resolve, ms);
    }),
  ]);
  clearTimeout(bound);
};
