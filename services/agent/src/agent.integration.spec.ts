/** The agent's promises, with a real agent and real processes. */
import { readdirSync, truncateSync, statSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import { readStat } from '@mitosis/actuators';
import type { agent } from '@mitosis/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentUnderTest, epoch, RESTART, spec, until } from './testing/agent-under-test.testing.js';

const NODE = process.execPath;
const IDLE = [NODE, '-e', 'setInterval(() => {}, 1000)'];

describe('agent', () => {
  let host: AgentUnderTest;
  beforeEach(async () => {
    host = new AgentUnderTest();
    await host.up();
  });
  afterEach(() => host.dispose());

  const running = (id: string): Promise<agent.InstanceStatus> =>
    host.reaches('shop', id, (one) => one.state === 'running');

  it('starts once, whoever asks at the same time', async () => {
    const again = await Promise.all([host.up(), host.up(), host.up()]);
    expect(again.map(({ started }) => started)).toEqual([false, false, false]);
    await host.kill();
    const all = await Promise.all([host.up(), host.up(), host.up(), host.up()]);
    expect(new Set(all.map(({ info }) => info.pid)).size).toBe(1);
    expect(host.everything()).toHaveLength(1);
  });

  it('starts what is absent and answers for what is there', async () => {
    const described = spec(
      'web-1',
      [
        NODE,
        '-e',
        'console.log([process.env.PORT, process.env.PORT_ADMIN, process.argv[1]].join()); setInterval(() => {}, 1e3)',
        '{{port:default}}',
      ],
      {
        ports: [
          { name: 'default', fixed: 0 },
          { name: 'admin', fixed: 0 },
        ],
      },
    );
    const first = await host.start('shop', described);
    const second = await host.start('shop', described);
    expect(second.ports).toEqual(first.ports);
    const up = await running('web-1');
    expect(up).toMatchObject({ health: 'healthy', host: '127.0.0.1', restarts: 0 });
    const { default: port, admin } = up.ports;
    await until('output', async () => (await host.output('shop', 'web-1')) === `${port},${admin},${port}\n`);
    // Shim and command.
    expect(host.runs('web-1')).toHaveLength(2);
  });

  it('refuses what a newer leadership has overtaken, also after a restart of the agent', async () => {
    await host.start('shop', spec('web-1', IDLE), epoch(7));
    const refused = { code: grpcStatus.FAILED_PRECONDITION };
    await expect(host.start('shop', spec('web-2', IDLE), epoch(6))).rejects.toMatchObject(refused);
    await expect(host.stop('shop', 'web-1', 0, epoch(6))).rejects.toMatchObject(refused);
    await expect(host.ensureListeners('shop', [], epoch(6))).rejects.toMatchObject(refused);
    await host.kill();
    await host.up();
    await expect(host.stop('shop', 'web-1', 0, epoch(6))).rejects.toMatchObject(refused);
    await expect(host.start('shop', spec('web-2', IDLE), epoch(1, 2))).resolves.toMatchObject({
      id: 'web-2',
    });
    await expect(host.stop('shop', 'web-1', 0, epoch(9))).rejects.toMatchObject(refused);
  });

  it('never starts a stopped id, also one that was never here, also after a restart', async () => {
    await host.start('shop', spec('web-1', IDLE));
    expect(await host.stop('shop', 'web-1')).toMatchObject({
      state: 'stopped',
      exitKnown: true,
      exitCode: 143,
    });
    expect(await host.stop('shop', 'web-9')).toMatchObject({ state: 'stopped', exitKnown: false });
    expect(host.runs()).toEqual([]);
    const refused = { code: grpcStatus.FAILED_PRECONDITION };
    await expect(host.start('shop', spec('web-1', IDLE), epoch(5))).rejects.toMatchObject(refused);
    await host.kill();
    await host.up();
    await expect(host.start('shop', spec('web-1', IDLE), epoch(5))).rejects.toMatchObject(refused);
    await expect(host.start('shop', spec('web-9', IDLE), epoch(5))).rejects.toMatchObject(refused);
    expect((await host.list('shop')).tombstones.sort()).toEqual(['web-1', 'web-9']);
  });

  it('adopts what runs and sees its end at once', async () => {
    await host.start('shop', spec('web-1', IDLE));
    const before = await running('web-1');
    await host.kill();
    await host.up();
    const after = await running('web-1');
    expect([after.pid, after.startedAtMs > 0]).toEqual([before.pid, true]);
    const events: agent.AgentEvent[] = [];
    const watch = host.client.watch({ level: 'shop' });
    watch.on('error', () => undefined);
    watch.on('data', (event: agent.AgentEvent) => events.push(event));
    await until('synced', () => events.some(({ event }) => event?.$case === 'synced'));
    process.kill(before.pid, 'SIGTERM');
    await until(
      'its end is told',
      () => events.some(({ event }) => event?.$case === 'status' && event.value.state === 'exited'),
      2_000,
      2,
    );
    const last = events.findLast(({ event }) => event?.$case === 'status')?.event;
    expect(last).toMatchObject({ value: { exitKnown: true, exitCode: 143 } });
    watch.cancel();
  });

  it('reports what ended while it was away, and does not start it again', async () => {
    await host.start(
      'shop',
      spec('web-1', [
        NODE,
        '-e',
        'process.on("SIGTERM", () => process.exit(4)); setInterval(() => {}, 1e3); console.log("up")',
      ]),
    );
    const { pid } = await running('web-1');
    await until('output', async () => (await host.output('shop', 'web-1')) === 'up\n');
    await host.kill();
    process.kill(pid, 'SIGTERM');
    await until('it is gone', () => readStat(pid) === undefined);
    await host.up();
    expect(await host.status('shop', 'web-1')).toMatchObject({
      state: 'exited',
      exitKnown: true,
      exitCode: 4,
    });
    expect(host.runs()).toEqual([]);
  });

  it('restarts management in place, with or without having been there', async () => {
    const described = spec('mitosis-manager-1', IDLE, {
      class: 'management',
      restart: RESTART,
      ports: [{ name: 'grpc', fixed: 0 }],
    });
    await host.start('shop', described);
    const first = await running('mitosis-manager-1');
    process.kill(first.pid, 'SIGKILL');
    const second = await host.reaches(
      'shop',
      'mitosis-manager-1',
      (one) => one.state === 'running' && one.pid !== first.pid,
    );
    expect(second).toMatchObject({ restarts: 1, ports: first.ports });
    await host.kill();
    for (const pid of host.runs()) process.kill(pid, 'SIGKILL');
    await until('all is dead', () => host.runs().length === 0);
    await host.up();
    const third = await running('mitosis-manager-1');
    expect(third.ports).toEqual(first.ports);
    expect(host.runs()).toHaveLength(2);
  });

  it('stops a whole group and what left it', async () => {
    await host.start(
      'shop',
      spec('web-1', [
        '/bin/sh',
        '-c',
        'trap "" TERM; setsid /bin/sh -c \'trap "" TERM; while :; do sleep 1; done\' & while :; do sleep 1; done',
      ]),
    );
    await running('web-1');
    await until('its child too', () => host.runs().length >= 4);
    const before = Date.now();
    await host.stop('shop', 'web-1', 200);
    expect(Date.now() - before).toBeLessThan(3_000);
    expect(host.runs()).toEqual([]);
  });

  it('leaves no stray however often it is killed while it starts and stops', async () => {
    const wanted = new Set<string>();
    for (let round = 0; round < 6; round += 1) {
      const calls = Array.from({ length: 4 }, (_, i) =>
        host.start('shop', spec(`web-${round}-${i}`, IDLE)).catch(() => undefined),
      );
      const stops = [...wanted].slice(0, 2).map((id) => host.stop('shop', id, 0).catch(() => undefined));
      // At a different moment each time.
      await until('some progress', () => host.runs().length > round * 2, 100, 1).catch(() => undefined);
      await host.kill();
      host.client.close();
      await Promise.all([...calls, ...stops]);
      await host.up();
      host.client = (await import('@mitosis/actuators')).connectAgent(host.address);
      for (const { id } of (await host.list('shop')).instances) wanted.add(id);
    }
    await until(
      'processes and records agree',
      async () => {
        const { instances, tombstones } = await host.list('shop');
        const alive = instances.filter(({ state }) => state === 'running');
        const settled = instances.every(({ state }) => state === 'running' || state === 'exited');
        const ids = new Set(alive.map(({ id }) => id));
        const perInstance = alive.every(({ id }) => host.runs(id).length === 2);
        return (
          settled &&
          perInstance &&
          host.runs().length === alive.length * 2 &&
          tombstones.every((id) => !ids.has(id))
        );
      },
      15_000,
      50,
    ).catch(async (error: unknown) => {
      throw new Error(`${String(error)} ${JSON.stringify(await host.list('shop'))} ${host.log()}`, {
        cause: error,
      });
    });
    expect(host.runs().length).toBeGreaterThan(0);
  });

  it('recovers from any truncated state file', async () => {
    await host.start('shop', spec('web-1', IDLE, { ports: [{ name: 'default', fixed: 0 }] }), epoch(9));
    await host.start('shop', spec('web-2', IDLE), epoch(9));
    await host.stop('shop', 'web-2', 0, epoch(9));
    const before = await running('web-1');
    const files = readdirSync(host.home, { recursive: true, encoding: 'utf8' })
      .map((name) => join(host.home, name))
      .filter((path) => /(\.json|tombstones)$/.test(path));
    expect(files.length).toBeGreaterThanOrEqual(4);
    for (const path of files) {
      await host.kill();
      truncateSync(path, Math.floor(statSync(path).size / 2));
      await host.up();
      expect(await running('web-1')).toMatchObject({ pid: before.pid, ports: before.ports });
      await expect(host.start('shop', spec('web-2', IDLE), epoch(9))).rejects.toThrow(/never used again/);
      await expect(host.start('shop', spec('web-3', IDLE), epoch(8))).rejects.toThrow(/epoch/);
    }
  });

  it('recovers an instance from what runs when record and copy are damaged', async () => {
    await host.start('shop', spec('web-1', IDLE, { ports: [{ name: 'default', fixed: 0 }] }), epoch(9));
    const before = await running('web-1');
    await host.kill();
    const dir = join(host.home, 'levels', 'shop');
    for (const name of [
      'level.json',
      'level.json.copy',
      'instances/web-1/record.json',
      'instances/web-1/record.json.copy',
    ]) {
      expect(existsSync(join(dir, name))).toBe(true);
      writeFileSync(join(dir, name), '{"sum":"x');
    }
    await host.up();
    const after = await running('web-1');
    expect(after).toMatchObject({ pid: before.pid, component: 'web', ports: before.ports });
    expect(await host.stop('shop', 'web-1', 500, epoch(1))).toMatchObject({ state: 'stopped' });
    expect(host.runs()).toEqual([]);
  });

  it('probes: exec with the environment of the instance, http with its port', async () => {
    const described = spec(
      'web-1',
      [
        NODE,
        '-e',
        'setTimeout(() => require("node:http").createServer((q, r) => { r.statusCode = q.url === "/healthz" ? 200 : 500; r.end(); }).listen(process.env.PORT, process.env.HOST), 300)',
      ],
      {
        ports: [{ name: 'default', fixed: 0 }],
        probe: {
          kind: 'http',
          command: [],
          port: 'default',
          path: '/healthz',
          intervalMs: 1_000,
          timeoutMs: 500,
          retries: 2,
          startPeriodMs: 5_000,
          startIntervalMs: 50,
        },
      },
    );
    await host.start('shop', described);
    expect((await running('web-1')).health).toBe('unknown');
    await host.reaches('shop', 'web-1', ({ health }) => health === 'healthy');
    const probe = {
      ...described.probe!,
      kind: 'exec',
      command: ['/bin/sh', '-c', 'echo "I am $MITOSIS_INSTANCE of $WHO"; exit 3'],
      startPeriodMs: 0,
    };
    await host.start('shop', spec('web-2', IDLE, { env: { WHO: 'us' }, probe }));
    const sick = await host.reaches('shop', 'web-2', ({ health }) => health === 'unhealthy');
    expect(sick.detail).toBe('I am web-2 of us');
    const hanging = { ...probe, command: ['/bin/sh', '-c', 'sleep 1000'], timeoutMs: 100 };
    await host.start('shop', spec('web-3', IDLE, { probe: hanging }));
    await host.reaches(
      'shop',
      'web-3',
      ({ health, detail }) => health === 'unhealthy' && detail.includes('100 ms'),
    );
  });

  it('purges a level with everything below it and remembers its epoch', async () => {
    await host.start(
      'shop',
      spec('mitosis-manager-1', IDLE, { class: 'management', restart: RESTART }),
      epoch(4),
    );
    await host.start('shop.catalog', spec('api-1', IDLE), epoch(4));
    await host.start('shopping', spec('web-1', IDLE), epoch(4));
    await expect(host.shutdown(false)).rejects.toThrow(/levels are left/);
    expect((await host.purge('shop')).stopped.sort()).toEqual(['api-1', 'mitosis-manager-1']);
    expect((await host.levels()).levels.map(({ level }) => level)).toEqual(['shopping']);
    await expect(host.start('shop', spec('web-8', IDLE), epoch(4))).rejects.toThrow(/removed/);
    await host.purge('shopping');
    expect(readdirSync(join(host.home, 'levels'))).toEqual([]);
    await host.shutdown(false);
    await until('nothing is left', () => host.everything().length === 0);
  });

  it('keeps output within its bound and follows it', async () => {
    const line = 'x'.repeat(999);
    await host.start(
      'shop',
      spec(
        'web-1',
        [
          NODE,
          '-e',
          `for (let i = 0; i < 3000; i++) console.log('${line}'); setInterval(() => console.log('tick'), 20)`,
        ],
        { logMaxBytes: 1_000_000 },
      ),
    );
    await running('web-1');
    await until('rotated', () => existsSync(join(host.home, 'levels/shop/instances/web-1/log.1')), 10_000);
    const follow = host.client.logs({ level: 'shop', id: 'web-1', tailLines: 5, follow: true });
    let text = '';
    follow.on('error', () => undefined);
    follow.on('data', (chunk: agent.LogChunk) => (text += chunk.text));
    await until('ticks', () => text.split('tick').length > 10);
    let ended = false;
    follow.once('end', () => (ended = true));
    await host.stop('shop', 'web-1');
    await until('the stream ends with the instance', () => ended);
    // Kept for people after the stop.
    expect(await host.output('shop', 'web-1')).toContain('tick');
  });

  it('measures what runs and tells nothing of what does not', async () => {
    await host.start('shop', spec('web-1', [NODE, '-e', 'for (;;) Math.sqrt(2)']));
    await host.start('shop', spec('web-2', IDLE));
    await host.start('shop', spec('web-3', ['/bin/true']));
    await running('web-1');
    const samples: agent.StatsSample[] = [];
    const call = host.client.stats({ level: 'shop' });
    call.on('error', () => undefined);
    call.on('data', (sample: agent.StatsSample) => samples.push(sample));
    await until('two samples', () => samples.filter(({ instances }) => instances.length > 0).length >= 2);
    call.cancel();
    const byId = new Map(samples.at(-1)?.instances.map((one) => [one.id, one]));
    expect(byId.get('web-1')?.cpuCores).toBeGreaterThan(0.1);
    expect(byId.get('web-2')?.cpuCores).toBeLessThan(0.1);
    expect(byId.get('web-2')?.memoryBytes).toBeGreaterThan(5_000_000);
    expect(byId.has('web-3')).toBe(false);
  });
});
