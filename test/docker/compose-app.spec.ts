/** An unmodified Compose application of several containers: names, ports, a volume, health; heals, keeps its data, goes. */
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { ensureAgent } from '@mitosis/actuators';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Host, REPOSITORY } from '../level/host.js';
import { killProcesses } from '../level/processes.js';
import { until } from '../level/until.js';
import { describeWithEngine, Engine } from './engine.js';

const COMPOSE = join(REPOSITORY, 'examples/containers/compose.yaml');
const IMAGE = 'mitosis-example-containers';
const WEB = 19_600 + (process.pid % 97);
const BOUND_MS = 60_000;

describeWithEngine('a Compose application of containers', () => {
  let engine: Engine;
  let host: Host;
  beforeAll(async () => {
    engine = await Engine.start();
    const base = await engine.importBase();
    await engine.build(join(REPOSITORY, 'examples/containers'), IMAGE, { BASE_IMAGE: base });
    host = new Host({ DOCKER_HOST: engine.host, WEB_PORT: String(WEB) });
  });
  afterEach(async (context) => {
    if (context.task.result?.state === 'fail') process.stderr.write(await whatIsThere(engine, host));
  });
  afterAll(async () => {
    await host?.dispose();
    await engine?.stop();
  });

  const ask = async (
    path: string,
    method = 'GET',
  ): Promise<{ by: string; visits: Record<string, number> }> => {
    const answer = await fetch(`http://127.0.0.1:${WEB}${path}`, {
      method,
      signal: AbortSignal.timeout(10_000),
    });
    if (!answer.ok) throw new Error(`status ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as { by: string; visits: Record<string, number> };
  };
  const of = (component: string): Promise<readonly string[]> =>
    engine.containers(`label=mitosis.component=${component}`, 'status=running');

  it('is up as it is, its components find each other by name and port', async () => {
    const up = await host.mitosis('up', COMPOSE, '--timeout', '90s');
    expect(up.code, up.stderr).toBe(0);
    expect(await of('api')).toHaveLength(2);
    expect((await ask('/ann', 'POST')).visits).toEqual({ ann: 1 });
    expect((await ask('/ann', 'POST')).visits).toEqual({ ann: 2 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/')));
    expect(new Set(answers.map(({ by }) => by)).size).toBe(2);
  });

  it('heals what is killed, and keeps what is in its volume', async () => {
    const [store = ''] = await of('store');
    const [web = ''] = await of('web');
    await engine.must('kill', store, web);
    await until(
      'a new store has the old data',
      async () => {
        const { visits } = await ask('/');
        const now = [...(await of('store')), ...(await of('web'))];
        return (
          (visits['ann'] === 2 && now.length === 2 && !now.includes(store) && !now.includes(web)) || undefined
        );
      },
      BOUND_MS,
    );
    const explained = await host.mitosis('explain', 'containers', 'store', '--json');
    expect(explained.stdout).toContain('137');
    const logs = await host.mitosis('logs', 'web', '--json');
    expect(logs.code, logs.stderr).toBe(0);
  });

  it('adopts everything after the agent was killed: nothing is started twice', async () => {
    const before = (await engine.containers('status=running')).toSorted();
    const agent = host
      .processes()
      .find(({ command, instance }) => instance === '' && /agent/.test(command) && !/sh /.test(command));
    process.kill(agent!.pid, 'SIGKILL');
    await until('another agent answers', async () => (await host.levels()).length > 0 || undefined, BOUND_MS);
    await until('it serves', async () => (await ask('/')).visits['ann'] === 2 || undefined, BOUND_MS);
    expect((await engine.containers('status=running')).toSorted()).toEqual(before);
  });

  it('comes back after all of it died at once: management, agent, engine, containers', async () => {
    const before = await Promise.all(['store', 'api', 'web'].map(of));
    killProcesses(host.home);
    await engine.killHost();
    await until('nothing of it runs', () => killProcesses(host.home) || undefined, BOUND_MS);
    await engine.up();
    // As the host's unit file would.
    await ensureAgent({
      home: host.home,
      release: { node: process.execPath, agent: join(REPOSITORY, 'services/agent/dist/main.js') },
      env: { ...process.env, ...host.env },
    });
    await until(
      'it serves its data again',
      async () => (await ask('/')).visits['ann'] === 2 || undefined,
      120_000,
    );
    await until(
      'as many as before, each once, and nothing of before',
      async () => {
        const now = await Promise.all(['store', 'api', 'web'].map(of));
        const all = await engine.containers();
        const counts = (lists: readonly (readonly string[])[]): string =>
          lists.map(({ length }) => length).join(' ');
        if (counts(now) === counts(before) && all.length === now.flat().length) return true as const;
        throw new Error(`${counts(now)} of ${counts(before)}, ${all.length} containers`);
      },
      BOUND_MS,
    );
  }, 300_000);

  it('leaves no container and no network behind, and its volume only when told', async () => {
    const down = await host.mitosis('down');
    expect(down.code, down.stderr).toBe(0);
    expect(await engine.containers()).toEqual([]);
    expect(await engine.must('network', 'ls', '--quiet', '--filter', 'driver=bridge')).toBe('');
    expect(await engine.must('volume', 'ls', '--quiet')).toBe('containers_data');
    expect(Object.keys(networkInterfaces()).filter((name) => name.startsWith('br-'))).toEqual([]);

    const again = await host.mitosis('up', COMPOSE, '--timeout', '90s');
    expect(again.code, again.stderr).toBe(0);
    expect((await ask('/')).visits).toEqual({ ann: 2 });
    const gone = await host.mitosis('down', '--volumes');
    expect(gone.code, gone.stderr).toBe(0);
    expect(await engine.must('volume', 'ls', '--quiet')).toBe('');
  });

  it('says at once that there is no engine, and what to do', async () => {
    const other = new Host({ DOCKER_HOST: 'unix:///tmp/m-nothing-here.sock', WEB_PORT: String(WEB) });
    const up = await other.mitosis('up', COMPOSE);
    await other.dispose();
    expect(up.code).toBe(1);
    expect(up.stderr).toMatch(
      /store, api, web run as containers, but no Docker engine answers at .*DOCKER_HOST/,
    );
  });
});

const whatIsThere = async (engine: Engine, host: Host): Promise<string> => {
  const { stdout } = await engine.docker('ps', '--all', '--format', '{{.Names}} {{.Status}}');
  const status = await host.mitosis('status');
  return `${stdout}\n${status.stdout}${status.stderr}`;
};
