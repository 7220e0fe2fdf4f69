/** A level with three etcd members: each of them killed in turn while an instance has to be replaced. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Host } from '../level/host.js';
import { startLoad } from '../level/load.js';
import { until } from '../level/until.js';

describe('a level with --ha', () => {
  const port = 18_900 + (process.pid % 90);
  const host = new Host();
  const folder = mkdtempSync('/tmp/m-ha-');

  beforeAll(async () => {
    writeFileSync(
      join(folder, 'hello.mjs'),
      `import http from 'node:http';
const server = http.createServer((request, response) => response.end('hello'));
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`,
    );
    writeFileSync(
      join(folder, 'compose.yaml'),
      `name: ha\nservices:\n  hello:\n    command: ["node", "hello.mjs"]\n    ports: ["127.0.0.1:${port}:80"]\n` +
        `    deploy: { replicas: 2 }\n`,
    );
    const up = await host.mitosis('up', '--ha', join(folder, 'compose.yaml'));
    expect(up.code, up.stderr).toBe(0);
  });
  afterAll(async () => {
    await host.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it('runs three members', async () => {
    const [view] = await host.converged(['ha']);
    const members = view!.graph.instances.filter((one) => one.component === 'mitosis-etcd');
    expect(members.map((one) => one.phase)).toEqual(['ready', 'ready', 'ready']);
  });

  it('keeps deciding while each member in turn is killed and comes back', async () => {
    const load = startLoad(`http://127.0.0.1:${port}/`, 30);
    const [view] = await host.converged(['ha']);
    for (const member of view!.graph.instances.filter((one) => one.component === 'mitosis-etcd')) {
      const pids = host.processes().filter((found) => found.instance === member.id);
      pids.forEach((found) => process.kill(found.pid, 'SIGKILL'));
      const victim = (await host.level('ha')).graph.instances.find((one) => one.component === 'hello')!;
      const killed = await host.mitosis('kill', 'ha', victim.id);
      expect(killed.code, killed.stderr).toBe(0);
      await until(
        `${victim.id} is replaced`,
        async () =>
          (await host.level('ha')).graph.instances.every((one) => one.id !== victim.id) ? true : undefined,
        20_000,
      );
      await host.converged(['ha']);
    }
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
    expect(counts.refused).toBe(0);
  });
});
