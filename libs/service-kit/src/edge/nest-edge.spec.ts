import { EMPTY as NOTHING, Observable, of } from 'rxjs';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { levelId, MitosisError, monitor, type common } from '@mitosis/contracts';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NotLeaderError } from '../grpc-errors.js';
import { GrpcPeers } from '../peers/grpc-peers.js';
import { SilentLogger } from '../testing/silent-logger.testing.js';
import { openEdge, type Edge } from './nest-edge.js';
import type { ProcessState } from './process-state.js';

const snapshot = (atMs: number): monitor.LevelSnapshot => ({
  level: 'shop',
  atMs,
  complete: true,
  components: [],
});

let failure: unknown;
let watch: Observable<monitor.LevelSnapshot> = NOTHING;

@Controller()
class TestController {
  @GrpcMethod('Monitor', 'Snapshot')
  async snapshot(): Promise<monitor.LevelSnapshot> {
    if (failure !== undefined) throw failure;
    return snapshot(7);
  }

  @GrpcMethod('Monitor', 'Watch')
  watch(): Observable<monitor.LevelSnapshot> {
    return watch;
  }

  @GrpcMethod('Monitor', 'Summary')
  summary(_request: common.Empty): Observable<monitor.LevelSummary> {
    return of(monitor.LevelSummary.fromPartial({ level: 'shop', known: true }));
  }
}

const state = (): ProcessState & { serving: boolean; lives: boolean } => ({
  serving: true,
  lives: true,
  level: levelId('shop'),
  registry: new Registry(),
  serves() {
    return this.serving;
  },
  alive() {
    return { ok: this.lives, reason: this.lives ? 'alive' : 'a pass of health hangs' };
  },
  ready: () => ({ ok: false, reason: 'starting' }),
  status: () => ({ level: 'shop', functions: [] }),
  directory: () => ({ level: 'shop', incarnation: 1, members: [], leaders: [] }),
  decisions: () => NOTHING,
  setControl: () => Promise.reject(new NotLeaderError('127.0.0.1:7', 'health is led by b at 127.0.0.1:7')),
  resign: () => Promise.resolve(),
});

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  failure = undefined;
  watch = NOTHING;
  for (const clean of cleanUps.splice(0).toReversed()) await clean();
});

const open = async (process: ProcessState, grpcPort = 0): Promise<Edge> => {
  const edge = await openEdge({
    host: '127.0.0.1',
    grpcPort,
    httpPort: 0,
    state: process,
    modules: [{ module: TestController, controllers: [TestController] }],
    grpc: { Monitor: monitor.MonitorService },
    log: new SilentLogger(),
    identity: null,
  });
  cleanUps.push(() => edge.close());
  return edge;
};

const dial = (): GrpcPeers => {
  const peers = new GrpcPeers();
  cleanUps.push(() => peers.close());
  return peers;
};

describe('the edge of a process', () => {
  it('serves unary methods of generated services without a .proto file', async () => {
    const edge = await open(state());
    const peers = dial();
    expect(await peers.call('monitor', edge.grpc, 'snapshot', {})).toEqual(snapshot(7));
    expect((await peers.call('monitor', edge.grpc, 'summary', {})).known).toBe(true);
    expect((await peers.call('management', edge.grpc, 'directory', {})).incarnation).toBe(1);
  });

  it('brings the code of an error to the caller, and the leader with it', async () => {
    const edge = await open(state());
    const peers = dial();
    failure = new MitosisError('conflict', 'generation 3 is in force');
    await expect(peers.call('monitor', edge.grpc, 'snapshot', {})).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('generation 3 is in force'),
    });
    failure = new TypeError('x is undefined');
    await expect(peers.call('monitor', edge.grpc, 'snapshot', {})).rejects.toMatchObject({
      code: 'internal',
    });
    await expect(
      peers.call('management', edge.grpc, 'setControl', { function: 'health', mode: 'paused' }),
    ).rejects.toMatchObject({ code: 'not_leader', leader: '127.0.0.1:7' });
    await expect(
      peers.call('management', edge.grpc, 'setControl', { function: 'health', mode: 'off' }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
  });

  it('streams, tells the end of a stream as a break, and stops the source when the reader leaves', async () => {
    const edge = await open(state());
    const peers = dial();
    let subscribers = 0;
    watch = new Observable((subscriber) => {
      subscribers += 1;
      subscriber.next(snapshot(1));
      subscriber.next(snapshot(2));
      return () => {
        subscribers -= 1;
      };
    });
    const seen: number[] = [];
    const leaving = new AbortController();
    peers.stream(
      'monitor',
      edge.grpc,
      'watch',
      {},
      { onMessage: ({ atMs }) => seen.push(atMs) },
      leaving.signal,
    );
    await vi.waitFor(() => expect(seen).toEqual([1, 2]));
    expect(subscribers).toBe(1);
    leaving.abort();
    await vi.waitFor(() => expect(subscribers).toBe(0));
  });

  it('ends a stream with the error of its source', async () => {
    const edge = await open(state());
    const peers = dial();
    let opened = 0;
    watch = new Observable((subscriber) => {
      opened += 1;
      subscriber.error(new MitosisError('exhausted', 'enough'));
    });
    const states: string[] = [];
    const leaving = new AbortController();
    peers.stream(
      'monitor',
      edge.grpc,
      'watch',
      {},
      { onMessage: () => {}, onState: (is) => states.push(is) },
      leaving.signal,
    );
    await vi.waitFor(() => expect(opened).toBeGreaterThan(1));
    leaving.abort();
    expect(states).toContain('broken');
  });

  it('opens a stream again on the process that came back at the same address', async () => {
    const first = await open(state());
    const port = Number(first.grpc.split(':')[1]);
    const peers = dial();
    watch = new Observable((subscriber) => subscriber.next(snapshot(1)));
    let messages = 0;
    const leaving = new AbortController();
    cleanUps.push(() => leaving.abort());
    peers.stream('monitor', first.grpc, 'watch', {}, { onMessage: () => (messages += 1) }, leaving.signal);
    await vi.waitFor(() => expect(messages).toBe(1));
    await first.close();
    await open(state(), port);
    await vi.waitFor(() => expect(messages).toBe(2), { timeout: 5_000 });
  });

  it('answers unavailable until the functions have started, but names the members at once', async () => {
    const process = state();
    process.serving = false;
    const edge = await open(process);
    const peers = dial();
    await expect(peers.call('monitor', edge.grpc, 'snapshot', {})).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('starting'),
    });
    expect((await peers.call('management', edge.grpc, 'directory', {})).level).toBe('shop');
  });

  it('tells probes, Prometheus and people over HTTP', async () => {
    const process = state();
    const edge = await open(process);
    const get = (path: string): Promise<Response> => fetch(`http://${edge.http}${path}`);
    expect((await get('/healthz')).status).toBe(200);
    process.lives = false;
    const dead = await get('/healthz');
    expect([dead.status, await dead.text()]).toEqual([503, 'a pass of health hangs\n']);
    expect((await get('/readyz')).status).toBe(503);
    expect((await get('/metrics')).headers.get('content-type')).toContain('text/plain');
    expect(await (await get('/status')).json()).toEqual({ level: 'shop', functions: [] });
    expect((await get('/nothing')).status).toBe(404);
  });
});

describe(GrpcPeers.name, () => {
  it('ends a call at its deadline and opens the breaker after several of them', async () => {
    const server = new Server();
    let arrived = 0;
    server.addService(monitor.MonitorService, {
      snapshot: () => {
        arrived += 1;
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    cleanUps.push(() => server.forceShutdown());
    const peers = dial();
    const codes: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      await peers
        .call('monitor', `127.0.0.1:${port}`, 'snapshot', {}, { deadlineMs: 20 })
        .catch((error: MitosisError) => codes.push(error.code));
    }
    expect(new Set(codes)).toEqual(new Set(['deadline', 'unavailable']));
    expect(arrived).toBeLessThan(12);
  });

  it('says unavailable at once when nobody listens', async () => {
    const peers = dial();
    await expect(peers.call('monitor', '127.0.0.1:1', 'snapshot', {})).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
  });

  it('leaves the breaker closed when the caller cancels', async () => {
    const edge = await open(state());
    const peers = dial();
    for (let i = 0; i < 20; i += 1) {
      await expect(
        peers.call('monitor', edge.grpc, 'snapshot', {}, { signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({ code: 'deadline' });
    }
    expect((await peers.call('monitor', edge.grpc, 'snapshot', {})).atMs).toBe(7);
  });
});
