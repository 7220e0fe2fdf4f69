/**
 * The level of deploy/compose from separately deployed services manages an application of containers under a constant
 * load through its published entry: heals, scales and rebinds it, is rolled itself, loses one replica of each service
 * and an etcd member; no request fails after one retry of a connection error, and nothing is left in the end.
 */
import { FUNCTION_NAMES } from '@mitosis/contracts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../docker/engine.js';
import type { Load } from '../level/load.js';
import { until } from '../level/until.js';
import { ComposeLevel } from './compose-level.js';
import { expectJoin } from './join.js';
import { ManagedShop } from './managed-shop.js';
import { expectStrangersRefused } from './strangers.js';
import { drawn, leaderOf, tryFault, whole } from './trial.js';

const BOUND_MS = 90_000;
/** The longest a test may wait for another level of this machine to end. */
const PREPARE_MS = 20 * 60_000;
/** Within what two instances of web are wanted for (15/s each); with MORE it is four. */
const RATE = 20;
const MORE = 35;
const SEED = 1;

const suite = (): void => {
  let level: ComposeLevel;
  let shop: ManagedShop;
  let load: Load | undefined;
  /** Failed requests that an earlier test has told of. */
  let told = 0;
  beforeAll(async () => {
    level = await ComposeLevel.prepare();
    shop = new ManagedShop(level);
  }, PREPARE_MS);
  afterEach(async (context) => {
    const failures = load?.counts.failures.slice(told) ?? [];
    told += failures.length;
    if (failures.length > 0 || context.task.result?.state === 'fail')
      process.stderr.write(await level.account());
    expect(failures).toEqual([]);
  });
  afterAll(async () => {
    await load?.stop();
    await level?.stop();
  });

  it('runs one service alone out of the file, as its page says', async () => {
    await level.up('agent', 'etcd-1', 'etcd-2', 'etcd-3', 'autoscaler-1');
    await level.ready('autoscaler-1');
    expect((await leaderOf(level, 'autoscaler')).replica).toBe('autoscaler-1');
    // With certificates, and none of the other functions.
    expect(await level.engine.containers('status=running')).toHaveLength(6);
  }, 240_000);

  it('comes up, elects a leader for each service, and serves an application of containers', async () => {
    await level.up();
    await level.ready();
    for (const name of FUNCTION_NAMES) await leaderOf(level, name);
    await shop.build();
    await shop.apply();
    await shop.ready();
    await shop.scaledTo('web', 2);
    await shop.boundTo('cheap');
    // Trials of the other are a twentieth of them, drawn by chance: a single quote may well be one.
    const quotes = await shop.quotes(40);
    expect(quotes.filter((provider) => provider === 'cheap').length).toBeGreaterThan(20);
    expect(quotes.filter((provider) => provider !== 'cheap' && provider !== 'sure')).toEqual([]);
    load = shop.load(RATE);
    await until('the load runs', () => load!.counts.ok > RATE || undefined, BOUND_MS);
  }, 240_000);

  it('replaces an instance that is killed', () => shop.loseOne('web'));

  it('has more instances under more load, and fewer under less', async () => {
    const more = shop.load(MORE);
    try {
      await shop.scaledTo('web', 4);
    } finally {
      await more.stop();
    }
    expect(more.counts.failures).toEqual([]);
    await shop.scaledTo('web', 2);
  }, 240_000);

  it('turns to the other provider when the cheap one becomes slow', async () => {
    await shop.turnCheap();
    await shop.boundTo('sure');
    await shop.turnCheap();
  }, 240_000);

  it('puts a size in force that it has seen an instance need, by a roll', async () => {
    await shop.sizedTo('ledger', 0.5, 96);
    await shop.scaledTo('ledger', 1);
  }, 240_000);

  it.each(drawn(SEED))(
    'goes on with $victim under $fault',
    (trial) => tryFault(level, shop, trial).then(() => undefined),
    240_000,
  );

  it.each(FUNCTION_NAMES)(
    'goes on while %s is rolled',
    async (name) => {
      for (const replica of level.replicas(name)) {
        await level.roll(replica);
        await level.ready(replica);
      }
      await leaderOf(level, name);
      await whole(level, shop);
    },
    240_000,
  );

  it('served every request', async () => {
    const counts = await load!.stop();
    expect(counts.failures).toEqual([]);
    expect(counts.failed).toBe(0);
    expect(counts.ok).toBe(counts.sent);
    process.stderr.write(
      `compose level: ${counts.ok} requests, ${counts.refused} refused once, ${counts.resets} reset once\n`,
    );
  });

  it('refuses a client without a certificate, with an expired one, of another level, at each port with one line', () =>
    expectStrangersRefused(level));

  it('takes in the agent of another host by a token, and not by one that has expired', () =>
    expectJoin(level));

  it('leaves no container, network or volume', async () => {
    await level.must('down', 'shop', '--volumes');
    await level.down();
    expect(await level.engine.containers()).toEqual([]);
    expect(await level.engine.must('volume', 'ls', '--quiet')).toBe('');
    expect(await level.engine.must('network', 'ls', '--quiet', '--filter', 'type=custom')).toBe('');
  });
};

describeWithEngine('a level of separately deployed services in docker-compose', suite, [
  'docker-compose',
  'iptables',
]);
