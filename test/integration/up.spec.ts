/** What a user does first: `up` twice at once, a plain Compose file, `scale`, `apply`, `down`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Host } from '../level/host.js';
import { startLoad } from '../level/load.js';
import { until } from '../level/until.js';

const freePort = (offset: number): number => 19_000 + offset * 100 + (process.pid % 97);

describe('mitosis up', () => {
  let host: Host | undefined;
  let folder: string | undefined;
  afterEach(async () => {
    await host?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('runs a plain Compose file without x-mitosis', async () => {
    host = new Host();
    folder = mkdtempSync('/tmp/m-plain-');
    const port = freePort(1);
    writeFileSync(join(folder, 'hello.mjs'), HELLO);
    writeFileSync(
      join(folder, 'compose.yaml'),
      `services:\n  hello:\n    command: ["node", "hello.mjs"]\n    ports: ["127.0.0.1:${port}:8080"]\n`,
    );
    const up = await host.mitosis('up', join(folder, 'compose.yaml'), '--project-name', 'plain');
    expect(up.code, up.stderr).toBe(0);
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(await answer.text()).toContain('hello');
    await host.converged(['plain']);
    // What a person asks for wins over the file's one instance.
    expect((await host.mitosis('scale', 'plain', 'hello=2')).code).toBe(0);
    await until('two instances ready', async () => (await ready(host!, 'plain')) === 2 || undefined, 20_000);
    const down = await host.mitosis('down', 'plain');
    expect(down.code, down.stderr).toBe(0);
    await until('no process is left', () => host!.processes().length === 0 || undefined, 10_000);
  });

  it('makes one level of two `up` at once', async () => {
    host = new Host();
    folder = mkdtempSync('/tmp/m-twice-');
    writeFileSync(join(folder, 'hello.mjs'), HELLO);
    writeFileSync(
      join(folder, 'compose.yaml'),
      `name: twice\nservices:\n  hello:\n    command: ["node", "hello.mjs"]\n`,
    );
    const both = await Promise.all([1, 2].map(() => host!.mitosis('up', join(folder!, 'compose.yaml'))));
    expect(
      both.map((one) => one.code),
      both.map((one) => one.stderr).join('\n'),
    ).toEqual([0, 0]);
    const [view] = await host.converged(['twice']);
    expect(view!.graph.instances.filter((one) => one.component === 'mitosis-etcd')).toHaveLength(1);
    expect(view!.graph.instances.filter((one) => one.component === 'hello')).toHaveLength(1);
  });

  it('scales, applies a change by rolling update without a failed request, and explains both', async () => {
    host = new Host();
    folder = mkdtempSync('/tmp/m-roll-');
    const port = freePort(2);
    writeFileSync(join(folder, 'hello.mjs'), HELLO);
    const file = join(folder, 'compose.yaml');
    const compose = (greeting: string): string =>
      `name: roll\nservices:\n  hello:\n    command: ["node", "hello.mjs"]\n    environment: { GREETING: ${greeting} }\n` +
      `    ports: ["127.0.0.1:${port}:8080"]\n    deploy: { replicas: 2, update_config: { order: start-first } }\n` +
      `    x-mitosis: { scale: { min: 2, max: 5 } }\n`;
    writeFileSync(file, compose('one'));
    const up = await host.mitosis('up', file);
    expect(up.code, up.stderr).toBe(0);

    const load = startLoad(`http://127.0.0.1:${port}/`, 50);
    expect((await host.mitosis('scale', 'roll', 'hello=4')).code).toBe(0);
    await until('four instances ready', async () => (await ready(host!)) === 4 || undefined, 20_000);
    expect((await host.mitosis('scale', 'roll', 'hello=2')).code).toBe(0);
    await until('two instances left', async () => (await ready(host!)) === 2 || undefined, 30_000);

    writeFileSync(file, compose('two'));
    const applied = await host.mitosis('apply', file);
    expect(applied.code, applied.stderr).toBe(0);
    await until(
      'only the new version answers',
      async () => {
        const answers = await Promise.all(
          Array.from({ length: 8 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text()),
        );
        return answers.every((answer) => answer.includes('two')) || undefined;
      },
      40_000,
    );
    await host.converged(['roll']);
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
    expect(counts.refused).toBe(0);

    const explained = await host.mitosis('explain', 'roll', 'hello', '--json');
    expect(explained.code).toBe(0);
    expect(explained.stdout).toContain('scale');
  });
});

async function ready(host: Host, level = 'roll'): Promise<number> {
  const view = await host.level(level);
  return view.graph.instances.filter((one) => one.component === 'hello' && one.phase === 'ready').length;
}

const HELLO = `import http from 'node:http';
const server = http.createServer((request, response) => response.end('hello ' + (process.env.GREETING ?? '')));
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;
