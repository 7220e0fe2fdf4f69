/**
 * One level on processes and on two Docker engines, as on two hosts: instances are spread, one engine is lost under load,
 * its instances are replaced on the other, and when it is back nothing runs twice.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAgent } from '@mitosis/actuators';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Host, REPOSITORY } from '../level/host.js';
import { startLoad } from '../level/load.js';
import { until } from '../level/until.js';
import { describeWithEngine, Engine } from './engine.js';

const BOUND_MS = 90_000;
const HOST_A = '127.0.51.1';
const HOST_B = '127.0.52.1';

describeWithEngine('a level on processes and two engines', () => {
  const folder = mkdtempSync('/tmp/m-s');
  let engines: readonly [Engine, Engine];
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    engines = await Promise.all([Engine.start(), Engine.start()]);
    for (const engine of engines) await engine.importBase({ names: ['web:1'] });
    a = new Host({ DOCKER_HOST: engines[0].host, MITOSIS_HOST: HOST_A });
    b = new Host({ DOCKER_HOST: engines[1].host, MITOSIS_HOST: HOST_B });
    // The other host's agent, as its unit file would start it.
    await ensureAgent({
      home: b.home,
      release: { node: process.execPath, agent: join(REPOSITORY, 'services/agent/dist/main.js') },
      env: { ...process.env, ...b.env },
    });
    writeFileSync(join(folder, 'helper.mjs'), HELPER);
    writeFileSync(
      join(folder, 'compose.yaml'),
      compose(`unix:${a.home}/agent.sock`, `unix:${b.home}/agent.sock`),
    );
  });
  afterEach(async (context) => {
    if (context.task.result?.state !== 'fail') return;
    const [status, sites] = await Promise.all([a.mitosis('status'), a.mitosis('sites')]);
    process.stderr.write(`${status.stdout}${status.stderr}\n${sites.stdout}${sites.stderr}\n`);
  });
  afterAll(async () => {
    await a?.dispose();
    await b?.dispose();
    for (const engine of engines ?? []) await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const webOn = (engine: Engine): Promise<readonly string[]> =>
    engine.containers('label=mitosis.component=web', 'status=running');
  const counts = async (): Promise<readonly [number, number]> => {
    const [onA, onB] = await Promise.all(engines.map(webOn));
    return [onA?.length ?? 0, onB?.length ?? 0];
  };
  const readyWeb = async (): Promise<number> => {
    const { graph } = await a.level('sites');
    return graph.instances.filter(({ component, phase }) => component === 'web' && phase === 'ready').length;
  };
  const listener = async (site: string): Promise<string> => {
    const { graph } = await a.level('sites');
    const held = graph.listeners.find((one) => one.site === site)?.listeners ?? [];
    const found = held.find(({ component, network }) => component === 'web' && network === undefined);
    return `http://${found?.host}:${found?.number}`;
  };

  it('spreads over both engines, and a container reaches a process by its name', async () => {
    const up = await a.mitosis('up', join(folder, 'compose.yaml'), '--timeout', '110s');
    expect(up.code, up.stderr).toBe(0);
    expect(await counts()).toEqual([2, 2]);
    for (const site of ['processes', 'second']) {
      const answer = await fetch(`${await listener(site)}/helper`, { signal: AbortSignal.timeout(10_000) });
      expect(await answer.text()).toBe('helper');
    }
  });

  it('replaces under load what is lost with an engine, says why, and has nothing twice when it is back', async () => {
    const load = startLoad(`${await listener('processes')}/`, 20);
    await until('the load runs', () => load.counts.ok > 20 || undefined, BOUND_MS);
    await engines[1].killHost();
    await until(
      'four on the engine that is left',
      async () => ((await webOn(engines[0])).length === 4 && (await readyWeb()) === 4) || undefined,
      BOUND_MS,
    );
    const sites = await a.mitosis('sites', 'sites');
    expect(sites.stdout).toMatch(/second .*no Docker engine answers/s);
    const explained = await a.mitosis('explain', 'sites', 'web', '--json');
    expect(explained.stdout).toMatch(/moved from second: no Docker engine answers/);

    await engines[1].up();
    await until(
      'the other engine is clean and in use again for what comes now',
      async () => {
        if ((await engines[1].containers()).length > 0) throw new Error('a container of before is there');
        if (/no Docker engine/.test((await a.mitosis('sites', 'sites')).stdout))
          throw new Error('still closed');
        return true as const;
      },
      BOUND_MS,
    );
    expect(await counts()).toEqual([4, 0]);
    expect((await a.mitosis('scale', 'sites', 'web=6')).code).toBe(0);
    await until('two of six there', async () => (await counts()).join() === '4,2' || undefined, BOUND_MS);
    await until('six ready', async () => (await readyWeb()) === 6 || undefined, BOUND_MS);
    const result = await load.stop();
    expect(result.failures).toEqual([]);
  });

  it('is taken down on both hosts', async () => {
    const down = await a.mitosis('down');
    expect(down.code, down.stderr).toBe(0);
    for (const engine of engines) {
      expect(await engine.containers()).toEqual([]);
      expect(await engine.must('network', 'ls', '--quiet', '--filter', 'driver=bridge')).toBe('');
    }
    await until(
      'nothing of either host runs',
      () => [...a.processes(), ...b.processes()].length === 0 || undefined,
      BOUND_MS,
    );
  });
});

const HELPER = `import http from 'node:http';
http.createServer((request, response) => response.end('helper')).listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => process.exit(0));
`;

const WEB = `const http = require('node:http');
const server = http.createServer((request, response) => {
  if (request.url !== '/helper') return response.end('web');
  http.get('http://helper:8080/', (answer) => answer.pipe(response)).on('error', (error) => response.writeHead(502).end(String(error)));
}).listen(8080);
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeIdleConnections(); });`;

const compose = (agentA: string, agentB: string): string =>
  JSON.stringify({
    name: 'sites',
    'x-mitosis': {
      entry: 'web',
      sites: [
        { name: 'processes', driver: 'process', agent: agentA },
        { name: 'first', driver: 'docker', agent: agentA },
        { name: 'second', driver: 'docker', agent: agentB },
      ],
    },
    services: {
      helper: { command: ['node', 'helper.mjs'], expose: ['8080'] },
      web: {
        image: 'web:1',
        command: ['node', '-e', WEB.replaceAll('$', '$$')],
        expose: ['8080'],
        deploy: { replicas: 4 },
        'x-mitosis': { scale: { min: 1, max: 8 } },
      },
    },
  });
