/**
 * A process that stands for one function and always has work: writes as soon as it leads and every 20 ms after. Started
 * by tests and benchmarks that kill, stop and cut it off; SIGUSR2 blocks its event loop for longer than its lease lives. Arguments: one JSON object (`LeaderProcessArguments`); events
 * come as JSON lines on standard output, with the machine's monotonic time, which all processes share.
 */
import { createServer } from 'node:net';
import { instanceId, levelId, levelPrefix } from '@mitosis/contracts';
import { EtcdStore } from './etcd-store.js';
import { joinLevel } from './level-membership.js';
import type { LeaderSession } from './session.js';

export interface LeaderProcessArguments {
  readonly endpoints: readonly string[];
  readonly replica: string;
  readonly leaseTtlMs: number;
  /** Also tells of each act for which it got a header. */
  readonly tellActs?: boolean;
  /** Default `leaders`. */
  readonly level?: string;
  /** Address it is seen at by others; default 127.0.0.1. */
  readonly host?: string;
}

export interface LeaderProcessEvent {
  readonly event: 'standing' | 'leading' | 'first-write' | 'act' | 'ended' | 'trouble';
  readonly atMs: number;
  readonly epoch?: number;
  readonly detail?: string;
}

const WRITE_MS = 20;
const STALL_MS_MORE = 1_000;

const args = JSON.parse(process.argv[2] ?? '{}') as LeaderProcessArguments;
const level = levelId(args.level ?? 'leaders');
const host = args.host ?? '127.0.0.1';
const tell = (
  event: LeaderProcessEvent['event'],
  rest: Omit<LeaderProcessEvent, 'event' | 'atMs'> = {},
): void => {
  const atMs = Number(process.hrtime.bigint()) / 1e6;
  process.stdout.write(`${JSON.stringify({ event, atMs, ...rest })}\n`);
};

const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.resume();
});

const work = async (session: LeaderSession): Promise<void> => {
  const epoch = session.epoch.revision;
  tell('leading', { epoch });
  session.signal.addEventListener(
    'abort',
    () => tell('ended', { epoch, detail: String(session.signal.reason) }),
    {
      once: true,
    },
  );
  for (let n = 0; session.isLive(); n++) {
    const key = `log/${epoch}-${n}`;
    try {
      session.actHeader('work');
      if (args.tellActs === true) tell('act', { epoch });
      await session.commit({
        writes: [{ kind: 'put', key, value: JSON.stringify({ epoch, replica: args.replica }) }],
      });
      if (n === 0) tell('first-write', { epoch });
    } catch (error) {
      tell('trouble', { epoch, detail: String(error) });
    }
    await new Promise((resolve) => {
      setTimeout(resolve, WRITE_MS);
    });
  }
};

server.listen(0, host, () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const store = new EtcdStore({ endpoints: args.endpoints, prefix: levelPrefix(level) });
  const membership = joinLevel({
    store,
    level,
    incarnation: 1,
    replica: instanceId(args.replica),
    address: `${host}:${address.port}`,
    leaseTtlMs: args.leaseTtlMs,
    onTrouble: (error) => tell('trouble', { detail: String(error) }),
  });
  const candidate = membership.stand('health');
  candidate.onSession((session) => void work(session));
  candidate.onLeaderChange((leader) => {
    if (leader !== undefined) tell('standing', { detail: leader.replica });
  });
  process.on('SIGUSR2', () => {
    const untilMs = performance.now() + args.leaseTtlMs + STALL_MS_MORE;
    while (performance.now() < untilMs);
  });
  process.once('SIGTERM', () => {
    void membership.close().then(() => process.exit(0));
  });
});
