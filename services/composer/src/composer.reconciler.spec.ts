import {
  KEYS,
  LatencyHistogram,
  levelId,
  monitor,
  PREFIXES,
  type BindingRecord,
  type ChildRecord,
  type Component,
  type SpecRecord,
  type TypeGraph,
} from '@mitosis/contracts';
import { ShellHarness } from '@mitosis/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ComposerReconciler } from './composer.reconciler.js';
import { aBinding, aComponent, aTypeGraph, own, url } from './decide/binding.testing.js';

const AGENT = 'unix:/run/agent.sock';
const MONITOR = '127.0.0.1:1';
const service = (name: string): Component => aComponent(name, { run: {} as never });
const catalog = aTypeGraph([service('api')], { digest: 'c1', level: levelId('shop.catalog') });
const shop = aTypeGraph([
  service('web'),
  aBinding([url('acme', 1), own('own', 'payment-local', 5)]),
  service('payment-local'),
]);
const nested = aTypeGraph(
  [service('web'), aComponent('catalog', { kind: 'composition', composition: catalog })],
  {
    digest: 'n1',
  },
);

let harness: ShellHarness;
let shell: ComposerReconciler;

beforeEach(async () => {
  shell = new ComposerReconciler();
  harness = await ShellHarness.open({ shell, env: { MITOSIS_AGENT: AGENT } });
  await harness.lead();
});
afterEach(() => harness.close());

const apply = async (graph: TypeGraph, expected = -1) => {
  const reply = await shell.commands.apply(JSON.stringify(graph), expected);
  await harness.settle();
  return reply;
};
const spec = (): Promise<SpecRecord | undefined> => harness.get<SpecRecord>(KEYS.spec);
const binding = (): Promise<BindingRecord | undefined> => harness.get<BindingRecord>(KEYS.binding('payment'));
const child = (): Promise<ChildRecord | undefined> => harness.get<ChildRecord>(KEYS.child('catalog'));
const changes = async (): Promise<readonly string[]> =>
  (await harness.decisions()).map(({ change }) => change);

const snapshot = (targets: Readonly<Record<string, { readonly ms: number; readonly errorRatio?: number }>>) =>
  monitor.LevelSnapshot.fromPartial({
    level: 'shop',
    components: [
      {
        component: 'payment',
        targets: Object.entries(targets).map(([target, { ms, errorRatio = 0 }]) => {
          const histogram = new LatencyHistogram();
          for (let i = 0; i < 100; i += 1) histogram.record(ms);
          const window = {
            known: true,
            seconds: 10,
            rate: 10,
            errorRatio,
            p95Ms: ms,
            histogram: histogram.toMessage(),
          };
          return { target, last10: window };
        }),
      },
    ],
  });

const look = async (...args: Parameters<typeof snapshot>): Promise<void> => {
  harness.advance(1_000);
  harness.peers.push('monitor', MONITOR, 'watch', snapshot(...args));
  await harness.pass();
};

describe('commands of the composer', () => {
  it('put a type graph in force, once', async () => {
    expect(await apply(shop, 0)).toEqual({ generation: 1, changed: true });
    expect(await apply(shop)).toEqual({ generation: 1, changed: false });
    expect(await spec()).toMatchObject({ generation: 1, phase: 'operating', typeGraph: { digest: 'd1' } });
    expect(await changes()).toEqual(['generation 1: +web +payment +payment-local']);
  });

  it('refuse what is not what was expected, and what is no type graph of this level', async () => {
    await apply(shop);
    await expect(apply({ ...shop, digest: 'd2' }, 0)).rejects.toMatchObject({ code: 'conflict' });
    await expect(apply({ ...shop, level: levelId('other') })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect((await spec())?.generation).toBe(1);
  });

  it('fail on a replica that does not lead', async () => {
    await harness.depose();
    await expect(apply(shop)).rejects.toMatchObject({ code: 'not_leader' });
  });

  it('override a count until it expires', async () => {
    await apply(shop);
    const request = { component: 'web', count: 4, expiresInMs: 5_000, reason: 'sale' };
    await shell.commands.override(request);
    expect(await harness.get(KEYS.override('web'))).toMatchObject({ count: 4, reason: 'sale' });
    await harness.pass();
    expect(await harness.get(KEYS.override('web'))).toBeDefined();
    harness.advance(5_000);
    await harness.pass();
    expect(await harness.get(KEYS.override('web'))).toBeUndefined();
    await shell.commands.override({ ...request, expiresInMs: 0 });
    await shell.commands.override({ ...request, count: -1 });
    expect(await harness.get(KEYS.override('web'))).toBeUndefined();
    await expect(shell.commands.override({ ...request, component: 'x' })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(shell.commands.override({ ...request, component: 'payment' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  it('dispose of a level that has nothing left', async () => {
    expect(await shell.commands.dispose()).toBe('disposed');
    await apply(shop);
    await harness.put(KEYS.instance('web-1'), { v: 1, id: 'web-1', component: 'web', class: 'application' });
    await harness.put(KEYS.instance('m-1'), {
      v: 1,
      id: 'm-1',
      component: 'mitosis-manager',
      class: 'management',
    });
    expect(await shell.commands.dispose()).toBe('disposing');
    expect(await harness.pass()).toMatchObject({ kind: 'waiting', on: 'disposal' });
    expect(shell.remaining()).toBe(1);
    await harness.delete(KEYS.instance('web-1'));
    await harness.pass();
    expect(await shell.commands.dispose()).toBe('disposed');
    expect(await apply(shop)).toEqual({ generation: 2, changed: true });
  });
});

describe('bindings', () => {
  const endpoints = {
    v: 1,
    component: 'payment-local',
    endpoints: [{ instance: 'p-1', state: 'ready', ports: {} }],
  };

  it('are made at once, moved when the alternative is bad, and explained', async () => {
    await apply(shop);
    await harness.put(KEYS.endpoints('payment-local'), endpoints);
    await harness.pass();
    expect(await binding()).toMatchObject({ active: 'acme' });
    for (let i = 0; i < 2; i += 1) await look({ acme: { ms: 40 }, own: { ms: 60 } });
    for (let i = 0; i < 5; i += 1) await look({ acme: { ms: 1_500 }, own: { ms: 60 } });
    expect(await binding()).toMatchObject({ active: 'own' });
    const decision = (await harness.decisions()).find(({ action }) => action === 'rebind');
    expect(decision?.reason).toMatch(
      /^acme: p95 is 1500 ms where 250 ms are asked for .* s; own takes over$/,
    );
    expect(decision?.inputs).toMatchObject({
      alternatives: { acme: { verdict: 'bad' }, own: { verdict: 'good' } },
    });
  });

  it('are moved within one look when the alternative fails', async () => {
    await apply(shop);
    await harness.put(KEYS.endpoints('payment-local'), endpoints);
    await harness.pass();
    await look({ acme: { ms: 40 } });
    await look({ acme: { ms: 40, errorRatio: 0.9 } });
    expect(await binding()).toMatchObject({ active: 'own' });
  });

  it('are only advised about in mode advise, and left alone when paused', async () => {
    await apply(shop);
    await harness.put(KEYS.endpoints('payment-local'), endpoints);
    harness.mode = 'advise';
    await harness.pass();
    expect(await binding()).toMatchObject({ active: 'acme' });
    for (let i = 0; i < 4; i += 1) await look({ acme: { ms: 40, errorRatio: 0.9 } });
    harness.mode = 'paused';
    await look({ acme: { ms: 40, errorRatio: 0.9 } });
    expect(await binding()).toMatchObject({ active: 'acme' });
    const advised = (await harness.decisions()).filter(({ applied }) => !applied);
    expect(advised.map(({ change }) => change)).toEqual(['acme → own']);
  });

  it('are removed with their component', async () => {
    await apply(shop);
    await harness.pass();
    await apply(aTypeGraph([service('web')], { digest: 'd2' }));
    await harness.pass();
    expect([...(await harness.list(PREFIXES.bindings)).keys()]).toEqual([]);
  });
});

describe('child levels', () => {
  const levels = (incarnation: number) => ({
    levels: [
      {
        level: 'shop.catalog',
        parent: 'shop',
        incarnation,
        highestEpoch: undefined,
        management: [
          {
            component: 'mitosis-manager',
            state: 'running',
            host: '127.0.0.1',
            ports: { grpc: 70, http: 71 },
          },
          { component: 'mitosis-manager', state: 'exited', host: '127.0.0.1', ports: { grpc: 72 } },
          { component: 'mitosis-etcd', state: 'running', host: '127.0.0.1', ports: { client: 73 } },
        ],
        listeners: [],
      },
    ],
  });

  const childAnswers = (): string[] => {
    const applied: string[] = [];
    harness.peers.answer('agent', 'levels', () => levels(1) as never);
    harness.peers.answer('management', 'directory', () => ({
      level: 'shop.catalog',
      incarnation: 1,
      members: [],
      leaders: [{ function: 'composer', replica: 'r', grpc: 'child-composer', epoch: undefined }],
    }));
    harness.peers.answer('composer', 'apply', ({ typeGraphJson }) => {
      applied.push((JSON.parse(typeGraphJson) as TypeGraph).digest);
      return { generation: 1, changed: true };
    });
    return applied;
  };

  const passUntil = (done: () => Promise<boolean>) =>
    expect
      .poll(async () => {
        await harness.pass();
        return done();
      })
      .toBe(true);

  it('are recorded, found by their agent, told their part and recorded as told', async () => {
    const applied = childAnswers();
    await apply(nested);
    expect(await harness.pass()).toMatchObject({ kind: 'acted' });
    expect(await child()).toMatchObject({
      level: 'shop.catalog',
      incarnation: 1,
      wanted: 'operating',
      managers: [],
    });
    await passUntil(async () => (await child())?.appliedDigest === 'c1');
    expect((await child())?.managers).toEqual(['127.0.0.1:70']);
    expect(applied).toEqual(['c1']);
    expect(await harness.pass()).toMatchObject({ kind: 'idle' });
    expect(harness.peers.calls.filter(({ method }) => method === 'levels')[0]?.address).toBe(AGENT);
  });

  it('are told anew when their part changed, and stay as they are when they do not answer', async () => {
    const applied = childAnswers();
    await apply(nested);
    await passUntil(async () => (await child())?.appliedDigest === 'c1');
    const changed = aTypeGraph(
      [
        service('web'),
        aComponent('catalog', { kind: 'composition', composition: { ...catalog, digest: 'c2' } }),
      ],
      { digest: 'n2' },
    );
    await apply(changed);
    await passUntil(async () => (await child())?.appliedDigest === 'c2');
    expect(applied).toEqual(['c1', 'c2']);
    harness.peers.answer('agent', 'levels', () => ({ levels: [] }));
    await harness.pass();
    expect(await child()).toMatchObject({ managers: ['127.0.0.1:70'], wanted: 'operating', incarnation: 1 });
  });

  it('are disposed of by their own composer before the level is', async () => {
    childAnswers();
    await apply(nested);
    await harness.put(KEYS.birth('catalog'), { v: 1, component: 'catalog' });
    await passUntil(async () => (await child())?.appliedDigest === 'c1');
    let done = false;
    harness.peers.answer('composer', 'dispose', () => ({ done, remaining: done ? 0 : 2 }));
    await shell.commands.dispose();
    await passUntil(async () => (await child())?.wanted === 'disposed');
    await passUntil(async () => harness.peers.calls.some(({ method }) => method === 'dispose'));
    expect((await spec())?.phase).toBe('disposing');
    done = true;
    await passUntil(async () => (await spec())?.phase === 'disposed');
  });
});

describe('sizes the autoscaler learned', () => {
  const MIB = 1024 * 1024;
  const none = { cpus: 0, memoryBytes: 0 };
  const limitedTo = (memory: number) => ({
    limits: { cpus: 1, memoryBytes: memory * MIB, pids: 0 },
    reservations: { ...none, pids: 0 },
  });
  const sizedGraph = (memory: number, digest: string): TypeGraph =>
    aTypeGraph(
      [
        {
          ...service('web'),
          version: 'v1',
          resources: limitedTo(memory),
          sizing: { mode: 'apply', least: none, most: none },
        },
      ],
      { digest },
    );
  const record = {
    v: 1,
    component: 'web',
    cpus: 0.5,
    memoryBytes: 200 * MIB,
    of: { cpus: 1, memoryBytes: 512 * MIB },
    atMs: 0,
    reason: 'what instances used',
    decision: 'why',
  };
  const web = async (): Promise<Component | undefined> => (await spec())?.typeGraph.components.web;

  it('are put in force in the spec, as another version of the same generation, with the decision they follow from', async () => {
    await apply(sizedGraph(512, 's1'));
    await harness.passUntilIdle();
    await harness.put(KEYS.size('web'), record);
    expect(await harness.pass('advise')).toMatchObject({ kind: 'idle' });
    await harness.passUntilIdle();
    expect(await web()).toMatchObject({ version: 'v1-500m-200M', said: { version: 'v1' } });
    expect(await spec()).toMatchObject({ generation: 1, typeGraph: { digest: 's1' } });
    const decision = (await harness.decisions()).at(-1);
    expect(decision).toMatchObject({
      action: 'size',
      change: '1 cpus, 512 MiB → 0.5 cpus, 200 MiB',
      causes: ['why'],
    });
    expect(await apply(sizedGraph(512, 's1'))).toEqual({ generation: 1, changed: false });
  });

  it('hold over an apply that says the same limits, and end at once with one that says others', async () => {
    await harness.put(KEYS.size('web'), record);
    await apply(sizedGraph(512, 's1'));
    expect((await web())?.version).toBe('v1-500m-200M');
    await apply(sizedGraph(256, 's2'));
    expect(await web()).toMatchObject({ version: 'v1', resources: limitedTo(256) });
    await harness.passUntilIdle();
    expect((await web())?.version).toBe('v1');
  });

  it('are taken out again when the record is gone', async () => {
    await harness.put(KEYS.size('web'), record);
    await apply(sizedGraph(512, 's1'));
    await harness.delete(KEYS.size('web'));
    await harness.passUntilIdle();
    expect(await web()).toMatchObject({ version: 'v1', resources: limitedTo(512) });
    expect(await changes()).toContain('0.5 cpus, 200 MiB → 1 cpus, 512 MiB');
  });
});
