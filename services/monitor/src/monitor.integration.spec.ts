import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { eventually, TestEtcd } from '@mitosis/coordination/testing';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const here = import.meta.dirname;
let directory: string;
let program: string;
let etcd: TestEtcd;
let processes: Started[] = [];

interface Started {
  readonly replica: string;
  readonly child: ChildProcess;
  readonly lines: Readonly<Record<string, unknown>>[];
  readonly errors: () => string;
}

interface Status {
  readonly ready: { readonly ok: boolean };
  readonly functions: readonly { readonly leading: boolean; readonly passes: readonly unknown[] }[];
}

beforeAll(async () => {
  directory = await mkdtemp('/tmp/m-');
  program = join(directory, 'bundle', 'main.mjs');
  const etcd3 = createRequire(join(here, '../../../libs/coordination/package.json')).resolve('etcd3');
  await cp(join(dirname(etcd3), '../proto'), join(directory, 'proto'), { recursive: true });
  await build({
    entryPoints: [join(here, 'main.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['mitosis-source'],
    logLevel: 'error',
    external: ['@nestjs/websockets', '@nestjs/websockets/*', 'class-validator', 'class-transformer'],
    plugins: [
      {
        name: 'optional packages of Nest',
        setup: (bundle) =>
          bundle.onResolve(
            { filter: /^(ioredis|nats|kafkajs|mqtt|amqplib|amqp-connection-manager|@nats-io\/.*)$/ },
            ({ path }) => ({
              path,
              external: true,
            }),
          ),
      },
    ],
    banner: {
      js: `import { createRequire as r } from 'node:module'; const require = r(import.meta.url);
const __filename = import.meta.filename; const __dirname = import.meta.dirname;`,
    },
  });
  etcd = await TestEtcd.start();
});
afterEach(async () => {
  await Promise.all(processes.map(({ child }) => end(child, 'SIGKILL')));
  processes = [];
});
afterAll(async () => {
  await etcd.stop();
  await rm(directory, { recursive: true, force: true });
});

const start = (replica: string, env: Readonly<Record<string, string>> = {}): Started => {
  const child = spawn(process.execPath, [program], {
    env: {
      PATH: process.env['PATH'],
      MITOSIS_LEVEL: 'shop',
      MITOSIS_INSTANCE: replica,
      MITOSIS_ETCD: etcd.url,
      MITOSIS_LEASE_TTL_MS: '3000',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: Readonly<Record<string, unknown>>[] = [];
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(JSON.parse(part) as Readonly<Record<string, unknown>>);
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const started = { replica, child, lines, errors: () => errors };
  processes.push(started);
  return started;
};

const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> => {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
  return child.exitCode;
};

const httpOf = ({ lines }: Started): string | undefined =>
  lines.find(({ msg }) => msg === 'started')?.['http'] as string | undefined;

const statusOf = async (started: Started): Promise<Status | undefined> => {
  const http = httpOf(started);
  if (http === undefined) return undefined;
  return (await (
    await fetch(`http://${http}/status`, { signal: AbortSignal.timeout(2_000) })
  ).json()) as Status;
};

const leads = async (started: Started): Promise<boolean> =>
  (await statusOf(started))?.functions[0]?.leading === true;

/** Milliseconds until it leads. */
const whenLeading = async (started: Started, boundMs = 10_000): Promise<number> => {
  const beganMs = performance.now();
  await eventually(`${started.replica} leads`, () => leads(started), boundMs);
  return performance.now() - beganMs;
};

describe('the monitor as a process', () => {
  it('leads, runs passes, and hands over within a second when it is told to end', async () => {
    const first = start('a');
    await whenLeading(first);
    await eventually('a pass', async () => ((await statusOf(first))?.functions[0]?.passes.length ?? 0) > 0);
    const second = start('b');
    await eventually('b is ready', async () => (await statusOf(second))?.ready.ok === true);
    expect(await leads(second)).toBe(false);
    const ended = end(first.child, 'SIGTERM');
    expect(await whenLeading(second)).toBeLessThan(1_000);
    expect(await ended).toBe(0);
  });

  it('is succeeded long before its lease runs out when it is killed', async () => {
    const first = start('a');
    await whenLeading(first);
    const second = start('b');
    await eventually('b is ready', async () => (await statusOf(second))?.ready.ok === true);
    await end(first.child, 'SIGKILL');
    expect(await whenLeading(second)).toBeLessThan(2_000);
  });

  it('goes on living and answering while etcd does not answer, and leads again afterwards', async () => {
    const only = start('a');
    await whenLeading(only);
    etcd.freeze(true);
    try {
      await eventually('it has lost its leadership', async () => !(await leads(only)));
      const http = httpOf(only) ?? '';
      expect((await fetch(`http://${http}/healthz`)).status).toBe(200);
    } finally {
      etcd.freeze(false);
    }
    await whenLeading(only, 20_000);
    expect(await end(only.child, 'SIGTERM')).toBe(0);
  });

  it('starts before its etcd and leads when it comes', async () => {
    await etcd.kill();
    const only = start('a');
    await eventually('it serves', () => httpOf(only) !== undefined);
    expect((await fetch(`http://${httpOf(only) ?? ''}/readyz`)).status).toBe(503);
    await etcd.run();
    await whenLeading(only);
  });

  it('ends in time also while etcd does not answer', async () => {
    const only = start('a');
    await whenLeading(only);
    etcd.freeze(true);
    try {
      const beganMs = performance.now();
      expect(await end(only.child, 'SIGTERM')).toBe(0);
      expect(performance.now() - beganMs).toBeLessThan(6_000);
    } finally {
      etcd.freeze(false);
    }
  });

  it('tells a mistake in its environment and ends with 2', async () => {
    const wrong = start('a', { MITOSIS_LEVEL: '', MITOSIS_HTTP_PORT: 'eighty' });
    await once(wrong.child, 'close');
    expect(wrong.child.exitCode).toBe(2);
    expect(wrong.errors()).toContain('MITOSIS_LEVEL is not set');
    expect(wrong.errors()).toContain('MITOSIS_HTTP_PORT="eighty" is wrong (not a whole number)');
  });
});
