/** The gRPC edge of the agent: translation only. */
import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { MitosisError, toGrpcStatus, type agent as api } from '@mitosis/contracts';
import type { Agent } from './agent.js';
import { signalNamed } from './adapters/signals.js';
import type { StatsFeed } from './serve/stats-feed.js';
import { streamLogs, streamStats, watchEvents } from './serve/streams.js';

const unary =
  <Q, R>(work: (request: Q) => Promise<R> | R): handleUnaryCall<Q, R> =>
  (call: ServerUnaryCall<Q, R>, callback: sendUnaryData<R>) =>
    void answer(work, call.request, callback);

const answer = async <Q, R>(
  work: (request: Q) => Promise<R> | R,
  request: Q,
  callback: sendUnaryData<R>,
): Promise<void> => {
  try {
    callback(null, await work(request));
  } catch (error) {
    callback(toGrpcStatus(error), null);
  }
};

export interface ControllerOptions {
  readonly agent: Agent;
  readonly stats: StatsFeed;
  readonly version: string;
  /** Hash of the program this is. */
  readonly program: string;
  readonly resources: { readonly cpus: number; readonly memoryBytes: number };
  /** Ends the process; what runs goes on. */
  readonly end: () => void;
}

export const agentHandlers = ({
  agent,
  stats,
  version,
  program,
  resources,
  end,
}: ControllerOptions): api.AgentServer => ({
  hello: unary(async () => ({ ...(await agent.info()), version, program, ...resources })),
  birth: unary((request: api.BirthRequest) => agent.birth(request)),
  start: unary(async (request: api.StartRequest) => (await levelOf(agent, request.act)).start(request)),
  stop: unary(async (request: api.StopRequest) => (await levelOf(agent, request.act)).stop(request)),
  list: unary(({ level }: api.LevelRef) => {
    const known = agent.levels.get(level);
    return { instances: known?.statuses() ?? [], tombstones: [...(known?.tombstones.ids() ?? [])] };
  }),
  watch: (call) => watchEvents(agent, call),
  ensureListeners: unary(async (request: api.ListenersRequest) => ({
    listeners: await (await levelOf(agent, request.act)).ensureListeners(request),
  })),
  releaseListeners: unary(async (request: api.ListenersRequest) => {
    await (await levelOf(agent, request.act)).releaseListeners(request);
    return {};
  }),
  stats: (call) => streamStats(stats, call),
  logs: (call) => streamLogs(agent, call),
  signal: unary(async (request: api.SignalRequest) => {
    await sendSignal(agent, request);
    return {};
  }),
  purge: unary(async ({ level, volumes = false }: api.PurgeRequest) => ({
    stopped: [...(await agent.purge(level, { volumes }))],
  })),
  restore: unary(async ({ level, file }: api.RestoreRequest) => ({
    incarnation: await agent.restore(level, file),
  })),
  levels: unary(() => ({ levels: agent.livingLevels.map((level) => level.info()) })),
  upgradeEtcd: unary(async ({ level, program: etcd }: api.UpgradeEtcdRequest) => ({
    restarted: [...(await agent.upgradeEtcd(level, etcd))],
  })),
  joinToken: unary(({ level, ttlMs, uses }: api.JoinTokenRequest) => agent.joins.give(level, ttlMs, uses)),
  shutdown: unary(({ force }: api.ShutdownRequest) => {
    const left = agent.livingLevels.map(({ name }) => name);
    if (left.length > 0 && !force)
      throw new MitosisError('fenced', `levels are left on this host: ${left.join(', ')}`);
    end();
    return {};
  }),
});

const levelOf = (agent: Agent, act: api.StartRequest['act']): ReturnType<Agent['level']> => {
  if (act === undefined) throw new MitosisError('invalid_input', 'the request carries no act');
  return agent.level(act.level, act.epoch);
};

const sendSignal = async (agent: Agent, { level, id, signal, group }: api.SignalRequest): Promise<void> => {
  const instance = agent.levels.get(level)?.instances.get(id);
  if (instance === undefined)
    throw new MitosisError('not_found', `there is no instance ${id} of level ${level} here`);
  const name = signalNamed(signal);
  if (name === undefined) throw new MitosisError('invalid_input', `there is no signal ${signal}`);
  if (!(await instance.signal(name, group))) throw new MitosisError('not_found', `${id} does not run`);
};
