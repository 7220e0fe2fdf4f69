/** One contract, every driver; and what only containers have. */
import { DockerActuator, ProcessActuator, type RunContainer } from '@mitosis/actuators';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { until } from '../level/until.js';
import {
  actuatorContract,
  bareContainer,
  DriverUnderTest,
  onThisMachine,
  type ContractDriver,
} from './actuator-contract.js';
import { describeWithEngine, Engine } from './engine.js';
import { listenIn } from './listen-in.js';
import { SimulatedDriver } from './simulated-driver.js';

interface Inspected {
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
}

const BOUND_MS = 20_000;
/** Less than from one ping to the next. */
const QUIET_MS = 4_000;
const FOREVER = 'setInterval(() => {}, 1000)';

actuatorContract({
  name: 'process',
  make: (home) => new ProcessActuator({ home }),
  impossible: { cwd: '/does/not/exist' },
  ...onThisMachine(process.execPath),
});

const simulated = new SimulatedDriver();
afterAll(() => simulated.stop());
actuatorContract(simulated);

describeWithEngine('an engine', () => {
  let engine: Engine;
  let image: string;
  beforeAll(async () => {
    engine = await Engine.start({ options: ['--live-restore'] });
    image = await engine.importBase();
  });
  afterAll(() => engine.stop());

  const container = (more: Partial<RunContainer> = {}): RunContainer => bareContainer(image, more);
  const driver: ContractDriver = {
    name: 'docker',
    make: (home) =>
      new DockerActuator({ home, engine: { host: engine.host, certPath: '' }, pool: '10.213.0.0/16' }),
    container,
    get impossible() {
      return { container: container({ image: '' }) };
    },
    ...onThisMachine(),
  };

  actuatorContract(driver);

  describeWithEngine('the docker driver besides', () => {
    let host: DriverUnderTest;
    beforeEach(() => {
      host = new DriverUnderTest(driver);
    });
    afterEach(() => host.dispose());

    it('gives a container what the composition says', async () => {
      const code = `
        const fs = require('node:fs'); const os = require('node:os');
        console.log(JSON.stringify({ user: process.getuid(), cwd: process.cwd(), name: os.hostname(), env: process.env.GREETING,
          hosts: fs.readFileSync('/etc/hosts', 'utf8').includes('10.9.8.7\\tdb'), readOnly: (() => { try { fs.writeFileSync('/x', ''); return false; } catch { return true; } })(),
          data: fs.existsSync('/data'), scratch: fs.existsSync('/scratch') }));`;
      const run = await host.start('a', code, {
        user: 'node',
        cwd: '/home/node',
        env: { PATH: '/usr/bin', GREETING: 'hello' },
        epoch: '3.7',
        container: container({
          cpus: 0.5,
          memoryBytes: 64 * 2 ** 20,
          pids: 50,
          hosts: { db: '10.9.8.7' },
          labels: { 'com.example': 'theirs' },
          definition: {
            hostname: 'box',
            read_only: true,
            init: true,
            cap_drop: ['ALL'],
            tmpfs: ['/scratch'],
            volumes: [{ type: 'volume', source: 'data', target: '/data' }],
          },
        }),
      });
      expect((await run.exited).code).toBe(0);
      expect(JSON.parse(host.output('a'))).toEqual({
        user: 1000,
        cwd: '/home/node',
        name: 'box',
        env: 'hello',
        hosts: true,
        readOnly: true,
        data: true,
        scratch: true,
      });
      const inspected = JSON.parse(await engine.must('inspect', 'shop-a')) as readonly [Inspected];
      expect(inspected[0].HostConfig).toMatchObject({
        NanoCpus: 5e8,
        Memory: 64 * 2 ** 20,
        PidsLimit: 50,
        CapDrop: ['ALL'],
        RestartPolicy: { Name: 'no' },
      });
      expect(inspected[0].Config.Labels).toMatchObject({
        'mitosis.level': 'shop',
        'mitosis.instance': 'a',
        'mitosis.run': '1',
        'mitosis.epoch': '3.7',
        'com.example': 'theirs',
      });
    });

    it('keeps a named volume from one run to the next, and removes it only when told', async () => {
      const definition = { volumes: [{ type: 'volume', source: 'data', target: '/data' }] };
      const first = await host.start('a', 'require("node:fs").writeFileSync("/data/x", "kept")', {
        container: container({ definition }),
      });
      expect((await first.exited).code).toBe(0);
      await first.stop('SIGTERM', 0);
      await host.actuator.forgetLevel('shop', { volumes: false });
      const second = await host.start(
        'b',
        'console.log(require("node:fs").readFileSync("/data/x", "utf8"))',
        {
          container: container({ definition }),
        },
      );
      expect((await second.exited).code).toBe(0);
      expect(host.output('b')).toBe('kept\n');
      await second.stop('SIGTERM', 0);
      await host.actuator.forgetLevel('shop', { volumes: true });
      expect(await engine.must('volume', 'ls', '--quiet')).toBe('');
      expect(await engine.must('network', 'ls', '--filter', 'label=mitosis.level', '--quiet')).toBe('');
    });

    it('starts one container for two starts of one run', async () => {
      const another = host.another();
      const plan = host.plan('a', ['node', '-e', FOREVER]);
      const [one, two] = await Promise.all([host.actuator.start(plan), another.start(plan)]);
      const ended: unknown[] = [];
      for (const run of [one, two]) void run.exited.then((exit) => ended.push(exit));
      await Promise.all([one.started, two.started]);
      expect(ended).toEqual([]);
      expect(one.pid).toBeGreaterThan(0);
      expect(two.pid).toBe(one.pid);
      expect(await engine.containers('label=mitosis.instance=a')).toHaveLength(1);
    });

    it('leaves a container of somebody else that has the name alone', async () => {
      const foreign = await engine.must(
        'run',
        '--detach',
        '--name',
        'shop-a',
        '--network',
        'none',
        image,
        'sleep',
        '600',
      );
      const run = await host.actuator.start(host.plan('a', ['true']));
      expect((await run.exited).detail).toMatch(/is there already and not ours/);
      expect(await engine.containers(`id=${foreign}`)).toEqual([foreign]);
      await engine.must('rm', '--force', foreign);
    });

    it('hears at once of a container that somebody else kills or removes', async () => {
      const killed = await host.start('a', FOREVER);
      await engine.must('kill', 'shop-a');
      expect((await killed.exited).code).toBe(137);
      const removed = await host.start('b', FOREVER);
      await engine.must('rm', '--force', 'shop-b');
      expect((await removed.exited).code ?? 137).toBe(137);
    });

    const behind = (path: string): DockerActuator =>
      new DockerActuator({
        home: host.home,
        engine: { host: `unix://${path}`, certPath: '' },
        pool: '10.213.0.0/16',
      });

    it.each([
      ['runs, and starts it no second time', FOREVER, undefined],
      ['has ended already, and starts it no second time', 'process.exit(3)', 3],
    ])('finds what %s, when the connection breaks over its start', async (_, program, code) => {
      const starts: string[] = [];
      const looked: string[] = [];
      const { path, close } = await listenIn(engine.socket, (line) => {
        if (starts.length > 0 && line.includes('/json')) looked.push(line);
        if (!line.includes('/start')) return undefined;
        starts.push(line);
        return 'cut';
      });
      const cut = behind(path);
      try {
        const run = await cut.start(host.plan('a', ['node', '-e', program]));
        await run.started;
        await until('it was looked at', () => looked.length > 1 || undefined, BOUND_MS);
        const exit = code === undefined ? run.stop('SIGTERM', 0) : run.exited;
        expect((await exit).code).toBe(code ?? 137);
        expect(starts).toHaveLength(1);
      } finally {
        cut.close();
        await close();
      }
    });

    it('starts what is only created, when the connection breaks before its start is heard', async () => {
      let starts = 0;
      const { path, close } = await listenIn(engine.socket, (line) =>
        line.includes('/start') && (starts += 1) === 1 ? 'lose' : undefined,
      );
      const cut = behind(path);
      try {
        const run = await cut.start(host.plan('a', ['node', '-e', FOREVER]));
        await run.started;
        expect(starts).toBe(2);
        expect((await run.stop('SIGTERM', 0)).code).toBe(137);
      } finally {
        cut.close();
        await close();
      }
    });

    it('says of what an agent died over before its start that it was never started, once the engine is back', async () => {
      let starts = 0;
      const lost = await listenIn(engine.socket, (line) =>
        line.includes('/start') && (starts += 1) > 0 ? 'lose' : undefined,
      );
      const dying = behind(lost.path);
      const { ref } = await dying.start(host.plan('a', ['node', '-e', FOREVER]));
      await until('a start is lost', () => starts > 0 || undefined, BOUND_MS);
      dying.close();
      await lost.close();
      const next = behind(lost.path);
      const [unknown] = await next.adopt([{ ...ref, thisBoot: true }]);
      const back = await listenIn(engine.socket, () => undefined);
      try {
        if (unknown?.kind !== 'running') throw new Error(`not running but ${unknown?.kind}`);
        expect((await unknown.run.exited).detail).toBe('it was never started');
      } finally {
        next.close();
        await back.close();
      }
    });

    it('asks nothing about what runs: it is told', async () => {
      const asked: string[] = [];
      const { path, close } = await listenIn(engine.socket, (line) => void asked.push(line));
      const watching = behind(path);
      try {
        const run = await watching.start(host.plan('a', ['node', '-e', FOREVER]));
        await run.started;
        // A ping every ten seconds is all that is said: right after one nothing else is due.
        asked.length = 0;
        await until('a ping', () => asked.some((line) => line.includes('/_ping')) || undefined, BOUND_MS);
        asked.length = 0;
        await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
        expect(asked).toEqual([]);
        await engine.must('kill', 'shop-a');
        expect((await run.exited).code).toBe(137);
      } finally {
        watching.close();
        await close();
      }
    });

    it('runs probes inside, and takes over the verdict of an image that checks itself', async () => {
      const run = await host.start('a', FOREVER);
      expect(await run.exec?.(['node', '-e', 'console.log("fine")'], BOUND_MS)).toEqual({
        verdict: 'ok',
        detail: 'fine',
      });
      expect(await run.exec?.(['node', '-e', 'process.exit(2)'], BOUND_MS)).toMatchObject({
        verdict: 'failed',
      });
      expect(await run.exec?.(['/nothing'], BOUND_MS)).toMatchObject({ verdict: 'failed' });
      const checked = await engine.must(
        'create',
        '--health-cmd',
        'true',
        '--health-interval',
        '1s',
        '--network',
        'none',
        image,
        'sleep',
        '9',
      );
      await engine.must('commit', checked, 'checks-itself:1');
      await engine.must('rm', checked);
      const own = await host.start('b', FOREVER, {
        container: container({ image: 'checks-itself:1', probed: false }),
      });
      const verdicts: string[] = [];
      own.onHealth?.((health) => verdicts.push(health));
      await until('its own verdict', () => verdicts.includes('healthy') || undefined, BOUND_MS);
    });

    it('says which image is missing and what to do', async () => {
      const run = await host.actuator.start(
        host.plan('a', ['true'], {
          container: container({ image: 'nobody/has-this:1', definition: { build: '.' } }),
        }),
      );
      expect((await run.exited).detail).toMatch(/nobody\/has-this:1 is not on this engine: build it there/);
    });

    it('lets containers live while the engine is restarted, and hears of those that died meanwhile', async () => {
      const lives = await host.start(
        'a',
        `process.on("SIGTERM", () => process.exit(4)); ${FOREVER}; console.log("up")`,
      );
      const dies = await host.start('b', FOREVER);
      await host.said('a', 'up');
      await engine.killDaemon();
      await until('the engine is missed', () => !host.actuator.state().usable || undefined, BOUND_MS);
      expect(host.actuator.state().detail).toMatch(/Docker engine/);
      process.kill(dies.pid, 'SIGKILL');
      expect((await dies.exited).detail).toBe('ended while its Docker engine was gone');
      // An agent that comes now finds no engine: it concludes nothing.
      const blind = host.another();
      const [unknown] = await blind.adopt([{ ...lives.ref, thisBoot: true }]);
      expect(unknown?.kind).toBe('running');
      await engine.up();
      await until('the engine is back', () => blind.state().usable || undefined, BOUND_MS);
      if (unknown?.kind === 'running') {
        await unknown.run.started;
        expect(unknown.run.pid).toBe(lives.pid);
      }
      expect((await lives.stop('SIGTERM', BOUND_MS)).code).toBe(4);
    });

    it('gives each component an address of this host that its containers reach', async () => {
      const docker = host.actuator as DockerActuator;
      const [db, web] = await Promise.all([
        docker.componentAddress('shop', 'db'),
        docker.componentAddress('shop', 'web'),
      ]);
      expect(db).not.toBe(web);
      expect(await docker.componentAddress('shop', 'db')).toBe(db);
      const { createServer } = await import('node:net');
      const server = createServer((socket) => socket.end('through the router'));
      await new Promise<void>((resolve) => server.listen(5432, db, resolve));
      const run = await host.start(
        'a',
        'require("node:net").connect(5432, "db").on("data", (text) => console.log(String(text)))',
        { container: container({ hosts: { db } }) },
      );
      await run.exited;
      server.close();
      expect(host.output('a')).toBe('through the router\n');
    });
  });
});
