/**
 * What mutual TLS costs on loopback: a unary gRPC call, a write to etcd and the way of a change to a watcher, with and
 * without, side by side in one run (one round of each in turn, so that both meet the same machine). One JSON line a figure.
 * Usage: pnpm bench:tls [rounds]
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  connectivityState,
  credentials,
  experimental,
  Server,
  ServerCredentials,
  type ChannelCredentials,
} from '@grpc/grpc-js';
import { management } from '@mitosis/contracts';
import { EtcdStore } from '@mitosis/coordination';
import { freePort } from '@mitosis/coordination/testing';
import { admitClient, etcdCredentials, listenGuarded, peerCredentials, TlsIdentity } from '@mitosis/identity';
import { Authority, writeTlsDirectory } from '@mitosis/identity/authority';
import { until } from '../level/until.js';
import { print, summary } from './coordination/statistics.js';

const ROUNDS = Number(process.argv[2] ?? '20');
const PER_ROUND = 100;
const HANDSHAKES_PER_ROUND = 5;
const HOUR_MS = 3_600_000;
const BOUND_MS = 20_000;
const KINDS = ['plain', 'tls'] as const;
type Kind = (typeof KINDS)[number];

const folder = mkdtempSync('/tmp/m-b');
const closers: (() => Promise<void> | void)[] = [];
const authority = await Authority.open(join(folder, 'authority'), 'shop');

const directoryOf = async (role: string): Promise<string> => {
  const directory = join(folder, role);
  const name = { level: 'shop', role, id: `${role}-1`, hosts: ['127.0.0.1'], ttlMs: HOUR_MS };
  writeTlsDirectory(directory, await authority.issue(name));
  return directory;
};
const identityOf = async (role: string): Promise<TlsIdentity> => {
  const identity = new TlsIdentity(await directoryOf(role));
  closers.push(() => identity.close());
  return identity;
};
const own = await identityOf('manager');

/** As the services serve it: one small call of `Management`. */
const serve = async (kind: Kind): Promise<number> => {
  const server = new Server();
  server.addService(management.ManagementService, {
    directory: (_call: unknown, answer: (error: null, reply: management.DirectoryReply) => void) =>
      answer(null, management.DirectoryReply.fromPartial({})),
  });
  closers.push(() => server.forceShutdown());
  if (kind === 'plain')
    return new Promise((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  const injector = server.createConnectionInjector(
    experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), []),
  );
  const listener = await listenGuarded({
    identity: await identityOf('health'),
    host: '127.0.0.1',
    port: 0,
    protocols: ['h2'],
    admit: (client) => admitClient({ level: 'shop', role: 'health', id: 'health-1' }, client),
    onConnection: (socket) => injector.injectConnection(socket),
    onRefused: (_remote, reason) => {
      throw new Error(reason);
    },
  });
  closers.push(() => listener.close());
  return listener.port;
};

const dial = (port: number, secured: ChannelCredentials): management.ManagementClient =>
  new management.ManagementClient(`127.0.0.1:${port}`, secured, { 'grpc.use_local_subchannel_pool': 1 });

const call = (client: management.ManagementClient): Promise<void> =>
  new Promise((resolve, reject) => {
    client.directory({}, (error) => (error === null ? resolve() : reject(error)));
  });

/** Ms of what one await takes, so many times. */
const timed = async (times: number, run: (at: number) => Promise<void>): Promise<readonly number[]> => {
  const took: number[] = [];
  for (let at = 0; at < times; at += 1) {
    const startedMs = performance.now();
    await run(at);
    took.push(performance.now() - startedMs);
  }
  return took;
};

const startEtcd = async (kind: Kind): Promise<string> => {
  const [client, peer] = [await freePort(), await freePort()];
  const scheme = kind === 'tls' ? 'https' : 'http';
  const url = `${scheme}://127.0.0.1:${client}`;
  const tls = await directoryOf('etcd');
  const guard = (part: string): readonly string[] => [
    `--${part}client-cert-auth`,
    `--${part}trusted-ca-file=${join(tls, 'level.pem')}`,
    `--${part}cert-file=${join(tls, 'cert.pem')}`,
    `--${part}key-file=${join(tls, 'key.pem')}`,
  ];
  const child: ChildProcess = spawn(
    'etcd',
    [
      '--name=one',
      `--data-dir=${join(folder, `etcd-${kind}`)}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${scheme}://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=${scheme}://127.0.0.1:${peer}`,
      `--initial-cluster=one=${scheme}://127.0.0.1:${peer}`,
      '--logger=zap',
      '--log-level=error',
      ...(kind === 'tls' ? [...guard(''), ...guard('peer-')] : []),
    ],
    { stdio: 'ignore' },
  );
  closers.push(async () => {
    child.kill('SIGKILL');
    await until('etcd has ended', () => child.signalCode !== null || undefined, BOUND_MS);
  });
  return url;
};

const openStore = (kind: Kind, url: string): EtcdStore => {
  const store = new EtcdStore({
    endpoints: [url],
    prefix: 'mitosis/shop/',
    ...(kind === 'tls' ? { credentials: etcdCredentials(own) } : {}),
  });
  closers.push(() => store.close());
  return store;
};

interface Side {
  readonly kind: Kind;
  readonly port: number;
  readonly client: management.ManagementClient;
  readonly store: EtcdStore;
  readonly watcher: EtcdStore;
  readonly took: Record<'handshake' | 'unary' | 'etcd-put' | 'etcd-watch', number[]>;
}

const prepare = async (kind: Kind): Promise<Side> => {
  const port = await serve(kind);
  const client = dial(port, secured(kind));
  const url = await startEtcd(kind);
  const [store, watcher] = [openStore(kind, url), openStore(kind, url)];
  await until('etcd answers', async () => (await store.get('x'), true), BOUND_MS);
  return {
    kind,
    port,
    client,
    store,
    watcher,
    took: { handshake: [], unary: [], 'etcd-put': [], 'etcd-watch': [] },
  };
};
const secured = (kind: Kind): ChannelCredentials =>
  kind === 'tls' ? peerCredentials(own) : credentials.createInsecure();

const put = async (store: EtcdStore, value: string): Promise<void> => {
  await store.txn([], [{ kind: 'put', key: 'bench', value }]);
};

/** From before the write is sent to when another store's view shows it. */
const watched = async ({ store, watcher }: Side): Promise<readonly number[]> => {
  const view = watcher.view('');
  await view.whenSynced();
  const took = await timed(PER_ROUND, async (at) => {
    const value = `${performance.now()} ${at}`;
    const seen = new Promise<void>((resolve) => {
      const end = view.onChange(() => {
        if (view.get('bench')?.value !== value) return;
        end();
        resolve();
      });
    });
    await put(store, value);
    await seen;
  });
  view.close();
  return took;
};

const round = async (side: Side): Promise<void> => {
  const { took, client, store, port, kind } = side;
  took.handshake.push(
    ...(await timed(HANDSHAKES_PER_ROUND, async () => {
      const fresh = dial(port, secured(kind));
      await call(fresh);
      fresh.close();
    })),
  );
  took.unary.push(...(await timed(PER_ROUND, () => call(client))));
  took['etcd-put'].push(...(await timed(PER_ROUND, (at) => put(store, String(at)))));
  took['etcd-watch'].push(...(await watched(side)));
};

try {
  const sides = [await prepare('plain'), await prepare('tls')];
  // The first round warms both and is thrown away.
  for (let at = 0; at <= ROUNDS; at += 1) {
    for (const side of at % 2 === 0 ? sides : sides.toReversed()) {
      if (at === 1) for (const all of Object.values(side.took)) all.length = 0;
      await round(side);
    }
  }
  for (const { kind, took, client } of sides) {
    for (const [what, all] of Object.entries(took))
      print({ bench: `tls-${what}`, by: kind, ...summary(all) });
    if (client.getChannel().getConnectivityState(false) !== connectivityState.READY)
      throw new Error(`${kind}: the connection did not last`);
  }
} finally {
  for (const close of closers.toReversed()) await close();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
