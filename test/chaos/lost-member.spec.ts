/** A level over three hosts with three etcd members: one host is lost for good. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EtcdCluster } from '@mitosis/coordination';
import { freePort } from '@mitosis/coordination/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FurtherHost } from '../level/further-host.js';
import { Host } from '../level/host.js';
import { startLoad } from '../level/load.js';
import { until } from '../level/until.js';

const clusterSays = async (clients: readonly string[]) => {
  const cluster = new EtcdCluster(clients);
  const said = await cluster.list();
  cluster.close();
  return said;
};

/** Two moves of members, each an election or two; or the silence after which a host counts as lost, and a join. */
const CHANGE_MS = 120_000;

describe('a level over three hosts', () => {
  const folder = mkdtempSync('/tmp/m-lost-');
  const further: FurtherHost[] = [];
  let first: Host;

  const members = async () => {
    const { graph } = await first.level('lost');
    return graph.instances.filter((one) => one.component === 'mitosis-etcd');
  };
  const ready = async (hosts: readonly string[]) => {
    const seen = await members();
    if (seen.length !== 3 || seen.some((one) => one.phase !== 'ready')) return undefined;
    const places = seen.map((one) => one.host).sort();
    return JSON.stringify(places) === JSON.stringify(hosts) ? seen : undefined;
  };
  const told = async (): Promise<Error> =>
    new Error((await members()).map((one) => `${one.id} ${one.host} ${one.phase} ${one.reason}`).join('\n'));
  const settled = (what: string, hosts: readonly string[]) =>
    until(what, async () => (await ready(hosts)) ?? Promise.reject(await told()), CHANGE_MS, 500);

  beforeAll(async () => {
    const [agentPort, b, c] = [await freePort(), await freePort(), await freePort()];
    first = new Host({ MITOSIS_HOST: '127.0.1.1', MITOSIS_AGENT_LISTEN: `127.0.1.1:${agentPort}` });
    further.push(
      new FurtherHost('127.0.1.2', `127.0.1.2:${b}`),
      new FurtherHost('127.0.1.3', `127.0.1.3:${c}`),
    );
    await Promise.all(further.map((host) => host.answers()));
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
      `name: lost
x-mitosis:
  management: { managers: 2, routers: 1, etcd: 3 }
  sites:
    - { name: a, agent: "127.0.1.1:${agentPort}", cpus: 4, memory: 2g }
    - { name: b, agent: "127.0.1.2:${b}", cpus: 4, memory: 2g }
    - { name: c, agent: "127.0.1.3:${c}", cpus: 4, memory: 2g }
services:
  hello:
    command: ["node", "hello.mjs"]
    expose: ["80"]
    deploy: { replicas: 2 }
`,
    );
    const up = await first.mitosis('up', join(folder, 'compose.yaml'));
    expect(up.code, up.stderr + up.stdout).toBe(0);
  }, 120_000);

  afterAll(async () => {
    await first.dispose();
    await Promise.all(further.map((host) => host.lose()));
    rmSync(folder, { recursive: true, force: true });
  });

  it('has a member on each of them', async () => {
    await settled('a member on each host', ['127.0.1.1', '127.0.1.2', '127.0.1.3']);
  }, 150_000);

  it('has three members again after one of them is lost with its data, and decides all the while', async () => {
    const { graph: before } = await first.level('lost');
    const lostHost = '127.0.1.3';
    await further[1]?.lose();
    const lost = before.instances.find(
      ({ component, host }) => component === 'mitosis-etcd' && host === lostHost,
    );
    // By the way a component of the first host would go: a published port of this one machine is nobody's for certain.
    const [way] = before.listeners.flatMap(({ site, listeners }) => (site === 'a' ? listeners : []));
    const load = startLoad(`http://127.0.1.1:${way?.number ?? 0}/`, 30);
    await until(
      'three members with a vote on two hosts',
      async () => {
        const live = (await members()).filter((one) => one.phase === 'ready' && one.id !== lost?.id);
        const clients = live.map((one) => `http://${one.host}:${one.ports['client'] ?? 0}`).sort();
        const voters = (await clusterSays(clients)).filter(({ learner }) => !learner);
        const said = voters.map(({ clientUrl }) => clientUrl).sort();
        if (live.length === 3 && JSON.stringify(said) === JSON.stringify(clients)) return true;
        throw await told();
      },
      CHANGE_MS,
      500,
    );
    const { graph } = await first.level('lost');
    const victim = graph.instances.find((one) => one.component === 'hello' && one.host !== lostHost);
    const killed = await first.mitosis('kill', 'lost', victim?.id ?? '');
    expect(killed.code, killed.stderr).toBe(0);
    await until(
      'an instance is replaced',
      async () =>
        (await first.level('lost')).graph.instances.every((one) => one.id !== victim?.id) || undefined,
      20_000,
    );
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
  }, 180_000);
});
