/** Every service of the one list runs alone, as its own process: it becomes ready, leads its function, and ends when told. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FUNCTION_NAMES } from '@mitosis/contracts';
import { TestEtcd } from '@mitosis/coordination/testing';
import { REPOSITORY } from '../level/host.js';
import { until } from '../level/until.js';

/** What its page promises. */
const documentedMetrics = (name: string): readonly string[] => {
  const page = readFileSync(join(REPOSITORY, 'docs/services', `${name}.md`), 'utf8');
  return [...page.matchAll(/^- `(mitosis_\w+)`$/gm)].flatMap(([, metric]) => metric ?? []);
};

/** The command line reaches it where no agent is. */
const decisionsTold = async (home: string, port: number): Promise<unknown> => {
  const cli = join(REPOSITORY, 'libs/cli/bin/mitosis.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [cli, 'decisions', 'alone', '--json'], {
    env: {
      PATH: process.env['PATH'],
      MITOSIS_HOME: home,
      MITOSIS_LEVEL: 'alone',
      MITOSIS_MANAGERS: `127.0.0.1:${port}`,
    },
  });
  return JSON.parse(stdout);
};

describe('a service alone', () => {
  const folder = mkdtempSync('/tmp/m-alone-');
  let etcd: TestEtcd;
  let child: ChildProcess | undefined;

  beforeAll(async () => {
    etcd = await TestEtcd.start();
  });
  afterEach(() => {
    child?.kill('SIGKILL');
  });
  afterAll(async () => {
    await etcd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(FUNCTION_NAMES.map((name, index) => [name, index] as const))('%s', async (name, index) => {
    const port = 19_700 + index * 10 + (process.pid % 10);
    child = spawn(process.execPath, [join(REPOSITORY, 'services', name, 'dist/main.js')], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        MITOSIS_LEVEL: 'alone',
        MITOSIS_ETCD: etcd.url,
        MITOSIS_HTTP_PORT: String(port),
        MITOSIS_GRPC_PORT: String(port + 100),
        MITOSIS_HOME: folder,
      },
      stdio: 'ignore',
    });
    const status = await until(
      `${name} leads`,
      async () => {
        const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
        const text = await (await fetch(`http://127.0.0.1:${port}/status`)).text();
        return ready.ok && text.includes('"leading":true') ? text : undefined;
      },
      20_000,
    );
    expect(status).toContain(`"function":"${name}"`);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toContain('# TYPE');
    for (const metric of documentedMetrics(name)) expect(metrics).toContain(`# TYPE ${metric} `);
    expect(await decisionsTold(folder, port + 100)).toEqual({ level: 'alone', decisions: [] });
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  });
});
