import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { instanceId, levelId, levelPrefix } from '@mitosis/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EtcdStore } from './etcd-store.js';
import { eventually, TestEtcd } from './etcd.testing.js';
import type { LeaderProcessArguments, LeaderProcessEvent } from './leader-process.testing.js';
import { joinLevel } from './level-membership.js';
import { TcpProxy } from './tcp-proxy.testing.js';

const TTL_MS = 3_000;
/** A busy machine may be slow, but an expiry of the lease takes longer than this: what is faster did not wait for it. */
const BEFORE_EXPIRY_MS = 1_500;
const PROGRAM = fileURLToPath(new URL('leader-process.testing.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

class LeaderProcess {
  readonly events: LeaderProcessEvent[] = [];
  readonly #child: ChildProcess;

  constructor(
    readonly replica: string,
    endpoint: string,
  ) {
    const args: LeaderProcessArguments = {
      endpoints: [endpoint],
      replica,
      leaseTtlMs: TTL_MS,
      tellActs: true,
    };
    this.#child = spawn(
      process.execPath,
      ['--import', 'tsx', '--conditions', 'mitosis-source', PROGRAM, JSON.stringify(args)],
      { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    if (this.#child.stdout !== null) {
      createInterface(this.#child.stdout).on('line', (line) => {
        this.events.push(JSON.parse(line) as LeaderProcessEvent);
      });
    }
  }

  find(event: LeaderProcessEvent['event']): LeaderProcessEvent | undefined {
    return this.events.find((one) => one.event === event);
  }

  async has(event: LeaderProcessEvent['event'], boundMs = 20_000): Promise<LeaderProcessEvent> {
    await eventually(`${this.replica}: ${event}`, () => this.find(event) !== undefined, boundMs);
    const found = this.find(event);
    if (found === undefined) throw new Error('unreachable');
    return found;
  }

  signal(name: NodeJS.Signals): number {
    const atMs = Number(process.hrtime.bigint()) / 1e6;
    this.#child.kill(name);
    return atMs;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

describe('leadership over etcd and real processes', () => {
  let etcd: TestEtcd;
  let processes: LeaderProcess[] = [];

  const pair = async (endpoint = etcd.url): Promise<readonly [LeaderProcess, LeaderProcess]> => {
    const a = new LeaderProcess('a', endpoint);
    processes.push(a);
    await a.has('first-write');
    const b = new LeaderProcess('b', etcd.url);
    processes.push(b);
    await b.has('standing');
    // Both candidates are known to each other: the one that follows has its eye on the leader.
    await eventually('two candidates', async () => {
      const keys = await etcd.ctl(
        'get',
        '--prefix',
        '--keys-only',
        `${levelPrefix(levelId('leaders'))}election/`,
      );
      return keys.trim().split(/\n+/u).length === 2;
    });
    return [a, b];
  };

  /** All writes of both leaders in etcd's order, as the epochs they were made under. */
  const epochs = async (): Promise<readonly number[]> => {
    const store = new EtcdStore({ endpoints: [etcd.url], prefix: levelPrefix(levelId('leaders')) });
    const { entries } = await store.list('log/');
    await store.close();
    return entries
      .toSorted((x, y) => x.createRevision - y.createRevision)
      .map((entry) => (JSON.parse(entry.value) as { epoch: number }).epoch);
  };

  const expectOneLeaderAtATime = async (): Promise<void> => {
    const all = await epochs();
    expect(all.length).toBeGreaterThan(1);
    expect(all).toEqual(all.toSorted((x, y) => x - y));
    expect(new Set(all).size).toBe(2);
  };

  beforeAll(async () => {
    etcd = await TestEtcd.start();
  });
  const cleanUp = async (): Promise<void> => {
    await Promise.all(processes.map((process) => process.end()));
    processes = [];
    await etcd.ctl('del', '--prefix', 'mitosis/');
  };
  afterEach(cleanUp);
  afterAll(() => etcd.stop());

  it('passes on long before the lease expires when the leader is killed', async () => {
    const [a, b] = await pair();
    const killedAtMs = a.signal('SIGKILL');
    const { atMs } = await b.has('first-write');
    expect(atMs - killedAtMs).toBeLessThan(BEFORE_EXPIRY_MS);
    await expectOneLeaderAtATime();
  });

  it('passes on at once when the leader is told to stop', async () => {
    const [a, b] = await pair();
    const toldAtMs = a.signal('SIGTERM');
    const { atMs } = await b.has('first-write');
    expect(atMs - toldAtMs).toBeLessThan(BEFORE_EXPIRY_MS);
    await expectOneLeaderAtATime();
  });

  it('is over before any further act when the leader goes on after a stop or a blocked event loop', async () => {
    const goOn = { stopped: 'SIGCONT', blocked: undefined } as const;
    for (const [how, signal] of [
      ['stopped', 'SIGSTOP'],
      ['blocked', 'SIGUSR2'],
    ] as const) {
      const [a, b] = await pair();
      const { epoch } = await a.has('act');
      const stoppedAtMs = a.signal(signal);
      const { atMs: succeededAtMs } = await b.has('first-write');
      const resume = goOn[how];
      if (resume !== undefined) a.signal(resume);
      await a.has('ended');
      await eventually('it follows', () => a.events.filter((e) => e.event === 'standing').length > 1);
      const acts = a.events.filter((e) => e.event === 'act' && e.epoch === epoch);
      // Some act may have been under way when the signal came; none comes after the successor's first.
      expect(acts.filter(({ atMs }) => atMs > succeededAtMs)).toEqual([]);
      expect(succeededAtMs - stoppedAtMs).toBeLessThan(TTL_MS + 1_500);
      await expectOneLeaderAtATime();
      await cleanUp();
    }
  });

  it('ends at a black-holed leader before etcd gives it to the other', async () => {
    const proxy = await TcpProxy.start(etcd.port);
    try {
      const [a, b] = await pair(proxy.url);
      proxy.blackHole();
      const cutAtMs = Number(process.hrtime.bigint()) / 1e6;
      const ended = await a.has('ended');
      const leading = await b.has('leading');
      expect(ended.atMs).toBeLessThan(leading.atMs);
      expect(leading.atMs - cutAtMs).toBeLessThan(TTL_MS + 1_500);
      proxy.heal();
      // What the black hole had swallowed arrives now, and the fence refuses it.
      await eventually(
        'the old leader stands again',
        () => a.events.filter((e) => e.event === 'standing').length > 1,
      );
      await expectOneLeaderAtATime();
    } finally {
      await proxy.stop();
    }
  });
});

describe('leadership in one process over etcd', () => {
  let etcd: TestEtcd;
  let proxy: TcpProxy;
  let listeners: Server[] = [];
  const level = levelId('shop');

  const listen = async (): Promise<string> => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      server.once('close', () => socket.destroy());
      socket.resume();
    });
    listeners.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `127.0.0.1:${address.port}`;
  };

  const join = async (replica: string, endpoint: string) => {
    const store = new EtcdStore({ endpoints: [endpoint], prefix: levelPrefix(level) });
    const address = await listen();
    const membership = joinLevel({
      store,
      level,
      incarnation: 1,
      replica: instanceId(replica),
      address,
      leaseTtlMs: TTL_MS,
    });
    return {
      store,
      address,
      membership,
      candidate: membership.stand('placer'),
      close: async () => {
        await membership.close();
        await store.close();
      },
    };
  };

  beforeAll(async () => {
    etcd = await TestEtcd.start();
    proxy = await TcpProxy.start(etcd.port);
  });
  afterEach(() => {
    for (const server of listeners) if (server.listening) server.close();
    listeners = [];
    proxy.heal();
  });
  afterAll(async () => {
    await proxy.stop();
    await etcd.stop();
  });

  it('is never live at two candidates while the leader is black-holed, nor after', async () => {
    const a = await join('a', proxy.url);
    await eventually('a leads', () => a.candidate.session() !== undefined);
    const first = a.candidate.session();
    const b = await join('b', etcd.url);
    await eventually('b follows', () => b.candidate.leader()?.replica === 'a');
    proxy.blackHole();
    let both = 0;
    let checks = 0;
    await eventually('b leads', () => {
      checks++;
      if (first?.isLive() === true && b.candidate.session()?.isLive() === true) both++;
      return b.candidate.session() !== undefined;
    });
    expect(both).toBe(0);
    expect(checks).toBeGreaterThan(10);
    expect(first?.isLive()).toBe(false);
    await expect(first?.commit({ writes: [{ kind: 'put', key: 'x', value: '1' }] })).rejects.toMatchObject({
      code: 'fenced',
    });
    proxy.heal();
    await eventually('a is back', () => a.membership.leaseId() !== undefined);
    await Promise.all([a.close(), b.close()]);
  });

  it('survives that etcd is killed and started again within the lease', async () => {
    const a = await join('a', etcd.url);
    await eventually('a leads', () => a.candidate.session() !== undefined);
    const session = a.candidate.session();
    await etcd.kill();
    await etcd.run();
    await eventually('a write is accepted', async () => {
      if (session?.isLive() !== true) throw new Error('the session ended');
      return session
        .commit({ writes: [{ kind: 'put', key: 'after', value: '1' }] })
        .then(({ kind }) => kind === 'committed')
        .catch(() => false);
    });
    await a.close();
  });

  it('is lost and taken again when a live leader is wrongly taken for dead, without two writers', async () => {
    const a = await join('a', etcd.url);
    await eventually('a leads', () => a.candidate.session() !== undefined);
    const first = a.candidate.session();
    const b = await join('b', etcd.url);
    await eventually('b follows', () => b.candidate.leader()?.replica === 'a');
    const [listener] = listeners;
    // b has its eye on a once the connection is there.
    await eventually(
      'b is connected',
      () =>
        new Promise<boolean>((resolve) => {
          listener?.getConnections((_, count) => resolve(count > 0));
        }),
    );
    listener?.close();
    listener?.emit('close');
    await eventually('b leads', () => b.candidate.session() !== undefined, BEFORE_EXPIRY_MS);
    expect(b.candidate.session()?.epoch.revision).toBeGreaterThan(first?.epoch.revision ?? Infinity);
    await eventually('a knows', () => first?.isLive() === false);
    await expect(first?.commit({})).rejects.toMatchObject({ code: 'fenced' });
    await eventually('a stands again', () => a.membership.leaseId() !== undefined);
    await Promise.all([a.close(), b.close()]);
  });

  it('follows the store into an older snapshot with a new lease', async () => {
    const a = await join('a', etcd.url);
    const path = await etcd.snapshot();
    await eventually('a leads', () => a.candidate.session() !== undefined);
    const first = a.candidate.session();
    for (let n = 0; n < 5; n++) await first?.commit({ writes: [{ kind: 'put', key: `n/${n}`, value: '' }] });
    await etcd.restore(path);
    await eventually('the session is over', () => first?.isLive() === false);
    await eventually('a leads again', () => a.candidate.session() !== undefined, 20_000);
    await a.close();
  });
});
