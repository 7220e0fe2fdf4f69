/** Images from a registry: one pull for all who want one, its progress told, tried again while the registry is away. */
import { DockerActuator, type Run } from '@mitosis/actuators';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { until } from '../level/until.js';
import { bareContainer, DriverUnderTest, onThisMachine } from './actuator-contract.js';
import { baseImage } from './base-image.js';
import { describeWithEngine, Engine } from './engine.js';
import { Registry } from './registry.js';

const BOUND_MS = 20_000;

describeWithEngine('an engine and a registry', () => {
  let engine: Engine;
  let registry: Registry;
  let host: DriverUnderTest;

  beforeAll(async () => {
    engine = await Engine.start();
    registry = await Registry.start('shop/web', baseImage().tar);
  });
  afterAll(async () => {
    await engine.stop();
    await registry.stop();
  });
  beforeEach(() => {
    host = new DriverUnderTest({
      name: 'docker',
      make: (home) =>
        new DockerActuator({ home, engine: { host: engine.host, certPath: '' }, pool: '10.216.0.0/16' }),
      container: () => bareContainer(registry.image()),
      impossible: {},
      ...onThisMachine(),
    });
  });
  afterEach(async () => {
    registry.release();
    await host.dispose();
    await engine.docker('image', 'rm', '--force', registry.image());
  });

  const start = (id: string, told: string[], image = registry.image()): Promise<Run> =>
    host.actuator.start(
      host.plan(id, ['node', '-e', 'console.log("pulled")'], { container: bareContainer(image) }),
      (detail) => told.push(detail),
    );

  it('pulls once for all that want it, says how far it is, and runs them', async () => {
    registry.hold();
    const [first, second]: [string[], string[]] = [[], []];
    const runs = [await start('a', first), await start('b', second)];
    for (const told of [first, second])
      await until(
        'it says how far it is',
        () => {
          if (told.some((line) => /pulling .*: \d of 2 layers, [1-9]\d* MiB under way/u.test(line)))
            return true;
          throw new Error(told.at(-1) ?? 'nothing is said');
        },
        BOUND_MS,
      );
    registry.release();
    for (const run of runs) expect(await run.exited).toMatchObject({ code: 0 });
    expect(host.output('b')).toBe('pulled\n');
    expect(registry.asked.filter((tag) => tag === '1').length).toBeLessThanOrEqual(2);
  });

  it('tries again with a growing pause while the registry is away', async () => {
    registry.failing = 4;
    const told: string[] = [];
    const run = await start('a', told);
    expect(await run.exited).toMatchObject({ code: 0 });
    const pauses = told.flatMap((line) => /failed \(.*\); attempt \d in (\d+) ms/u.exec(line)?.[1] ?? []);
    expect(pauses.length).toBeGreaterThan(0);
    expect(pauses.map(Number)).toEqual(pauses.map((_, index) => 500 * 2 ** index));
  });

  it('is stopped while it pulls, at once', async () => {
    registry.hold();
    const told: string[] = [];
    const run = await start('a', told);
    await until('it pulls', () => told.some((line) => line.includes('MiB under way')) || undefined, BOUND_MS);
    expect((await run.stop('SIGTERM', BOUND_MS)).code).toBeUndefined();
    registry.release();
    expect(await engine.containers()).toEqual([]);
  });

  it('says what there is not, and does not ask for it again', async () => {
    const told: string[] = [];
    const run = await start('a', told, registry.image('2'));
    expect((await run.exited).detail).toMatch(/shop\/web:2 cannot be pulled: .*manifest unknown/u);
    expect(told.filter((line) => line.includes('attempt'))).toEqual([]);
  });
});
