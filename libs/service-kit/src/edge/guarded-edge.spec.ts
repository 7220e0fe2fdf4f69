import { mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { levelId, monitor, type common } from '@mitosis/contracts';
import { peerCredentials, TlsIdentity } from '@mitosis/identity';
import { Authority, writeTlsDirectory, type LeafRequest } from '@mitosis/identity/authority';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { Registry } from 'prom-client';
import { EMPTY as NOTHING, of, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Logger } from '../logger.js';
import { GrpcPeers } from '../peers/grpc-peers.js';
import { SilentLogger } from '../testing/silent-logger.testing.js';
import { openEdge, type Edge } from './nest-edge.js';
import type { ProcessState } from './process-state.js';

@Controller()
class TestController {
  @GrpcMethod('Monitor', 'Snapshot')
  snapshot(): monitor.LevelSnapshot {
    return { level: 'shop.catalog', atMs: 7, complete: true, components: [] };
  }
  @GrpcMethod('Monitor', 'Watch')
  watch(): Observable<monitor.LevelSnapshot> {
    return NOTHING;
  }
  @GrpcMethod('Monitor', 'Summary')
  summary(_request: common.Empty): Observable<monitor.LevelSummary> {
    return of(monitor.LevelSummary.fromPartial({ level: 'shop.catalog', known: true }));
  }
}

const state: ProcessState = {
  level: levelId('shop.catalog'),
  registry: new Registry(),
  serves: () => true,
  alive: () => ({ ok: true, reason: 'alive' }),
  ready: () => ({ ok: true, reason: 'ready' }),
  status: () => ({}),
  directory: () => ({ level: 'shop.catalog', incarnation: 1, members: [], leaders: [] }),
  decisions: () => NOTHING,
  setControl: () => Promise.resolve(),
  resign: () => Promise.resolve(),
};

/** Fields of the warnings. */
const warnings = (): Readonly<Record<string, unknown>>[] =>
  log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields);

const HOUR_MS = 3_600_000;
let directory: string;
let shop: Authority;
let log: SilentLogger;
let edge: Edge;
const cleanUps: (() => unknown)[] = [];

const LEAF: LeafRequest = { level: 'shop.catalog', role: 'manager', id: 'm-1', hosts: [], ttlMs: HOUR_MS };
let made = 0;
const identityOf = async (leaf: Partial<LeafRequest>, authority = shop): Promise<TlsIdentity> => {
  const tls = join(directory, `tls-${(made += 1)}`);
  writeTlsDirectory(tls, await authority.issue({ ...LEAF, ...leaf }));
  const identity = new TlsIdentity(tls);
  cleanUps.push(() => identity.close());
  return identity;
};

const open = async (identity: TlsIdentity | null, logger: Logger, host = '127.0.0.1'): Promise<Edge> => {
  const opened = await openEdge({
    host,
    grpcPort: 0,
    httpPort: 0,
    state,
    modules: [{ module: TestController, controllers: [TestController] }],
    grpc: { Monitor: monitor.MonitorService },
    log: logger,
    identity,
  });
  cleanUps.push(() => opened.close());
  return opened;
};

const peersOf = (identity: TlsIdentity | null): GrpcPeers => {
  const secure = identity === null ? credentials.createInsecure() : peerCredentials(identity);
  const peers = new GrpcPeers({ credentialsFor: () => secure });
  cleanUps.push(() => peers.close());
  return peers;
};

/** A client that takes any server of its authority: what is refused is refused by the server. */
const carelessPeersOf = (identity: TlsIdentity): GrpcPeers => {
  const careless = credentials.createFromSecureContext(identity.context, {
    checkServerIdentity: () => undefined,
  });
  const peers = new GrpcPeers({ credentialsFor: () => careless });
  cleanUps.push(() => peers.close());
  return peers;
};

/** Status, or the error's code. */
const get = (path: string, identity: TlsIdentity | null): Promise<number | string> =>
  new Promise((resolve) => {
    const [host = '', port = ''] = edge.http.split(':');
    const tls = identity?.material;
    const request = https.get(
      {
        host,
        port,
        path,
        agent: false,
        ...(tls === undefined ? {} : { ca: tls.authority, cert: tls.certificate, key: tls.key }),
        rejectUnauthorized: tls !== undefined,
        checkServerIdentity: () => undefined,
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'm-'));
  shop = await Authority.open(join(directory, 'shop'), 'shop');
  log = new SilentLogger();
  edge = await open(await identityOf({}), log);
});
afterEach(async () => {
  for (const clean of cleanUps.splice(0).toReversed()) await clean();
  rmSync(directory, { recursive: true, force: true });
});

const told = (): Promise<Readonly<Record<string, unknown>>> =>
  vi.waitFor(() => {
    expect(warnings().length).toBeGreaterThan(0);
    return warnings()[0] ?? {};
  });

describe('an edge behind mutual TLS', () => {
  it('serves its own level over gRPC and HTTP', async () => {
    const router = await identityOf({ role: 'router', id: 'r-1' });
    expect((await peersOf(router).call('monitor', edge.grpc, 'snapshot', {})).atMs).toBe(7);
    expect(await get('/healthz', router)).toBe(200);
    expect(await get('/status', router)).toBe(200);
    expect(warnings()).toEqual([]);
  });

  it('lets agents and people of an upper level in', async () => {
    for (const role of ['agent', 'operator']) {
      const peers = peersOf(await identityOf({ level: 'shop', role, id: 'x' }));
      expect((await peers.call('monitor', edge.grpc, 'snapshot', {})).atMs).toBe(7);
    }
  });

  it('lets the level above make the calls of the hierarchy and no others', async () => {
    const parent = await identityOf({ level: 'shop', id: 'm-9' });
    const peers = peersOf(parent);
    expect((await peers.call('monitor', edge.grpc, 'summary', {})).known).toBe(true);
    await expect(peers.call('monitor', edge.grpc, 'snapshot', {})).rejects.toMatchObject({ code: 'fenced' });
    expect((await told())['reason']).toBe('/mitosis.v1.Monitor/Snapshot is not for the level above');
    expect(await get('/status', parent)).toBe('ECONNRESET');
  });

  const refused = {
    'without a certificate': [() => Promise.resolve(null), 'it showed no certificate'],
    'with one that expired': [() => identityOf({ ttlMs: 1 }), 'its certificate has expired'],
    'of another level': [
      () => identityOf({ level: 'shop.cart', id: 'm-7' }),
      'its certificate names mitosis://shop.cart/manager/m-7; this is level shop.catalog',
    ],
    'of an etcd member': [
      () => identityOf({ role: 'etcd', id: 'e-1' }),
      'its certificate names mitosis://shop.catalog/etcd/e-1; etcd members call only each other',
    ],
  } as const;
  for (const [who, [identity, reason]] of Object.entries(refused)) {
    it(`refuses a client ${who} with one line`, async () => {
      const client = await identity();
      const call =
        client === null
          ? get('/healthz', null)
          : carelessPeersOf(client).call('monitor', edge.grpc, 'snapshot', {}, { deadlineMs: 3_000 });
      await expect(
        Promise.resolve(call).then(
          (value) => value,
          () => 'refused',
        ),
      ).resolves.toMatch(/refused|ECONNRESET|ERR_SSL/u);
      const line = await told();
      expect(line).toMatchObject({ reason, edge: client === null ? 'http' : 'grpc' });
      expect(await get('/healthz', client)).not.toBe(200);
      expect(warnings().filter((one) => one['edge'] === line['edge'])).toHaveLength(1);
    });
  }

  it('refuses a certificate of another authority, though its name is right', async () => {
    const foreign = await Authority.open(join(directory, 'foreign'), 'shop');
    const stranger = await identityOf({}, foreign);
    const trusting = new TlsIdentity(stranger.directory);
    cleanUps.push(() => trusting.close());
    expect(await get('/healthz', stranger)).not.toBe(200);
    await expect(peersOf(stranger).call('monitor', edge.grpc, 'snapshot', {})).rejects.toMatchObject({
      code: expect.stringMatching(/unavailable|deadline/u),
    });
  });

  it('is itself recognized by its name: a client of another level does not talk to it', async () => {
    const cart = await identityOf({ level: 'shop.cart', id: 'm-7' });
    await expect(peersOf(cart).call('monitor', edge.grpc, 'snapshot', {})).rejects.toMatchObject({
      message: expect.stringContaining("the server's certificate names mitosis://shop.catalog/manager/m-1"),
    });
  });

  it('says nothing of whoever only looks whether it lives', async () => {
    const [host = '', port = ''] = edge.grpc.split(':');
    await new Promise<void>((resolve) => {
      const socket = connectTcp(Number(port), host, () => {
        socket.destroy();
        resolve();
      });
    });
    const router = await identityOf({ role: 'router', id: 'r-1' });
    await peersOf(router).call('monitor', edge.grpc, 'snapshot', {});
    expect(warnings()).toEqual([]);
  });

  it('goes on with renewed certificates on both sides, without a new start', async () => {
    const mine = await identityOf({ id: 'm-5' });
    const served = await identityOf({ id: 'm-6' });
    const renewing = await open(served, log);
    const peers = peersOf(mine);
    await peers.call('monitor', renewing.grpc, 'snapshot', {});
    // Another authority altogether: what was shown before is accepted by nobody any more.
    const next = await Authority.open(join(directory, 'next'), 'shop');
    for (const [identity, id] of [
      [mine, 'm-5'],
      [served, 'm-6'],
    ] as const) {
      writeTlsDirectory(identity.directory, await next.issue({ ...LEAF, id }));
      expect(identity.look()).toBe(true);
    }
    const fresh = peersOf(mine);
    expect((await fresh.call('monitor', renewing.grpc, 'snapshot', {})).atMs).toBe(7);
    expect((await peers.call('monitor', renewing.grpc, 'snapshot', {})).atMs).toBe(7);
    const old = peersOf(await identityOf({ id: 'm-8' }));
    await expect(old.call('monitor', renewing.grpc, 'snapshot', {})).rejects.toThrow();
  });

  it('binds nothing beyond loopback without a certificate', async () => {
    await expect(open(null, log, '0.0.0.0')).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('MITOSIS_TLS_DIR'),
    });
  });
});
