import {
  KEYS,
  MitosisError,
  monitor,
  PREFIXES,
  type ControlMode,
  type policy,
  type SizeRecord,
  type SpecRecord,
  type TargetRecord,
} from '@mitosis/contracts';
import { ShellHarness } from '@mitosis/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AutoscalerReconciler } from './autoscaler.reconciler.js';
import { aComponent, aTypeGraph, calls, p95 } from './decide/observation.testing.js';

const web = aComponent('web', { scale: { min: 1, max: 10, initial: 2 } });

const specOf = (overrides: Partial<SpecRecord> = {}): SpecRecord => ({
  v: 1,
  generation: 1,
  phase: 'operating',
  typeGraph: aTypeGraph([web], { objective: p95(200) }),
  appliedAtMs: 0,
  ...overrides,
});

const MONITOR = '127.0.0.1:1';

const snapshot = (rate: number, known = true): monitor.LevelSnapshot =>
  monitor.LevelSnapshot.fromPartial({
    level: 'shop',
    complete: true,
    components: [
      {
        component: 'web',
        last1: { known, seconds: 1, rate, p50Ms: 45, p95Ms: 80, p99Ms: 90, meanMs: 50 },
        last10: { known, seconds: 10, rate, p50Ms: 45, p95Ms: 80, p99Ms: 90, meanMs: 50 },
        last60: { known, seconds: 60, rate, p50Ms: 45, p95Ms: 80, p99Ms: 90, meanMs: 50 },
        inFlight: rate * 0.05,
      },
    ],
  });

const endpoints = (count: number) => ({
  v: 1,
  component: 'web',
  endpoints: Array.from({ length: count }, (_, i) => ({
    instance: `web-${i}`,
    host: '127.0.0.1',
    ports: {},
    state: 'ready',
    readySinceMs: 0,
  })),
});

let harness: ShellHarness;
let shell: AutoscalerReconciler;

beforeEach(async () => {
  shell = new AutoscalerReconciler({ holdMs: 10_000, sizeSampleMs: 60_000, outside: '' });
  harness = await ShellHarness.open({ shell });
});
afterEach(() => harness.close());

const target = (): Promise<TargetRecord | undefined> => harness.get<TargetRecord>(KEYS.target('web'));

/** One second of the monitor's stream, then a pass. */
const second = async (rate: number, of: ShellHarness = harness): Promise<void> => {
  of.advance(1_000);
  of.peers.push('monitor', MONITOR, 'watch', snapshot(rate));
  await of.pass();
};

describe(AutoscalerReconciler.name, () => {
  it('waits for a composition', async () => {
    expect(await harness.pass()).toMatchObject({ kind: 'waiting', on: 'spec' });
  });

  it('writes the first target with its decision, then nothing', async () => {
    await harness.put(KEYS.spec, specOf());
    expect(await harness.pass()).toMatchObject({ kind: 'acted', changes: 1 });
    expect(await target()).toMatchObject({ count: 2, generation: 1, reason: 'the first count' });
    expect(await harness.pass()).toMatchObject({ kind: 'idle' });
    const decisions = await harness.decisions();
    expect(decisions).toMatchObject([{ component: 'web', action: 'scale', change: '→ 2', applied: true }]);
    expect((await target())?.decision).toBe(decisions[0]?.id);
  });

  it('nudges at each snapshot and scales with the load, telling the figures', async () => {
    await harness.put(KEYS.spec, specOf());
    await harness.put(KEYS.endpoints('web'), endpoints(2));
    for (let i = 0; i < 5; i += 1) await second(30);
    const nudges = harness.nudges;
    for (let i = 0; i < 4; i += 1) await second(250);
    expect(harness.nudges).toBeGreaterThanOrEqual(nudges + 4);
    expect((await target())?.count).toBeGreaterThan(2);
    const decision = (await harness.decisions()).at(-1);
    expect(decision?.policy).toBe('slo');
    expect(Object.keys(decision?.inputs ?? {})).toEqual(
      expect.arrayContaining(['rate', 'inFlight', 'serviceMs', 'predicted', 'ready', 'capacityPerInstance']),
    );
  });

  it('asks an external policy with what it observed, follows its answer, and keeps the count when it falls silent', async () => {
    const asked: policy.PolicyObservation[] = [];
    harness.peers.answer('policy', 'recommend', (request, address) => {
      expect(address).toBe('127.0.0.1:9100');
      asked.push(request);
      return { count: 7, reason: 'the oracle says so', predictedMs: 0, predictedPercentile: 0 };
    });
    const external = aComponent('web', {
      policy: { kind: 'external', address: '127.0.0.1:9100', options: { mood: 'bold' } },
    });
    await harness.put(KEYS.spec, specOf({ typeGraph: aTypeGraph([external]) }));
    await harness.put(KEYS.endpoints('web'), endpoints(2));
    await second(30);
    await second(30);
    await second(30);
    expect(await target()).toMatchObject({ count: 7, reason: '127.0.0.1:9100: the oracle says so' });
    expect(asked[0]).toMatchObject({
      component: 'web',
      count: 2,
      min: 1,
      max: 10,
      ready: 2,
      requestsKnown: true,
      usageKnown: false,
      last10: { rate: 30 },
      options: { mood: 'bold' },
    });
    harness.peers.answer('policy', 'recommend', () => {
      throw new MitosisError('unavailable', 'gone');
    });
    for (let i = 0; i < 15; i += 1) await second(30);
    expect((await target())?.count).toBe(7);
    expect(shell.describe()).toMatchObject({
      components: [{ reason: expect.stringContaining('has been silent for') }],
    });
  });

  it('advises a size once from what instances use, and applies none', async () => {
    await harness.put(KEYS.spec, specOf());
    await harness.put(KEYS.endpoints('web'), endpoints(2));
    const used = { resourcesKnown: true, cpuCores: 0.5, memoryBytes: 200 * 1024 * 1024, instancesSeen: 2 };
    for (let i = 0; i < 15 * 60; i += 10) {
      harness.advance(10_000);
      const [component] = snapshot(30).components;
      const message = monitor.LevelSnapshot.fromPartial({
        ...snapshot(30),
        components: [{ ...component, ...used }],
      });
      harness.peers.push('monitor', MONITOR, 'watch', message);
      await harness.pass();
    }
    const sizes = (await harness.decisions()).filter(({ action }) => action === 'size');
    expect(sizes).toMatchObject([
      {
        component: 'web',
        applied: false,
        change: expect.stringMatching(/^no cpus, no MiB → 0\.3\d* cpus, 12\d MiB$/),
      },
    ]);
  });

  it('applies a size where the composition says so, once an hour, and only advises while it must', async () => {
    const MIB = 1024 * 1024;
    const none = { cpus: 0, memoryBytes: 0 };
    const limits = { cpus: 1, memoryBytes: 512 * MIB, pids: 0 };
    const sized = aComponent('web', {
      resources: { limits, reservations: { ...none, pids: 0 } },
      sizing: { mode: 'apply', least: none, most: none },
    });
    await harness.put(KEYS.spec, specOf({ typeGraph: aTypeGraph([sized]) }));
    await harness.put(KEYS.endpoints('web'), endpoints(2));
    const used = { resourcesKnown: true, cpuCores: 0.5, memoryBytes: 200 * MIB, instancesSeen: 2 };
    const minutes = async (count: number, mode: ControlMode): Promise<void> => {
      for (let i = 0; i < 6 * count; i += 1) {
        harness.advance(10_000);
        const [component] = snapshot(30).components;
        harness.peers.push(
          'monitor',
          MONITOR,
          'watch',
          monitor.LevelSnapshot.fromPartial({ ...snapshot(30), components: [{ ...component, ...used }] }),
        );
        await harness.pass(mode);
      }
    };
    await minutes(15, 'advise');
    expect(await harness.get(KEYS.size('web'))).toBeUndefined();
    await minutes(5, 'run');
    const record = await harness.get<SizeRecord>(KEYS.size('web'));
    expect(record).toMatchObject({ component: 'web', of: { cpus: 1, memoryBytes: 512 * MIB } });
    expect(record?.cpus).toBeLessThan(0.4);
    expect(record?.memoryBytes).toBeLessThan(140 * MIB);
    const sizes = (await harness.decisions()).filter(({ action }) => action === 'size');
    expect(sizes).toMatchObject([{ component: 'web', applied: true, id: record?.decision }]);
  });

  it('keeps the target while the monitor is silent', async () => {
    await harness.put(KEYS.spec, specOf());
    await harness.put(KEYS.endpoints('web'), endpoints(2));
    for (let i = 0; i < 4; i += 1) await second(250);
    const before = (await target())?.count;
    for (let i = 0; i < 60; i += 1) {
      harness.advance(1_000);
      await harness.pass();
    }
    expect((await target())?.count).toBe(before);
    expect(await harness.pass()).toMatchObject({
      kind: 'idle',
      reason: expect.stringContaining('no metrics'),
    });
  });

  it('goes on in a new leader with the model its predecessor had', async () => {
    const other = new AutoscalerReconciler({ holdMs: 10_000, sizeSampleMs: 60_000, outside: '' });
    const follower = await ShellHarness.open({
      shell: other,
      etcd: harness.etcd,
      peers: harness.peers,
      replica: 'manager-b',
    });
    await harness.put(KEYS.spec, specOf());
    await harness.put(KEYS.endpoints('web'), endpoints(2));
    for (let i = 0; i < 8; i += 1) {
      follower.advance(1_000);
      await second(30 + i * 20);
    }
    await follower.settle();
    const models = [shell, other].map((one) => one.describe().components);
    expect(models[1]).toEqual(models[0]);
    expect(JSON.stringify(models[0])).toContain('"capacityPerInstance"');
    await harness.depose();
    expect((await follower.pass()).kind).not.toBe('failed');
    await follower.close();
  });

  it('is held by the ceiling of another service, says so once, and goes on as soon as it is gone', async () => {
    const policy = {
      kind: 'target',
      metric: 'rps',
      value: 20,
      tolerance: 0.1,
      downWindowMs: 60_000,
    } as const;
    const typeGraph = aTypeGraph([aComponent('web', { scale: { min: 1, max: 10, initial: 2 }, policy })]);
    await harness.put(KEYS.spec, specOf({ typeGraph }));
    await harness.put(KEYS.endpoints('web'), endpoints(2));
    const ceiling = { v: 1, function: 'placer', counts: { web: 2 }, reason: 'it is full', decision: 'why' };
    await harness.put(KEYS.ceiling('placer'), { ...ceiling, expiresAtMs: Number.MAX_SAFE_INTEGER });
    await harness.pass();
    harness.advance(1_000);
    harness.peers.push('monitor', MONITOR, 'watch', snapshot(80));
    expect(await harness.pass()).toMatchObject({ kind: 'idle', reason: 'holds web 2, not 4' });
    expect(await harness.pass()).toMatchObject({
      kind: 'idle',
      reason: '1 components are at what is wanted',
    });
    const held = (await harness.decisions()).filter(({ action }) => action === 'hold');
    expect(held).toMatchObject([{ component: 'web', causes: ['why'] }]);
    expect(held[0]?.reason).toMatch(/held at 2 by placer: it is full$/);
    await harness.delete(KEYS.ceiling('placer'));
    expect(await harness.pass()).toMatchObject({ kind: 'acted', reason: 'web 2 → 4' });
  });

  it('obeys an override at once, in every mode, and advises without applying', async () => {
    await harness.put(KEYS.spec, specOf());
    await harness.pass();
    await harness.put(KEYS.override('web'), { v: 1, component: 'web', count: 7, expiresAtMs: 0, reason: '' });
    await harness.pass('paused');
    expect(await target()).toMatchObject({ count: 7, reason: 'set by hand' });
    await harness.delete(KEYS.override('web'));
    await harness.put(
      KEYS.spec,
      specOf({ typeGraph: aTypeGraph([aComponent('web', { policy: { kind: 'fixed' } })], { digest: 'd2' }) }),
    );
    expect(await harness.pass('advise')).toMatchObject({ kind: 'idle', reason: 'advises web 7 → 2' });
    await harness.pass('advise');
    expect((await target())?.count).toBe(7);
    expect((await harness.decisions()).filter(({ applied }) => !applied).length).toBe(1);
    await harness.pass('run');
    expect((await target())?.count).toBe(2);
  });

  it('removes the target of a component that went, and touches nothing while disposing', async () => {
    await harness.put(KEYS.spec, specOf());
    await harness.pass();
    await harness.put(KEYS.spec, specOf({ phase: 'disposing' }));
    expect(await harness.pass()).toMatchObject({ kind: 'idle' });
    await harness.put(KEYS.spec, specOf({ typeGraph: aTypeGraph([aComponent('other')], { digest: 'd2' }) }));
    await harness.pass();
    expect([...(await harness.list(PREFIXES.targets)).keys()]).toEqual([KEYS.target('other')]);
  });

  it('cannot write once another replica leads', async () => {
    await harness.put(KEYS.spec, specOf());
    const session = await harness.lead();
    await harness.depose();
    const pass = shell.pass({ session, signal: session.signal, mode: 'run', nowMs: harness.context.nowMs() });
    await expect(pass).rejects.toMatchObject({ code: 'fenced' });
    expect(await target()).toBeUndefined();
  });

  it('stores what a parent hands down when it differs by more than a tenth', async () => {
    await harness.put(KEYS.spec, specOf());
    await harness.lead();
    const handDown = async (p95Ms: number) => {
      const curve = await shell.handDown({ level: 'shop', p95Ms, errorRatio: 0 });
      await harness.settle();
      return curve;
    };
    expect(await handDown(100)).toEqual({ points: [] });
    await handDown(105);
    expect(await harness.get(KEYS.objective)).toMatchObject({ p95Ms: 100 });
    await handDown(150);
    expect(await harness.get(KEYS.objective)).toMatchObject({ p95Ms: 150 });
    await expect(shell.handDown({ level: 'other', p95Ms: 1, errorRatio: 0 })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  it("tells child levels their share and keeps the child's costs", async () => {
    const point = { p95Ms: 150, instances: 2, costPerHour: 0.2 };
    harness.peers.answer('management', 'directory', () => ({
      level: 'shop.catalog',
      incarnation: 1,
      members: [],
      leaders: [{ function: 'autoscaler', replica: 'r', grpc: 'child-leader', epoch: undefined }],
    }));
    harness.peers.answer('autoscaler', 'setObjective', () => ({ points: [point] }));
    const typeGraph = aTypeGraph(
      [aComponent('web', { dependsOn: calls('catalog') }), aComponent('catalog', { kind: 'composition' })],
      { objective: p95(300) },
    );
    await harness.put(KEYS.child('catalog'), {
      v: 1,
      component: 'catalog',
      level: 'shop.catalog',
      incarnation: 1,
      wanted: 'operating',
      managers: ['manager-1'],
      appliedDigest: '',
    });
    await harness.put(KEYS.spec, specOf({ typeGraph }));
    await harness.pass();
    await expect
      .poll(() => shell.describe().children)
      .toEqual([{ component: 'catalog', level: 'shop.catalog', p95Ms: 150, costs: [point], error: '' }]);
    const told = harness.peers.calls.find(({ method }) => method === 'setObjective');
    expect(told).toMatchObject({
      address: 'child-leader',
      request: { level: 'shop.catalog', p95Ms: 150, errorRatio: 0 },
    });
  });
});
