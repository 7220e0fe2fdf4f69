import { type Component, type TypeGraph } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { seeded, service, specOf, typeGraph } from './fixtures.testing.js';
import { SimLevel } from './sim-level.testing.js';

const STEP_MS = 200;
const CHAOS_STEPS = 250;
const SETTLE_STEPS = 1_200;
const QUIET_STEPS = 50;

const graphOf = (webVersion: string, over: Partial<Component> = {}): TypeGraph =>
  typeGraph(
    service('web', {
      version: webVersion,
      dependsOn: [
        { component: service('api').name, condition: 'healthy', required: true, restart: false },
        { component: service('migrate').name, condition: 'completed', required: true, restart: false },
      ],
      ...over,
    }),
    service('api', { restart: { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 } }),
    service('store', { exclusive: true, scale: { min: 1, max: 1, initial: 1 } }),
    service('worker', { ports: [] }),
    service('migrate', { runOnce: true, ports: [] }),
  );

const pick = <T>(random: () => number, values: readonly T[]): T | undefined =>
  values[Math.floor(random() * values.length)];

/** One random thing goes wrong or is asked for. */
const disturb = (sim: SimLevel, random: () => number): void => {
  const processes = [...sim.host.processes.values()].filter(({ state }) => state === 'running');
  const victim = pick(random, processes);
  const dice = random();
  if (dice < 0.25 && victim !== undefined) sim.host.kill(victim.id, sim.nowMs);
  else if (dice < 0.35 && victim?.spec.class === 'application') sim.host.sicken(victim.id, sim.nowMs);
  else if (dice < 0.45) sim.host.silentUntilMs = sim.nowMs + random() * 5_000;
  else if (dice < 0.6) sim.wanted.set('web', 1 + Math.floor(random() * 6));
  else if (dice < 0.7) sim.wanted.set('worker', Math.floor(random() * 4));
  else if (dice < 0.75) sim.changeLeader();
  else if (dice < 0.8) sim.placementsKnownAtMs = sim.nowMs + random() * 3_000;
  else if (dice < 0.9) {
    for (const { id } of sim.records) sim.router.busyUntilMs.set(id, sim.nowMs + random() * 15_000);
  } else if (dice < 0.95) sim.router.leaseEndedAtMs = sim.router.leaseEndedAtMs === null ? sim.nowMs : null;
  else {
    const version = `v${1 + Math.floor(random() * 3)}`;
    const order = random() < 0.5 ? ('start-first' as const) : ('stop-first' as const);
    sim.spec = specOf(
      graphOf(version, {
        update: { ...service('web').update, order, monitorMs: 500, failureAction: 'continue' },
      }),
    );
  }
};

const calm = (sim: SimLevel): void => {
  sim.host.silentUntilMs = 0;
  sim.placementsKnownAtMs = 0;
  sim.router.leaseEndedAtMs = null;
};

const begin = (seed: number): { readonly sim: SimLevel; readonly random: () => number } => {
  const random = seeded(seed);
  const sim = new SimLevel({ graph: graphOf('v1'), random });
  for (const [name, count] of Object.entries({ web: 3, api: 2, store: 1, worker: 1, migrate: 1 })) {
    sim.wanted.set(name, count);
  }
  return { sim, random };
};

const settle = (sim: SimLevel): number => {
  calm(sim);
  let quietSteps = 0;
  for (let step = 0; step < SETTLE_STEPS; step += 1) {
    sim.step(STEP_MS);
    // Longer than any process takes to come up or to end, and not only between two of its own timers.
    quietSteps = sim.quiet() && sim.lastPlan?.wakeAtMs === Infinity ? quietSteps + 1 : 0;
    if (quietSteps > QUIET_STEPS) return step;
  }
  throw new Error(`does not settle: ${JSON.stringify(sim.lastPlan, undefined, 1)}`);
};

const liveOf = (sim: SimLevel, component: string): readonly string[] =>
  sim.host
    .alive(component)
    .map(({ id }) => id)
    .sort();

const expectInOrder = (sim: SimLevel): void => {
  for (const [name, count] of sim.wanted) {
    const ready = sim.records.filter(({ component, phase }) => component === name && phase === 'ready');
    if (name === 'migrate') {
      expect(liveOf(sim, name)).toEqual([]);
      continue;
    }
    expect(liveOf(sim, name)).toEqual(ready.map(({ id }) => id as string).sort());
    expect(ready).toHaveLength(count);
  }
  expect(liveOf(sim, 'mitosis-router')).toHaveLength(1);
  expect(liveOf(sim, 'mitosis-manager')).toHaveLength(1);
};

describe('a level under random kills, silences and wishes', () => {
  it.each(Array.from({ length: 24 }, (_, index) => index + 1))(
    'keeps every invariant and settles without a stray (seed %i)',
    (seed) => {
      const { sim, random } = begin(seed);
      for (let step = 0; step < CHAOS_STEPS; step += 1) {
        if (random() < 0.25) disturb(sim, random);
        sim.step(STEP_MS);
      }
      settle(sim);
      expectInOrder(sim);
      const versions = new Set(
        sim.records.filter(({ component }) => component === 'web').map(({ version }) => version),
      );
      expect([...versions]).toEqual([sim.spec?.value.typeGraph.components['web']?.version]);
    },
    20_000,
  );

  it.each([31, 32, 33, 34, 35, 36])(
    'adopts what runs after the store was emptied, and stops nothing that is wanted (seed %i)',
    (seed) => {
      const { sim } = begin(seed);
      settle(sim);
      const before = liveOf(sim, 'web');
      const spec = sim.spec;
      const wanted = new Map(sim.wanted);
      sim.emptyStore();
      sim.spec = undefined;
      sim.wanted.clear();
      for (let step = 0; step < 20; step += 1) sim.step(STEP_MS);
      expect(liveOf(sim, 'web')).toEqual(before);
      sim.spec = spec;
      for (let step = 0; step < 20; step += 1) sim.step(STEP_MS);
      expect(liveOf(sim, 'web')).toEqual(before);
      for (const [name, count] of wanted) sim.wanted.set(name, count);
      settle(sim);
      expect(liveOf(sim, 'web')).toEqual(before);
      expectInOrder(sim);
    },
  );

  it.each([41, 42, 43])('disposes of everything but management (seed %i)', (seed) => {
    const { sim, random } = begin(seed);
    for (let step = 0; step < 100; step += 1) {
      if (random() < 0.1) disturb(sim, random);
      sim.step(STEP_MS);
    }
    sim.spec = specOf(graphOf('v1'), 'disposing');
    settle(sim);
    expect(sim.records.filter((record) => record.class === 'application')).toEqual([]);
    for (const name of ['web', 'api', 'store', 'worker', 'migrate']) expect(liveOf(sim, name)).toEqual([]);
    expect(liveOf(sim, 'mitosis-router')).toHaveLength(1);
  });
});
