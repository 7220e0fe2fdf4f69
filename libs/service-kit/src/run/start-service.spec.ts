import {
  KEYS,
  levelPrefix,
  monitor,
  PREFIXES,
  type DecisionRecord,
  type MemberRecord,
} from '@mitosis/contracts';
import { joinLevel, MemoryEtcd, type LeaderSession } from '@mitosis/coordination';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { NEVER } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readServiceConfig } from '../config.js';
import type { FunctionContext, FunctionShell, PassResult } from '../function.js';
import { GrpcPeers } from '../peers/grpc-peers.js';
import type { ServiceDefinition } from '../service.js';
import { SilentLogger } from '../testing/silent-logger.testing.js';
import { startService, type LevelConnection, type RunningService } from './start-service.js';

const SHELL = Symbol('shell');

class TestShell implements FunctionShell {
  readonly fn = 'monitor';
  readonly periodMs = 50;
  passes = 0;
  stopped = false;
  context: FunctionContext | undefined;

  async start(context: FunctionContext): Promise<void> {
    this.context = context;
    context.view(PREFIXES.spec);
  }
  async pass(): Promise<PassResult> {
    this.passes += 1;
    return { kind: 'idle', reason: 'nothing to do' };
  }
  async stop(): Promise<void> {
    this.stopped = true;
  }
  describe(): Readonly<Record<string, unknown>> {
    return { passes: this.passes };
  }
}

@Controller()
class TestController {
  constructor(@Inject(SHELL) private readonly shell: TestShell) {}

  @GrpcMethod('Monitor', 'Snapshot')
  snapshot(): monitor.LevelSnapshot {
    return { level: 'shop', atMs: this.shell.passes, complete: false, components: [] };
  }
  @GrpcMethod('Monitor', 'Watch')
  watch(): typeof NEVER {
    return NEVER;
  }
  @GrpcMethod('Monitor', 'Summary')
  summary(): Partial<monitor.LevelSummary> {
    return {};
  }
}

const definitionOf = (shell: TestShell): ServiceDefinition => ({
  name: 'monitor',
  grpc: { Monitor: monitor.MonitorService },
  create: () => ({
    shell,
    module: {
      module: class {},
      controllers: [TestController],
      providers: [{ provide: SHELL, useValue: shell }],
    },
  }),
});

let etcd: MemoryEtcd;
let peers: GrpcPeers;
let running: { readonly service: RunningService; readonly shell: TestShell; readonly replica: string }[];

beforeEach(() => {
  etcd = new MemoryEtcd();
  peers = new GrpcPeers();
  running = [];
});
afterEach(async () => {
  etcd.stick(false);
  await Promise.all(running.map(({ service }) => service.stop()));
  peers.close();
});

const start = async (replica: string): Promise<(typeof running)[number]> => {
  const config = readServiceConfig({
    MITOSIS_LEVEL: 'shop',
    MITOSIS_INSTANCE: replica,
    MITOSIS_LEASE_TTL_MS: '2000',
    MITOSIS_FUNCTIONS: 'monitor',
  });
  const store = etcd.store(replica, levelPrefix(config.level));
  const connection: LevelConnection = {
    store,
    join: ({ address, member }) => joinLevel({ ...config, store, address, member }),
  };
  const shell = new TestShell();
  const service = await startService({
    config,
    definitions: [definitionOf(shell)],
    connection,
    log: new SilentLogger(),
  });
  const started = { service, shell, replica };
  running.push(started);
  return started;
};

const stop = async (one: (typeof running)[number]): Promise<void> => {
  running = running.filter((other) => other !== one);
  await one.service.stop();
};

const whenLeading = (one: { readonly shell: TestShell }): Promise<LeaderSession> =>
  vi.waitFor(() => one.shell.context?.requireSession() ?? Promise.reject(new Error('not started')), {
    timeout: 5_000,
  });

describe(startService.name, () => {
  it('leads, runs passes and tells who it is', async () => {
    const one = await start('a');
    await whenLeading(one);
    await vi.waitFor(() => expect(one.shell.passes).toBeGreaterThan(1));
    await vi.waitFor(async () => {
      const directory = await peers.call('management', one.service.grpc, 'directory', {});
      expect(directory).toMatchObject({
        level: 'shop',
        members: [{ replica: 'a', grpc: one.service.grpc, http: one.service.http, functions: ['monitor'] }],
        leaders: [{ function: 'monitor', replica: 'a', grpc: one.service.grpc }],
      });
    });
    const status = (await (await fetch(`http://${one.service.http}/status`)).json()) as Record<
      string,
      unknown
    >;
    expect(status).toMatchObject({
      phase: 'running',
      ready: { ok: true },
      functions: [{ function: 'monitor', leading: true, mode: 'run', passes: [{ kind: 'idle' }] }],
    });
    expect((await fetch(`http://${one.service.http}/readyz`)).status).toBe(200);
  });

  it('serves and lives while etcd does not answer, and leads as soon as it does', async () => {
    etcd.stick(true);
    const one = await start('a');
    expect((await fetch(`http://${one.service.http}/healthz`)).status).toBe(200);
    expect((await fetch(`http://${one.service.http}/readyz`)).status).toBe(503);
    expect((await peers.call('monitor', one.service.grpc, 'snapshot', {})).atMs).toBe(0);
    etcd.stick(false);
    await whenLeading(one);
    await vi.waitFor(async () => expect((await fetch(`http://${one.service.http}/readyz`)).status).toBe(200));
  });

  it('hands over at once when it is told to end, and stops its shell', async () => {
    const first = await start('a');
    await whenLeading(first);
    const second = await start('b');
    const beganMs = performance.now();
    const stopping = stop(first);
    await whenLeading(second);
    expect(performance.now() - beganMs).toBeLessThan(1_000);
    await stopping;
    expect(first.shell.stopped).toBe(true);
    await vi.waitFor(() =>
      expect(second.shell.context?.peers.members().map((member: MemberRecord) => member.replica)).toEqual([
        'b',
      ]),
    );
  });

  it('lets only the leader change the mode, names the leader elsewhere, and records the decision', async () => {
    const first = await start('a');
    await whenLeading(first);
    const second = await start('b');
    await vi.waitFor(() => expect(second.shell.context?.peers.leader('monitor')?.replica).toBe('a'));
    const paused = { function: 'monitor', mode: 'paused' };
    await expect(peers.call('management', second.service.grpc, 'setControl', paused)).rejects.toMatchObject({
      code: 'not_leader',
      leader: first.service.grpc,
    });
    await peers.call('management', first.service.grpc, 'setControl', paused);
    await vi.waitFor(() => {
      expect(first.shell.context?.mode()).toBe('paused');
      expect(second.shell.context?.mode()).toBe('paused');
    });
    const ending = new AbortController();
    const seen: DecisionRecord[] = [];
    const request = { function: '', component: '', limit: 0, follow: true };
    const onMessage = ({ json }: { readonly json: string }): number =>
      seen.push(JSON.parse(json) as DecisionRecord);
    peers.stream('management', second.service.grpc, 'decisions', request, { onMessage }, ending.signal);
    await vi.waitFor(() => expect(seen.map(({ change }) => change)).toEqual(['run → paused']));
    await peers.call('management', first.service.grpc, 'setControl', { function: 'monitor', mode: 'run' });
    await vi.waitFor(() =>
      expect(seen.map(({ change }) => change)).toEqual(['run → paused', 'paused → run']),
    );
    ending.abort();
  });

  it('gives leadership up when asked to resign', async () => {
    const first = await start('a');
    await whenLeading(first);
    const second = await start('b');
    await vi.waitFor(() => expect(second.shell.context?.peers.leader('monitor')?.replica).toBe('a'));
    await peers.call('management', first.service.grpc, 'resign', { function: 'monitor' });
    await whenLeading(second);
  });

  it('refuses what does not exist', async () => {
    const one = await start('a');
    await whenLeading(one);
    await expect(
      peers.call('management', one.service.grpc, 'resign', { function: 'health' }),
    ).rejects.toMatchObject({ code: 'not_found' });
    expect(await one.shell.context?.store.get(KEYS.control('monitor'))).toBeUndefined();
  });
});
