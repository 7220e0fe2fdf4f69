/**
 * An engine that is reached over TCP with TLS on both sides, and over ssh: the contract of every driver over each, who is
 * not let in, and what is said of it. One engine, two doors beside its socket.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DockerActuator, type EngineSettings, type RunContainer } from '@mitosis/actuators';
import { freePort, TcpProxy } from '@mitosis/coordination/testing';
import { Authority, writeTlsDirectory } from '@mitosis/identity/authority';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../level/until.js';
import {
  actuatorContract,
  bareContainer,
  DriverUnderTest,
  onThisMachine,
  type ContractDriver,
} from './actuator-contract.js';
import { describeWithEngine, Engine } from './engine.js';
import { SshServer, whyNoSsh } from './ssh-server.js';

const HOUR_MS = 3_600_000;
const POOL = '10.215.0.0/16';
const BOUND_MS = 30_000;

describeWithEngine('an engine on another machine', () => {
  const folder = mkdtempSync('/tmp/m-r');
  let engine: Engine;
  let ssh: SshServer | undefined;
  let image: string;
  let port: number;

  /** As `DOCKER_CERT_PATH` names it. */
  const certificate = async (of: string, id: string, ttlMs = HOUR_MS): Promise<string> => {
    const authority = await Authority.open(join(folder, of), 'shop');
    const directory = join(folder, id);
    const name = { level: 'shop', role: 'agent', id, hosts: ['127.0.0.1'], ttlMs };
    writeTlsDirectory(directory, await authority.issue(name));
    return directory;
  };

  beforeAll(async () => {
    port = await freePort();
    const tls = await certificate('ours', 'engine');
    engine = await Engine.start({
      options: [
        `--host=tcp://127.0.0.1:${port}`,
        '--tlsverify',
        `--tlscacert=${join(tls, 'ca.pem')}`,
        `--tlscert=${join(tls, 'cert.pem')}`,
        `--tlskey=${join(tls, 'key.pem')}`,
      ],
    });
    image = await engine.importBase();
    await certificate('ours', 'client');
    if (whyNoSsh() === undefined) ssh = await SshServer.start(engine.host);
  });
  afterAll(async () => {
    await ssh?.stop();
    await engine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const container = (): RunContainer => bareContainer(image);
  const driver = (name: string, settings: () => EngineSettings): ContractDriver => ({
    name,
    make: (home) => new DockerActuator({ home, engine: settings(), pool: POOL }),
    container,
    get impossible() {
      return { container: { ...container(), image: '' } };
    },
    ...onThisMachine(),
  });
  const overTcp = (certPath: string): EngineSettings => ({ host: `tcp://127.0.0.1:${port}`, certPath });

  const detailOf = async (settings: EngineSettings): Promise<string> => {
    const actuator = new DockerActuator({ home: folder, engine: settings, pool: POOL });
    await actuator.settled();
    const { usable, detail } = actuator.state();
    actuator.close();
    expect(usable).toBe(false);
    return detail;
  };

  actuatorContract(driver('docker over TCP with TLS', () => overTcp(join(folder, 'client'))));

  it('is not reached over TCP by whom it does not know, nor is one trusted that we do not know', async () => {
    const stranger = await certificate('theirs', 'stranger');
    expect(await detailOf(overTcp(stranger))).toMatch(/no Docker engine answers at tcp:.*DOCKER_CERT_PATH/u);
    const expired = await certificate('ours', 'expired', 1);
    expect(await detailOf(overTcp(expired))).toMatch(/no Docker engine answers at tcp:/u);
    expect(await detailOf(overTcp(''))).toMatch(/did not|no Docker engine|HTTPS/u);
  });

  describe('without an agent there', () => {
    let host: DriverUnderTest;
    let between: TcpProxy;
    beforeEach(async () => {
      between = await TcpProxy.start(port);
      const settings = { host: between.url.replace('http:', 'tcp:'), certPath: join(folder, 'client') };
      host = new DriverUnderTest(driver('docker', () => settings));
    });
    afterEach(async () => {
      between.heal();
      await host.dispose();
      await between.stop();
    });

    it('concludes nothing while the connection is cut, and then learns what happened', async () => {
      const lives = await host.start('a', {});
      const dies = await host.start('b', {});
      let over = false;
      void dies.exited.then(() => (over = true));
      between.refuse();
      await until('the engine is missed', () => !host.actuator.state().usable || undefined, BOUND_MS);
      await engine.must('kill', 'shop-b');
      const [unknown] = await host.another().adopt([{ ...dies.ref, thisBoot: true }]);
      expect([unknown?.kind, over]).toEqual(['running', false]);
      between.heal();
      expect((await dies.exited).code).toBe(137);
      expect((await lives.stop('SIGTERM', 0)).code).toBe(137);
      if (unknown?.kind === 'running') expect((await unknown.run.exited).code).toBe(137);
    });

    it('is safe against a second start by the name alone', async () => {
      const plan = host.plan('a', ['node', '-e', 'setInterval(() => {}, 1000)']);
      const one = await host.actuator.start(plan);
      await one.started;
      const two = await host.another().start(plan);
      await two.started;
      expect(two.pid).toBe(one.pid);
      expect(await engine.containers('label=mitosis.instance=a')).toHaveLength(1);
    });

    it('publishes at all addresses of that machine, and gives no name to a router here', async () => {
      const ports = [{ inside: 8080, outside: await freePort() }];
      await host.start('a', {}, { container: { ...container(), ports } });
      const bindings = await engine.must(
        'inspect',
        '--format',
        '{{json .HostConfig.PortBindings}}',
        'shop-a',
      );
      expect(JSON.parse(bindings)['8080/tcp'][0].HostIp).toBe('');
      await expect((host.actuator as DockerActuator).componentAddress('shop', 'web')).rejects.toThrow(
        /the engine is on another machine/u,
      );
    });
  });

  describeWithSsh('over ssh', () => {
    actuatorContract(
      driver('docker over ssh', () => ({ host: `ssh://root@127.0.0.1:${ssh?.port}`, certPath: '' })),
      'core',
    );

    it('says what ssh says when it lets nobody in', async () => {
      const settings = { host: `ssh://nobody-here@127.0.0.1:${ssh?.port}`, certPath: '' };
      expect(await detailOf(settings)).toMatch(/Permission denied/u);
    });
  });
});

function describeWithSsh(name: string, suite: () => void): void {
  const reason = whyNoSsh();
  if (reason === undefined) return void describe(name, suite);
  if ((process.env['CI'] ?? '') === '') {
    process.stderr.write(`\n*** NOT TESTED: ${name}: ${reason}\n\n`);
    return void describe.skip(`${name} (not tested: ${reason})`, suite);
  }
  describe(name, () => {
    it('has an ssh server, as CI must', () => {
      throw new Error(reason);
    });
  });
}
