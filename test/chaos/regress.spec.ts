/**
 * Rules 4 and 5 at a real level: its store comes back older or empty, or its management stands still. What runs is adopted,
 * nothing ends without a decision, and requests are answered all the while.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@mitosis/coordination/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Host } from '../level/host.js';
import { startLoad, type Load } from '../level/load.js';
import type { HostProcess } from '../level/processes.js';
import { until } from '../level/until.js';

const RATE = 30;
const LEVEL = 'back';

describe('a level whose store goes backwards', () => {
  const host = new Host();
  const folder = mkdtempSync('/tmp/m-back-');
  const compose = join(folder, 'compose.yaml');
  let load: Load;

  const pids = (wanted: (found: HostProcess) => boolean): number[] =>
    host
      .processes()
      .filter(wanted)
      .map(({ pid }) => pid);
  const signal = (all: readonly number[], name: NodeJS.Signals): void => {
    for (const pid of all) process.kill(pid, name);
  };
  const isAgent = (found: HostProcess): boolean => found.instance === '' && found.command.includes('agent');
  const isEtcd = (found: HostProcess): boolean => found.instance.startsWith('mitosis-etcd');
  const application = (): readonly number[] =>
    pids(({ instance }) => instance.startsWith('hello-')).sort((a, b) => a - b);
  const hellos = async (): Promise<readonly string[]> =>
    (await host.level(LEVEL)).graph.instances
      .filter((one) => one.component === 'hello' && one.phase === 'ready')
      .map((one) => one.id as string)
      .sort();
  const member = async () => {
    const { graph } = await host.level(LEVEL);
    const found = graph.instances.find((one) => one.component === 'mitosis-etcd');
    if (found === undefined) throw new Error('no member');
    const data = join(host.home, 'levels', LEVEL, 'instances', found.id, 'data/member');
    return {
      id: found.id as string,
      data,
      client: `${found.host}:${found.ports['client'] ?? 0}`,
      peer: `${found.host}:${found.ports['peer'] ?? 0}`,
    };
  };
  const etcdctl = (...args: readonly string[]): string =>
    execFileSync('etcdctl', args, { encoding: 'utf8', env: { PATH: process.env['PATH'], ETCDCTL_API: '3' } });
  /** The member ends and starts again over other data, in its agent's back. */
  const replaceData = (replace: () => void): void => {
    const agents = pids(isAgent);
    signal(agents, 'SIGSTOP');
    try {
      signal(pids(isEtcd), 'SIGKILL');
      replace();
    } finally {
      signal(agents, 'SIGCONT');
    }
  };
  const expectUnharmed = async (): Promise<void> => {
    const counts = await load.stop();
    load = startLoad(`http://127.0.0.1:${port}/`, RATE);
    expect(counts.ok).toBeGreaterThan(0);
    expect(counts.failures).toEqual([]);
    expect(counts.refused).toBe(0);
  };
  let port = 0;

  beforeAll(async () => {
    port = await freePort();
    writeFileSync(
      join(folder, 'hello.mjs'),
      `import http from 'node:http';
const server = http.createServer((request, response) => response.end('hello'));
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`,
    );
    writeFileSync(
      compose,
      `name: ${LEVEL}\nservices:\n  hello:\n    command: ["node", "hello.mjs"]\n    ports: ["127.0.0.1:${port}:80"]\n` +
        `    deploy: { replicas: 2 }\n    x-mitosis: { scale: { min: 1, max: 5 }, policy: fixed }\n`,
    );
    const up = await host.mitosis('up', compose);
    expect(up.code, up.stderr).toBe(0);
    await host.converged([LEVEL]);
    load = startLoad(`http://127.0.0.1:${port}/`, RATE);
  });
  afterAll(async () => {
    await load.stop();
    await host.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it('adopts what an older snapshot does not know, and ends of it only what it decides to', async () => {
    const { id, data, client, peer } = await member();
    const before = await hellos();
    const snapshot = join(folder, 'snapshot.db');
    etcdctl(`--endpoints=http://${client}`, 'snapshot', 'save', snapshot);
    const scaled = await host.mitosis('scale', LEVEL, 'hello=4');
    expect(scaled.code, scaled.stderr).toBe(0);
    await until('four of them', async () => ((await hellos()).length === 4 ? true : undefined), 30_000);
    const running = await hellos();
    const kept = new Set(application());
    replaceData(() => {
      rmSync(data, { recursive: true });
      const restored = `${data}.restored`;
      const cluster = [`--name=${id}`, `--initial-cluster=${id}=http://${peer}`];
      const token = `--initial-cluster-token=${LEVEL}.1`;
      etcdctl(
        'snapshot',
        'restore',
        snapshot,
        `--data-dir=${restored}`,
        ...cluster,
        token,
        `--initial-advertise-peer-urls=http://${peer}`,
      );
      execFileSync('mv', [restored, data]);
    });
    // The count of the snapshot again, out of those that ran: none is started anew, each end has its decision.
    await until(
      'two of those that ran',
      async () => {
        const now = await hellos();
        return now.length === 2 && now.every((one) => running.includes(one)) ? true : undefined;
      },
      60_000,
      200,
    );
    await host.converged([LEVEL]);
    expect(application().every((pid) => kept.has(pid))).toBe(true);
    const gone = running.filter((one) => !before.includes(one));
    expect(gone).toHaveLength(2);
    const left = await hellos();
    const decisions = (await host.mitosis('decisions', LEVEL, '--json')).stdout;
    for (const one of running.filter((each) => !left.includes(each))) expect(decisions).toContain(`-${one}`);
    // They drain, and end: the next test counts what runs.
    const runs = (): readonly HostProcess[] =>
      host.processes().filter(({ instance }) => instance.startsWith('hello-'));
    await until(
      'their end',
      async () => runs().every(({ instance }) => left.includes(instance)) || undefined,
      30_000,
    );
    await expectUnharmed();
  }, 150_000);

  it('ends nothing when the store comes back empty, and knows it all again after the next `up`', async () => {
    const { data } = await member();
    const before = application();
    const { revision } = (await host.level(LEVEL)).graph;
    replaceData(() => rmSync(data, { recursive: true }));
    await until(
      'a leader over the empty store',
      async () => ((await host.level(LEVEL)).graph.revision < revision ? true : undefined),
      60_000,
      200,
    );
    await until(
      'what runs is seen',
      async () => ((await host.level(LEVEL)).agentSays.length > 0 ? true : undefined),
      10_000,
    );
    expect(application()).toEqual(before);
    const up = await host.mitosis('up', compose);
    expect(up.code, up.stderr).toBe(0);
    await host.converged([LEVEL]);
    expect(application()).toEqual(before);
    await expectUnharmed();
  }, 150_000);

  it('serves on while everything that manages it stands still', async () => {
    const still = pids((found) => isAgent(found) || /^mitosis-(etcd|manager)/u.test(found.instance));
    expect(still.length).toBeGreaterThan(3);
    const { ok } = load.counts;
    signal(still, 'SIGSTOP');
    await until('two hundred answers', () => load.counts.ok > ok + 200 || undefined, 30_000);
    signal(still, 'SIGCONT');
    await host.converged([LEVEL], 60_000);
    await expectUnharmed();
  }, 120_000);
});
