/** Held sockets with real servers: no connection is refused while agents and servers die and come back. */
import { readdirSync, readlinkSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { readStat } from '@mitosis/actuators';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentUnderTest, RESTART, spec, until } from '../testing/agent-under-test.testing.js';

/** A router in miniature: listens on what it inherited, answers with its pid, lets requests end when told to stop. */
const SERVER = `
const http = require('node:http');
const [one] = JSON.parse(process.env.MITOSIS_LISTENERS);
const server = http.createServer((q, r) => r.end(String(process.pid)));
server.listen({ fd: one.fd });
process.on('SIGTERM', () => server.close(() => process.exit(0)));`;

const serverSpec = (id: string) =>
  spec(id, [process.execPath, '-e', SERVER], {
    class: 'management',
    component: 'mitosis-router',
    listeners: ['web/default'],
    restart: RESTART,
  });

interface Load {
  readonly counts: { ok: number; refused: number; other: number };
  readonly pids: Set<string>;
  stop(): void;
}

/** A new connection every 5 ms. */
const startLoad = (port: number): Load => {
  const load = { counts: { ok: 0, refused: 0, other: 0 }, pids: new Set<string>() };
  const timer = setInterval(() => {
    const request = http.get({ host: '127.0.0.1', port, agent: false }, (response) => {
      load.counts.ok += 1;
      response.on('data', (chunk: Buffer) => load.pids.add(chunk.toString()));
      response.on('error', () => undefined);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') load.counts.refused += 1;
      else load.counts.other += 1;
    });
  }, 5);
  return { ...load, stop: () => clearInterval(timer) };
};

describe('held sockets', () => {
  let host: AgentUnderTest;
  let port: number;
  beforeEach(async () => {
    host = new AgentUnderTest();
    await host.up();
    const { listeners } = await host.ensureListeners('shop', [
      { name: 'web/default', host: '127.0.0.1', port: 0 },
    ]);
    expect(listeners[0]?.error).toBe('');
    port = listeners[0]!.port;
  });
  afterEach(() => host.dispose());

  const serves = async (id: string): Promise<void> => {
    await host.start('shop', serverSpec(id));
    await until('it answers', () => answers(port));
  };

  it('outlive agent and servers: the keeper starts the next agent, the next server inherits again', async () => {
    await serves('mitosis-router-1');
    const keeper = host.keeper();
    expect(keeper).toBeDefined();
    const load = startLoad(port);
    await until('some answers', () => load.counts.ok > 20);
    await host.kill();
    // Also the only server, while no agent is there to start it again.
    for (const pid of host.runs()) process.kill(pid, 'SIGKILL');
    await until('servers are gone', () => host.runs().length === 0);
    await host.up();
    await until('another server answers', () => load.pids.size === 2);
    const before = load.counts.ok;
    await until('many answers', () => load.counts.ok > before + 50);
    load.stop();
    expect(load.counts.refused).toBe(0);
    expect(host.log()).toMatch(/"inherited":1/);
    // Nobody else holds them: an application that did would keep the port from being given back.
    await host.start('shop', spec('web-1', ['/bin/sleep', '1000']));
    const plain = await host.reaches('shop', 'web-1', ({ state }) => state === 'running');
    const held = readdirSync(`/proc/${plain.pid}/fd`).map((fd) =>
      readlinkSync(`/proc/${plain.pid}/fd/${fd}`),
    );
    expect(held.filter((target) => target.startsWith('socket:'))).toEqual([]);
    await until('one keeper, a new one', () => host.keeper() !== undefined && host.keeper() !== keeper);
  });

  it('are inherited by a second server while the first drains', async () => {
    await serves('mitosis-router-1');
    const load = startLoad(port);
    await host.start('shop', serverSpec('mitosis-router-2'));
    await until('both answer', () => load.pids.size === 2);
    await host.stop('shop', 'mitosis-router-1');
    const before = load.counts.ok;
    await until('many answers', () => load.counts.ok > before + 50);
    load.stop();
    expect(load.counts).toMatchObject({ refused: 0 });
  });

  it('get a new keeper when theirs died', async () => {
    const keeper = host.keeper()!;
    process.kill(keeper, 'SIGKILL');
    await until('another keeper', () => host.keeper() !== undefined && host.keeper() !== keeper, 10_000);
  });

  it('are told as taken while routers of before hold them, and bound as soon as they are free', async () => {
    await serves('mitosis-router-1');
    const load = startLoad(port);
    const keeper = host.keeper()!;
    process.kill(keeper, 'SIGKILL');
    await host.kill();
    await host.up();
    const { listeners } = await host.ensureListeners('shop', [
      { name: 'web/default', host: '127.0.0.1', port },
    ]);
    expect(listeners[0]?.error).toMatch(/in use/);
    expect(load.counts.refused).toBe(0);
    // Its successor in place is started without the socket; the agent binds it and starts that one once more.
    const router = await host.reaches('shop', 'mitosis-router-1', ({ state }) => state === 'running');
    load.stop();
    process.kill(router.pid, 'SIGKILL');
    await until('it answers again', () => answers(port), 15_000);
    await until('it is held', async () => (await host.levels()).levels[0]?.listeners[0]?.error === '');
  });

  it('keep their address, and give it back only when released', async () => {
    const again = await host.ensureListeners('shop', [{ name: 'web/default', host: '127.0.0.1', port: 0 }]);
    expect(again.listeners[0]?.port).toBe(port);
    const taken = await host.ensureListeners('other', [{ name: 'web/default', host: '127.0.0.1', port }]);
    expect(taken.listeners[0]?.error).toMatch(/in use/);
    await host.releaseListeners('shop', [{ name: 'web/default', host: '127.0.0.1', port: 0 }]);
    expect(host.keeper()).toBeUndefined();
    const free = await host.ensureListeners('other', [{ name: 'web/default', host: '127.0.0.1', port }]);
    expect(free.listeners[0]?.error).toBe('');
    const foreign = net.createServer();
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    const address = foreign.address() as net.AddressInfo;
    const busy = await host.ensureListeners('shop', [
      { name: 'web/8080@x', host: '127.0.0.1', port: address.port },
    ]);
    expect(busy.listeners[0]).toMatchObject({
      port: address.port,
      error: expect.stringMatching(/in use/) as string,
    });
    foreign.close();
    expect(readStat(host.keeper()!)).toBeDefined();
  });
});

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.on('timeout', () => request.destroy());
  });
