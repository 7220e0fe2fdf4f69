/** docs/services/alone.md: the autoscaler as an adviser over a Prometheus, the router over a list; each quite alone. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { autoscaler } from '@mitosis/contracts';
import { freePort, TestEtcd } from '@mitosis/coordination/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startLoad } from '../level/load.js';
import { REPOSITORY } from '../level/host.js';
import { until } from '../level/until.js';
import { writePageFiles } from './outside-pages.js';

const BOUND_MS = 30_000;

/** What a query asks for → what is answered. Others have no series. */
type Figures = Readonly<Record<string, number>>;
const FIGURES: Figures = {
  'count(up': 3,
  'sum(rate(http_request_duration_seconds_count': 60,
  'histogram_quantile(0.5': 0.01,
  'histogram_quantile(0.95': 0.05,
  'histogram_quantile(0.99': 0.09,
  'sum(rate(http_request_duration_seconds_sum': 0.02,
  'sum(rate(process_cpu': 1.5,
  'sum(process_resident': 3e8,
};

const targetsOf = (port: number): Promise<readonly autoscaler.Target[]> => {
  const client = new autoscaler.AutoscalerClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise<readonly autoscaler.Target[]>((resolve, reject) => {
    client.targets({}, (error, reply) => (error === null ? resolve(reply.targets) : reject(error)));
  }).finally(() => client.close());
};

class Prometheus {
  figures: Figures | null = FIGURES;
  private readonly server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const query = new URLSearchParams(body).get('query') ?? '';
      const [, value] = Object.entries(this.figures ?? {}).find(([start]) => query.startsWith(start)) ?? [];
      const result = value === undefined ? [] : [{ metric: {}, value: [Date.now() / 1_000, String(value)] }];
      response
        .writeHead(this.figures === null ? 503 : 200, { 'content-type': 'application/json' })
        .end(
          this.figures === null
            ? '{}'
            : JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }),
        );
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

describe('one service beside a system that exists', () => {
  const folder = mkdtempSync('/tmp/m-out-');
  const log = join(folder, 'log');
  let etcd: TestEtcd;
  let child: ChildProcess | undefined;
  let grpc: number;
  let web: number;
  const closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    etcd = await TestEtcd.start();
  });
  afterEach(async (context) => {
    if (context.task.result?.state === 'fail') process.stderr.write(readFileSync(log, 'utf8'));
    if (child?.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await Promise.all(closing.splice(0).map((close) => close()));
  });
  afterAll(async () => {
    await etcd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const launch = async (service: string, level: string, outside: string): Promise<void> => {
    [grpc, web] = [await freePort(), await freePort()];
    const file = openSync(log, 'w');
    child = spawn(process.execPath, [join(REPOSITORY, 'services', service, 'dist/bundle/main.mjs')], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        MITOSIS_HOME: folder,
        MITOSIS_LEVEL: level,
        MITOSIS_ETCD: etcd.url,
        MITOSIS_OUTSIDE: outside,
        MITOSIS_GRPC_PORT: String(grpc),
        MITOSIS_HTTP_PORT: String(web),
      },
      stdio: ['ignore', file, file],
    });
    closeSync(file);
  };
  const start = async (service: string, level: string, outside: string): Promise<void> => {
    await launch(service, level, outside);
    await until(
      `${service} is ready`,
      async () => (await fetch(`http://127.0.0.1:${web}/readyz`)).ok || undefined,
      BOUND_MS,
    );
  };
  const textOf = async (path: string): Promise<string> =>
    (await fetch(`http://127.0.0.1:${web}${path}`)).text();
  const linesOf = (text: string): number =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes(text)).length;
  const mitosis = async (level: string, ...args: readonly string[]): Promise<string> => {
    const cli = join(REPOSITORY, 'libs/cli/bin/mitosis.mjs');
    const env = {
      PATH: process.env['PATH'],
      MITOSIS_HOME: folder,
      MITOSIS_LEVEL: level,
      MITOSIS_MANAGERS: `127.0.0.1:${grpc}`,
    };
    return (await promisify(execFile)(process.execPath, [cli, ...args], { env })).stdout;
  };
  const keys = async (level: string): Promise<readonly string[]> => {
    const told = await promisify(execFile)(
      'etcdctl',
      [`--endpoints=${etcd.url}`, 'get', '--prefix', `mitosis/${level}/`, '--keys-only'],
      { env: { PATH: process.env['PATH'], ETCDCTL_API: '3' } },
    );
    return told.stdout.split('\n').filter((line) => line !== '');
  };

  it('the autoscaler advises over a Prometheus, with reasons, and writes no target', async () => {
    const prometheus = new Prometheus();
    closing.push(() => prometheus.stop());
    writePageFiles(folder, 'advise', {
      '127.0.0.1:9090': await prometheus.start(),
      'every: 5s': 'every: 1s',
    });
    await start('autoscaler', 'advised', join(folder, 'advise/outside.yaml'));
    const recommended = (count: number): Promise<unknown> =>
      until(
        `${count} are recommended`,
        async () =>
          (await textOf('/metrics')).includes(`mitosis_autoscaler_recommended{component="web"} ${count}`) ||
          undefined,
        BOUND_MS,
      );
    await recommended(6);
    const decided = await until(
      'the advice is told',
      async () => {
        const { decisions } = JSON.parse(await mitosis('advised', 'decisions', 'advised', '--json')) as {
          readonly decisions: readonly Readonly<Record<string, unknown>>[];
        };
        return decisions.find(({ action }) => action === 'scale');
      },
      BOUND_MS,
    );
    expect(decided).toMatchObject({ component: 'web', change: '3 → 6', policy: 'target', applied: false });
    expect(await mitosis('advised', 'decisions', 'advised')).toMatch(/3 → 6/u);
    expect(await mitosis('advised', 'explain', 'advised', 'web')).toMatch(/3 → 6/u);
    expect(await textOf('/status')).toMatch(/"recommended":6/u);
    expect(await targetsOf(grpc)).toMatchObject([
      { component: 'web', count: 6, reason: expect.stringMatching(/rps is at/u) },
    ]);

    // Followed by whoever scales; then more load.
    prometheus.figures = { ...FIGURES, 'count(up': 6 };
    await recommended(6);
    prometheus.figures = { ...FIGURES, 'count(up': 6, 'sum(rate(http_request_duration_seconds_count': 70 };
    await recommended(7);

    // Silence is no idleness: what is there is kept, with one line in the log.
    prometheus.figures = null;
    await until(
      'its figures are unknown',
      async () => (await textOf('/status')).includes('no metrics of 1 of 1') || undefined,
      BOUND_MS,
    );
    await recommended(6);
    expect(linesOf('Prometheus does not answer as it should')).toBe(1);
    const written = await keys('advised');
    expect(written.some((key) => key.includes('/decisions/'))).toBe(true);
    expect(written.filter((key) => /\/(?:targets|spec|endpoints|instances)\//u.test(key))).toEqual([]);
  });

  it('the router carries requests to whom the file lists, and takes changes up without losing one', async () => {
    const backend = async (name: string): Promise<string> => {
      const server = http.createServer((_, response) => response.end(name));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closing.push(async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      });
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    const [a, b, c, acme] = [
      await backend('a'),
      await backend('b'),
      await backend('c'),
      await backend('acme'),
    ];
    const [entry, quotes] = [await freePort(), await freePort()];
    writePageFiles(folder, 'route', {
      '127.0.0.1:8080:8080': `127.0.0.1:${entry}:8080`,
      '127.0.0.1:8081:80': `127.0.0.1:${quotes}:80`,
      '10.0.0.5:8080': a ?? '',
      '10.0.0.6:8080': b ?? '',
      'https://quotes.example': `http://${acme}`,
    });
    const file = join(folder, 'route/outside.yaml');
    await start('router', 'routed', file);
    const ask = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
    const seen = async (port: number, count: number): Promise<ReadonlySet<string>> =>
      new Set(await Promise.all(Array.from({ length: count }, () => ask(port))));
    await until('it listens', async () => (await ask(entry)) !== '' || undefined, BOUND_MS);
    expect(await seen(entry, 50)).toEqual(new Set(['a', 'b']));
    await until(
      'the tenth is there',
      async () => (await seen(quotes, 50)).has('acme') || undefined,
      BOUND_MS,
    );

    const load = startLoad(`http://127.0.0.1:${entry}/`, 50);
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, before.replace(a ?? '', c ?? ''));
    await until(
      'the new one serves and the old one does not',
      async () => {
        const now = await seen(entry, 50);
        return (now.has('c') && !now.has('a')) || undefined;
      },
      BOUND_MS,
    );
    // A mistake changes nothing.
    writeFileSync(file, before.replace('web:', 'wep:'));
    await until(
      'the mistake is told',
      () => linesOf('the file about the outside is wrong') === 1 || undefined,
      BOUND_MS,
    );
    expect(await seen(entry, 50)).toEqual(new Set(['b', 'c']));
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
    expect(await textOf('/metrics')).toMatch(/mitosis_router_requests_total\{[^}]*component="web"/u);
    expect(await textOf('/status')).toContain('"tableFrom":"file"');
  });

  it('says at the start what is wrong in the file', async () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'composition: nowhere.yaml\n');
    await launch('router', 'wrong', file);
    const [code] = (await once(child!, 'exit')) as [number];
    expect(code).toBe(1);
    expect(readFileSync(log, 'utf8')).toMatch(/nowhere\.yaml/u);
  });
});
