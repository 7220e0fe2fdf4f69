/** A leader that dies in the middle of a surge: its successor knows what it knew and goes on as it would have. */
import { KEYS, monitor, siteId, type SpecRecord, type TargetRecord } from '@mitosis/contracts';
import { ShellHarness } from '@mitosis/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AutoscalerReconciler } from './autoscaler.reconciler.js';
import { aComponent, aTypeGraph, calls, p95 } from './decide/observation.testing.js';

const MONITOR = '127.0.0.1:1';
const NAMES = ['web', 'api', 'batch'] as const;

const each = {
  limits: { cpus: 1, memoryBytes: 0, pids: 0 },
  reservations: { cpus: 0, memoryBytes: 0, pids: 0 },
};
const scale = { min: 1, max: 20, initial: 2 };

const spec: SpecRecord = {
  v: 1,
  generation: 1,
  phase: 'operating',
  typeGraph: aTypeGraph(
    [
      aComponent('web', { dependsOn: calls('api'), scale, resources: each }),
      aComponent('api', { scale, resources: each }),
      aComponent('batch', {
        scale,
        resources: each,
        policy: {
          kind: 'combine',
          policies: [
            { kind: 'external', address: '127.0.0.1:9100', options: {} },
            {
              kind: 'kpa',
              metric: 'rps',
              target: 20,
              stableWindowMs: 60_000,
              panicWindow: 0.1,
              panicThreshold: 2,
              upRateMax: 1_000,
              downRateMax: 2,
              downDelayMs: 0,
            },
          ],
        },
      }),
    ],
    { objective: p95(300), budgetPerHour: 5 },
  ),
  appliedAtMs: 0,
};

/** web waits 60 ms for api and works 50 ms itself; what it cannot serve piles up. */
const snapshot = (rate: number, waiting = 0): monitor.LevelSnapshot =>
  monitor.LevelSnapshot.fromPartial({
    level: 'shop',
    complete: true,
    components: NAMES.map((component) => {
      const meanMs = component === 'web' ? 110 : 60;
      const window = { known: true, rate, p50Ms: meanMs, p95Ms: 1.6 * meanMs, p99Ms: 2 * meanMs, meanMs };
      return {
        component,
        last1: { ...window, seconds: 1 },
        last10: { ...window, seconds: 10 },
        last60: { ...window, seconds: 60 },
        inFlight: (rate * meanMs) / 1_000 + (component === 'web' ? waiting : 0),
      };
    }),
  });

const endpoints = (component: string) => ({
  v: 1,
  component,
  endpoints: [0, 1].map((i) => ({
    instance: `${component}-${i}`,
    host: '127.0.0.1',
    ports: {},
    state: 'ready',
    readySinceMs: 0,
  })),
});

const shells = (): AutoscalerReconciler[] =>
  Array.from(
    { length: 3 },
    () => new AutoscalerReconciler({ holdMs: 10_000, sizeSampleMs: 60_000, outside: '' }),
  );

let leader: ShellHarness;
let successor: ShellHarness;
/** Sees all and never leads: what an undisturbed leader would think. */
let witness: ShellHarness;
let models: AutoscalerReconciler[];

beforeEach(async () => {
  models = shells();
  const [first, second, third] = models as [AutoscalerReconciler, AutoscalerReconciler, AutoscalerReconciler];
  leader = await ShellHarness.open({ shell: first });
  const { etcd, peers } = leader;
  successor = await ShellHarness.open({ shell: second, etcd, peers, replica: 'manager-b' });
  witness = await ShellHarness.open({ shell: third, etcd, peers, replica: 'manager-c' });
  peers.answer('policy', 'recommend', () => ({
    count: 4,
    reason: 'so be it',
    predictedMs: 0,
    predictedPercentile: 0,
  }));
  await leader.put(KEYS.spec, spec);
  await leader.put(KEYS.site('local'), {
    v: 1,
    site: siteId('local'),
    driver: 'process',
    agent: '',
    cpus: 0,
    memoryBytes: 0,
    zone: '',
    pricePerCpuHour: 0.25,
  });
  for (const name of NAMES) await leader.put(KEYS.endpoints(name), endpoints(name));
});
afterEach(async () => {
  await successor.close();
  await witness.close();
});

const second = async (leading: ShellHarness, rate: number, waiting = 0): Promise<void> => {
  for (const harness of [leader, successor, witness]) harness.advance(1_000);
  leading.peers.push('monitor', MONITOR, 'watch', snapshot(rate, waiting));
  await leading.pass();
  await successor.settle();
  await witness.settle();
};

const recommended = (shell: AutoscalerReconciler | undefined): unknown => {
  const { components } = shell?.describe() ?? {};
  return (components as { component: string; recommended: number }[]).map(
    (one) => `${one.component} ${one.recommended}`,
  );
};

describe('a leader killed in the middle of a surge', () => {
  it('leaves a successor that has its model, forecast, price, late budget, calls per request and external answers', async () => {
    for (let i = 0; i < 90; i += 1) await second(leader, 30 + (i % 5));
    for (let i = 1; i <= 3; i += 1) await second(leader, 60, 150 * i);
    const known = models[0]?.model();
    const { web, batch } = known?.components ?? {};
    // None of what is compared is empty.
    expect(web?.policy).toMatchObject({
      price: { weight: expect.any(Number) },
      budget: { lastMs: expect.any(Number) },
    });
    expect(Object(web?.policy.price).weight).toBeGreaterThan(300);
    expect(Object(web?.policy.budget).requests).toBeGreaterThan(1_000);
    expect(Object(web?.policy.model).serviceMs).toBeGreaterThan(10);
    expect(known?.visits.calls.api?.web).toBeCloseTo(1);
    expect(JSON.stringify(batch?.policy)).toContain('external');
    expect(models[1]?.model()).toEqual(known);

    const before = (await leader.get<TargetRecord>(KEYS.target('web')))?.count ?? 0;
    await leader.depose();
    await leader.close();
    for (let i = 4; i <= 6; i += 1) await second(successor, 60, 150 * i);

    expect(models[1]?.model()).toEqual(models[2]?.model());
    expect(recommended(models[1])).toEqual(recommended(models[2]));
    const after = await successor.get<TargetRecord>(KEYS.target('web'));
    expect(after?.count).toBeGreaterThanOrEqual(before);
    // The budget holds in the new term as it did: 20 instances of 0.25.
    const targets = await Promise.all(NAMES.map((name) => successor.get<TargetRecord>(KEYS.target(name))));
    expect(0.25 * targets.reduce((sum, target) => sum + (target?.count ?? 0), 0)).toBeLessThanOrEqual(5);
    expect(models[1]?.describe().budget).toMatchObject({ perHour: 5, overdrawn: false });
  });
});

describe('a level whose autoscalers all restarted', () => {
  const modelKey = KEYS.fact('autoscaler', 'model/web');

  const restarted = async (): Promise<AutoscalerReconciler> => {
    const shell = new AutoscalerReconciler({ holdMs: 10_000, sizeSampleMs: 60_000, outside: '' });
    const { etcd, peers } = leader;
    await leader.depose();
    await successor.close();
    successor = await ShellHarness.open({
      shell,
      etcd,
      peers,
      replica: 'manager-d',
      nowMs: witness.context.nowMs(),
    });
    return shell;
  };

  it('goes on with what the leader kept a minute ago', async () => {
    for (let i = 0; i < 130; i += 1) await second(leader, 30 + (i % 5));
    const record = await leader.get<{ atMs: number; policy: { model: { serviceMs: number } } }>(modelKey);
    expect(record?.policy.model.serviceMs).toBeGreaterThan(10);
    const shell = await restarted();
    await second(successor, 30);
    const { web } = shell.model().components;
    expect(Object(web?.policy.model).serviceMs).toBeCloseTo(record?.policy.model.serviceMs ?? 0, 0);
    expect(Object(web?.policy.price).weight).toBeGreaterThan(300);
    expect(shell.model().visits.calls.api?.web).toBeCloseTo(1);
  });

  it('is written by the leader alone, once a minute, and goes with its component', async () => {
    let written = 0;
    let last: string | undefined;
    for (let i = 0; i < 190; i += 1) {
      await second(leader, 30);
      const now = JSON.stringify(await leader.get(modelKey));
      if (now !== last) written += 1;
      last = now;
    }
    expect(written).toBe(3);
    const { web, api } = spec.typeGraph.components;
    if (web === undefined || api === undefined) throw new Error('the spec has no web and api');
    const typeGraph = aTypeGraph([api], { digest: 'd2' });
    await leader.put(KEYS.spec, { ...spec, generation: 2, typeGraph });
    for (let i = 0; i < 61; i += 1) await second(leader, 30);
    expect(await leader.get(modelKey)).toBeUndefined();
  });

  it('begins anew where what is kept is malformed', async () => {
    for (let i = 0; i < 70; i += 1) await second(leader, 30);
    await leader.put(modelKey, { v: 1, component: 'web', version: 'v1', kind: 'slo', policy: { model: 7 } });
    const shell = await restarted();
    await second(successor, 30);
    expect(Object(shell.model().components.web?.policy.price).weight).toBeLessThan(60);
  });
});
