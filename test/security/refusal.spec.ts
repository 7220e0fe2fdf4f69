/**
 * Each service, the agent and etcd, bound where other machines could reach them: they come up with certificates and not
 * without, serve their own level, and refuse every stranger at every port with one clear line and nothing else.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, openSync, closeSync, rmSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agent, FUNCTION_NAMES } from '@mitosis/contracts';
import { freePort } from '@mitosis/coordination/testing';
import { TLS_FILES, TlsIdentity, type PeerName } from '@mitosis/identity';
import { REPOSITORY, Host } from '../level/host.js';
import { until } from '../level/until.js';
import { Certificates, knock, type Stranger } from './strangers.js';

const LEVEL = 'shop.cart';
const REFUSED = 'a client was refused';

const folder = mkdtempSync('/tmp/m-');
const children: ChildProcess[] = [];
let certificates: Certificates;
let operator: TlsIdentity;

interface Service {
  readonly grpc: number;
  readonly http: number;
  readonly log: string;
}
const services = new Map<string, Service>();
let etcd = { client: 0, peer: 0, log: '' };

const nameOf = (role: string): PeerName => ({ level: LEVEL, role, id: `${role}-1` });

const run = (
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  log: string,
): ChildProcess => {
  const file = openSync(log, 'a');
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  children.push(child);
  return child;
};

const startEtcd = async (): Promise<void> => {
  const tls = await certificates.issue(nameOf('etcd'));
  etcd = { client: await freePort(), peer: await freePort(), log: join(folder, 'etcd.log') };
  const [client, peer] = [`https://127.0.0.1:${etcd.client}`, `https://127.0.0.1:${etcd.peer}`];
  const guard = (prefix: string): string[] => [
    `--${prefix}client-cert-auth`,
    `--${prefix}trusted-ca-file=${join(tls, TLS_FILES.levelAuthority)}`,
    `--${prefix}cert-file=${join(tls, TLS_FILES.certificate)}`,
    `--${prefix}key-file=${join(tls, TLS_FILES.key)}`,
  ];
  run(
    [
      'etcd',
      '--name=one',
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=one=${peer}`,
      '--logger=zap',
      '--log-level=warn',
      ...guard(''),
      ...guard('peer-'),
    ],
    {},
    etcd.log,
  );
};

const startService = async (role: string): Promise<void> => {
  const service = { grpc: await freePort(), http: await freePort(), log: join(folder, `${role}.log`) };
  services.set(role, service);
  run(
    [process.execPath, join(REPOSITORY, 'services', role, 'dist/main.js')],
    {
      MITOSIS_LEVEL: LEVEL,
      MITOSIS_INSTANCE: `${role}-1`,
      MITOSIS_ETCD: `https://127.0.0.1:${etcd.client}`,
      MITOSIS_HOST: '0.0.0.0',
      MITOSIS_GRPC_PORT: String(service.grpc),
      MITOSIS_HTTP_PORT: String(service.http),
      MITOSIS_HOME: folder,
      MITOSIS_TLS_DIR: await certificates.issue(nameOf(role)),
    },
    service.log,
  );
};

const linesOf = (log: string, pattern: RegExp | string): string[] =>
  (existsSync(log) ? readFileSync(log, 'utf8') : '')
    .split('\n')
    .filter((line) => line.match(pattern) !== null);

interface Line {
  readonly edge: string;
  readonly reason: string;
}
const refusalsOf = (log: string): Line[] => linesOf(log, REFUSED).map((line) => JSON.parse(line) as Line);

/** What the log says of each stranger. */
const REASONS: Readonly<Record<string, RegExp>> = {
  'without a certificate': /it showed no certificate/u,
  'with an expired certificate': /its certificate has expired/u,
  'of another level': /its certificate names mitosis:\/\/shop\.other\//u,
  'of another authority': /unknown authority|wrong signature/u,
};

/** Knocks twice as each stranger: refused both times, told once. */
const expectRefused = async (
  strangers: readonly Stranger[],
  at: {
    readonly port: number;
    readonly protocol: 'h2' | 'http/1.1';
    readonly edge: string;
    readonly log: string;
  },
): Promise<void> => {
  for (const { who, identity } of strangers) {
    for (let time = 0; time < 2; time += 1)
      expect(await knock(at.port, identity, at.protocol), who).toMatchObject({ served: false });
    const mine = (): Line[] =>
      refusalsOf(at.log).filter(
        ({ edge, reason }) => edge === at.edge && (REASONS[who] ?? /^$/u).test(reason),
      );
    await until(`a line about the client ${who}`, () => mine().length > 0 || undefined, 5_000);
    expect(mine(), who).toHaveLength(1);
  }
  expect(refusalsOf(at.log).filter(({ edge }) => edge === at.edge)).toHaveLength(strangers.length);
};

beforeAll(async () => {
  certificates = await Certificates.in(folder);
  operator = new TlsIdentity(await certificates.issue({ level: 'shop', role: 'operator', id: 'me' }));
  await startEtcd();
  for (const role of FUNCTION_NAMES) await startService(role);
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('a service that other machines can reach', () => {
  it.each(FUNCTION_NAMES)('%s leads over mutual TLS and refuses strangers', async (role) => {
    const service = services.get(role);
    if (service === undefined) throw new Error(`${role} was not started`);
    await until(
      `${role} is ready`,
      async () =>
        (await knock(service.http, operator, 'http/1.1', '/readyz')).how.includes('200') || undefined,
      60_000,
    );
    expect(await knock(service.grpc, operator, 'h2')).toMatchObject({ served: true });
    const strangers = await certificates.strangers(nameOf('router'));
    await expectRefused(strangers, { port: service.grpc, protocol: 'h2', edge: 'grpc', log: service.log });
    await expectRefused(strangers, {
      port: service.http,
      protocol: 'http/1.1',
      edge: 'http',
      log: service.log,
    });
    // And nothing else: no stack, no error beside the lines about them.
    expect(linesOf(service.log, /"level":(?:50|60)|    at /u)).toEqual([]);
  });

  it('does not start without a certificate, and says what to do', async () => {
    const log = join(folder, 'bare.log');
    const child = run(
      [process.execPath, join(REPOSITORY, 'services/placer/dist/main.js')],
      { MITOSIS_LEVEL: LEVEL, MITOSIS_HOST: '0.0.0.0', MITOSIS_HOME: folder },
      log,
    );
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).toBe(2);
    expect(readFileSync(log, 'utf8')).toMatch(
      /0\.0\.0\.0 can be reached from other machines.*MITOSIS_TLS_DIR/u,
    );
  });
});

describe('etcd', () => {
  it.each(['client', 'peer'] as const)(
    'refuses strangers at its %s port, with one line each',
    async (kind) => {
      const strangers = await certificates.strangers(nameOf('router'));
      const rejected = (): string[] => linesOf(etcd.log, /rejected connection/u);
      const before = rejected().length;
      const path = kind === 'client' ? '/health' : '/members';
      expect(
        await knock(etcd[kind], new TlsIdentity(await certificates.issue(nameOf('etcd'))), 'http/1.1', path),
      ).toMatchObject({
        served: true,
      });
      let refused = 0;
      for (const { who, identity } of strangers) {
        expect(await knock(etcd[kind], identity, 'http/1.1', path), who).toMatchObject({ served: false });
        refused += 1;
        await until(
          `a line about the client ${who}`,
          () => rejected().length === before + refused || undefined,
          5_000,
        );
      }
      expect(rejected().slice(before).join('\n')).toMatch(
        /didn't provide a certificate|certificate has expired/u,
      );
    },
  );
});

/** How many instances the agent lists of a level. Rejects as the call does. */
const listInstances = (port: number, as: TlsIdentity, level: string): Promise<number> => {
  const { authority, key, certificate } = as.material;
  // Takes any server, so that what refuses it is the server.
  const any = { checkServerIdentity: () => undefined };
  const client = new agent.AgentClient(
    `127.0.0.1:${port}`,
    credentials.createSsl(Buffer.from(authority), Buffer.from(key), Buffer.from(certificate), any),
  );
  return new Promise<number>((resolve, reject) => {
    client.list({ level }, (error, reply) =>
      error === null ? resolve(reply.instances.length) : reject(error),
    );
  }).finally(() => client.close());
};

describe('the agent', () => {
  it('serves other hosts over mutual TLS, and refuses strangers', async () => {
    const port = await freePort();
    const guarded = new Host({ MITOSIS_TLS: 'on', MITOSIS_AGENT_LISTEN: `0.0.0.0:${port}` });
    try {
      const compose = join(REPOSITORY, 'test/security/one.yaml');
      const up = await guarded.mitosis('up', compose);
      expect(up.code, up.stderr).toBe(0);
      const home = guarded.home;
      const mine = new TlsIdentity(join(home, 'tls/shop/operator'));
      const log = join(home, 'agent.log');
      expect(await knock(port, mine, 'h2')).toMatchObject({ served: true });
      // Of the authority that the agent made.
      const made = await Certificates.in(home, join(home, 'authority/shop'));
      const right = { level: 'shop', role: 'manager', id: 'm-1' };
      const all = await made.strangers(right);
      // The agent of a root serves every level in it: what a call is about is judged with the call.
      const strangers = all.filter(({ who }) => who !== 'of another level');
      await expectRefused(strangers, { port, protocol: 'h2', edge: 'agent', log });
      const other = all.find(({ who }) => who === 'of another level')?.identity;
      await expect(listInstances(port, other!, 'shop')).rejects.toMatchObject({ code: 7 });
      expect(await listInstances(port, mine, 'shop')).toBeGreaterThan(0);
      const told = linesOf(log, REFUSED).filter((line) => line.includes('of shop.other may not touch shop'));
      expect(told).toHaveLength(1);
    } finally {
      await guarded.dispose();
    }
  });
});
