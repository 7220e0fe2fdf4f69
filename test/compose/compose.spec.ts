/** The level of deploy/compose from separately deployed services: comes up, loses a replica of each, leaves nothing. */
import { FUNCTION_NAMES } from '@mitosis/contracts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../docker/engine.js';
import { until } from '../level/until.js';
import { ComposeLevel } from './compose-level.js';

const BOUND_MS = 90_000;
const COMPOSITION = `
name: shop
x-mitosis: { entry: web }
services:
  web:
    command: ["node", "-e", "0"]
    working_dir: /tmp
    deploy: { replicas: 0 }
`;

describeWithEngine('a level of separately deployed services in docker-compose', () => {
  let level: ComposeLevel;
  beforeAll(async () => {
    level = await ComposeLevel.prepare();
  });
  afterEach(async (context) => {
    if (context.task.result?.state === 'fail') process.stderr.write(await level.logs());
  });
  afterAll(() => level?.stop());

  it('comes up, elects a leader for each service, and takes a composition', async () => {
    await level.up();
    await level.ready();
    for (const name of FUNCTION_NAMES)
      await until(`${name} has a leader`, () => level.leader(name), BOUND_MS, 200);
    await level.apply(COMPOSITION);
    expect(await level.must('status')).toContain('generation 1');
  }, 240_000);

  it.each(FUNCTION_NAMES)('%s: another replica leads when the leader is killed', async (name) => {
    const before = await until(`${name} has a leader`, () => level.leader(name), BOUND_MS, 200);
    await level.engine.must('kill', level.container(before));
    const other = await until(
      `${name} is led by another than ${before}`,
      async () => {
        const now = await level.leader(name);
        return now === before ? undefined : now;
      },
      BOUND_MS,
      100,
    );
    expect(other).not.toBe(before);
    // A container that is killed by hand stays down until it is started by hand.
    await level.engine.must('start', level.container(before));
    await level.ready();
  });

  it('goes on with an etcd member paused', async () => {
    await level.engine.must('pause', level.container('etcd-2'));
    await level.apply(COMPOSITION.replace('/tmp', '/'));
    await level.engine.must('unpause', level.container('etcd-2'));
    await level.ready();
    expect(await level.must('status')).toContain('generation 2');
  });

  it('leaves no container, network or volume', async () => {
    await level.down();
    expect(await level.engine.containers()).toEqual([]);
    expect(await level.engine.must('volume', 'ls', '--quiet')).toBe('');
    expect(await level.engine.must('network', 'ls', '--quiet', '--filter', 'type=custom')).toBe('');
  });
});
