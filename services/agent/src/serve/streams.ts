/** The three streams of the agent: events, use, output. Each ends with its reader and holds no more than it is read. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import { followLog, tailLog } from '@mitosis/actuators';
import { MitosisError, toGrpcStatus, type agent } from '@mitosis/contracts';
import type { Agent } from '../agent.js';
import type { StatsFeed } from './stats-feed.js';

const FOLLOW_EVERY_MS = 100;
const TAIL_LINES_MAX = 10_000;
/** gRPC's own limit of a message is 4 MiB. */
const CHUNK_CHARS = 256 * 1024;

type Stream<Q, R> = ServerWritableStream<Q, R>;

const untilClosed = (call: Stream<unknown, unknown>, end: () => void): void => {
  call.once('cancelled', end);
  call.once('close', end);
  call.once('error', end);
};

const failWith = (call: Stream<never, never>, error: unknown): void => {
  call.emit('error', toGrpcStatus(error));
};

export const watchEvents = (agent: Agent, call: Stream<agent.LevelRef, agent.AgentEvent>): void => {
  void (async () => {
    const level = await agent.level(call.request.level, undefined);
    if (call.cancelled || call.destroyed) return;
    const subscription = level.hub.subscribe(
      { write: (event) => call.write(event), end: () => call.end() },
      level.statuses(),
    );
    call.on('drain', () => subscription.drained());
    untilClosed(call, () => subscription.end());
  })().catch((error: unknown) => failWith(call as Stream<never, never>, error));
};

export const streamStats = (feed: StatsFeed, call: Stream<agent.LevelRef, agent.StatsSample>): void => {
  let behind = false;
  call.on('drain', () => (behind = false));
  const end = feed.read(call.request.level, (sample) => {
    // An old sample is worth nothing: a slow reader misses some.
    if (!behind) behind = !call.write(sample);
  });
  untilClosed(call, end);
};

export const streamLogs = (agent: Agent, call: Stream<agent.LogsRequest, agent.LogChunk>): void => {
  const ending = new AbortController();
  untilClosed(call, () => ending.abort());
  sendLogs(agent, call, ending.signal)
    .then(() => call.end())
    .catch((error: unknown) => failWith(call as Stream<never, never>, error));
};

const sendLogs = async (
  agent: Agent,
  call: Stream<agent.LogsRequest, agent.LogChunk>,
  signal: AbortSignal,
): Promise<void> => {
  const { level: name, id, tailLines, follow } = call.request;
  const level = agent.levels.get(name);
  const dir = level?.outputDirectory(id);
  if (level === undefined || dir === undefined)
    throw new MitosisError('not_found', `no output of ${id} of level ${name} is kept here`);
  const { text, size } = tailLog(dir, Math.min(tailLines, TAIL_LINES_MAX));
  const send = async (part: string): Promise<void> => {
    for (let at = 0; at < part.length && !signal.aborted; at += CHUNK_CHARS) {
      if (!call.write({ id, text: part.slice(at, at + CHUNK_CHARS) })) await drained(call, signal);
    }
  };
  await send(text);
  if (!follow) return;
  await followLog(dir, size, {
    everyMs: FOLLOW_EVERY_MS,
    signal,
    isOver: () => level.instances.get(id) === undefined,
    onText: send,
  });
};

const drained = (call: Stream<unknown, unknown>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
