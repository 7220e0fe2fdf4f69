/**
 * A level with three etcd members: each of them killed in turn while an instance has to be replaced; then two of them
 * stopped for longer than any lease.
 */
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

  it('serves on without quorum, and decides again with it', async () => {
    const load = startLoad(`http://127.0.0.1:${port}/`, 30);
    const answers = (more: number): Promise<true> => {
      const wanted = load.counts.ok + more;
      return until(`${more} answers`, () => load.counts.ok >= wanted || undefined, 40_000);
    };
    const [view] = await host.converged(['ha']);
    const two = view!.graph.instances.filter((one) => one.component === 'mitosis-etcd').slice(0, 2);
    const members = host.processes().filter((found) => two.some((one) => one.id === found.instance));
    const hellos = host.processes().filter((found) => found.instance.startsWith('hello-'));
    members.forEach((found) => process.kill(found.pid, 'SIGSTOP'));
    try {
      // Ten seconds, longer than any lease: nobody leads, and nothing is taken for gone.
      await answers(300);
      const left = new Set(host.processes().map(({ pid }) => pid));
      expect(hellos.every(({ pid }) => left.has(pid))).toBe(true);
      // Nobody can replace it now; the routers lead around it.
      hellos
        .filter(({ instance }) => instance === hellos[0]!.instance)
        .forEach(({ pid }) => process.kill(pid, 'SIGKILL'));
      await answers(100);
    } finally {
      members.forEach((found) => process.kill(found.pid, 'SIGCONT'));
    }
    await until(
      `${hellos[0]!.instance} is replaced`,
      async () =>
        (await host.level('ha')).graph.instances.every((one) => one.id !== hellos[0]!.instance) || undefined,
      60_000,
    );
    await host.converged(['ha'], 60_000);
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
    expect(counts.refused).toBe(0);
  });
});
