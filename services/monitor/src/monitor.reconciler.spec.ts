import {
  KEYS,
  LatencyHistogram,
  management,
  MitosisError,
  monitor,
  router,
  type ChildRecord,
  type InstanceRecord,
  type MemberRecord,
  type SiteRecord,
} from '@mitosis/contracts';
import { ShellHarness } from '@mitosis/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MonitorReconciler } from './monitor.reconciler.js';

const member = (replica: string, grpc: string, functions: MemberRecord['functions']): MemberRecord =>
  ({
    v: 1,
    replica,
    grpc,
    http: grpc,
    host: '127.0.0.1',
    site: 'local',
    pid: 1,
    functions,
    startedAtMs: 0,
  }) as MemberRecord;

const site = (name: string, agent: string): SiteRecord =>
  ({
    v: 1,
    site: name,
    driver: 'process',
    agent,
    cpus: 2,
    memoryBytes: 1,
    zone: '',
    pricePerCpuHour: 0.1,
  }) as SiteRecord;

const instance = (id: string, component: string, phase: InstanceRecord['phase'] = 'ready'): InstanceRecord =>
  ({ v: 1, id, component, class: 'application', version: '1', site: 'local', phase }) as InstanceRecord;

const child: ChildRecord = {
  v: 1,
  component: 'catalog',
  level: 'shop.catalog',
  incarnation: 1,
  wanted: 'operating',
  managers: ['127.0.0.1:70', '127.0.0.1:71'],
  appliedDigest: '',
} as unknown as ChildRecord;

const metrics = (component: string, requests: number): router.RouterMetrics => {
  const latency = new LatencyHistogram();
  for (let i = 0; i < requests; i += 1) latency.record(20);
  return router.RouterMetrics.fromPartial({
    replica: 'r',
    intervalMs: 1_000,
    routes: [{ component, port: 'default', requests, latency: latency.toMessage() }],
  });
};

let shell: MonitorReconciler;
let harness: ShellHarness;

beforeEach(async () => {
  shell = new MonitorReconciler();
  harness = await ShellHarness.open({ shell, env: { MITOSIS_AGENT: 'unix:/run/agent.sock' } });
});
afterEach(() => harness.close());

const component = (name: string): monitor.ComponentSnapshot | undefined =>
  shell.snapshot().components.find((one) => one.component === name);

describe(MonitorReconciler.name, () => {
  it('subscribes to every router and agent there is, and leaves those that are gone', async () => {
    expect(harness.peers.streamsOpen('agent', 'stats')).toEqual(['unix:/run/agent.sock']);
    await harness.put(KEYS.member('r1'), member('r1', '127.0.0.1:11', ['router']));
    await harness.put(KEYS.member('r2'), member('r2', '127.0.0.1:12', ['router']));
    await harness.put(KEYS.member('m1'), member('m1', '127.0.0.1:13', ['monitor', 'health']));
    await harness.put(KEYS.site('far'), site('far', '127.0.0.9:50'));
    await harness.put(KEYS.site('here'), site('here', ''));
    expect(harness.peers.streamsOpen('router', 'streamMetrics')).toEqual(['127.0.0.1:11', '127.0.0.1:12']);
    expect([...harness.peers.streamsOpen('agent', 'stats')].sort()).toEqual([
      '127.0.0.9:50',
      'unix:/run/agent.sock',
    ]);
    await harness.delete(KEYS.member('r1'));
    await harness.put(KEYS.member('r2'), member('r2', '127.0.0.1:22', ['router']));
    expect(harness.peers.streamsOpen('router', 'streamMetrics')).toEqual(['127.0.0.1:22']);
  });

  it('puts together what routers and agents say, and is complete when all have', async () => {
    await harness.put(KEYS.member('r1'), member('r1', '127.0.0.1:11', ['router']));
    await harness.put(KEYS.instance('web-1'), instance('web-1', 'web'));
    expect(component('web')?.last1?.known).toBe(false);
    expect(shell.snapshot().complete).toBe(false);
    harness.peers.push('router', '127.0.0.1:11', 'streamMetrics', metrics('web', 12));
    harness.peers.push('agent', 'unix:/run/agent.sock', 'stats', {
      atMs: 0,
      instances: [{ id: 'web-1', cpuCores: 0.25, memoryBytes: 77, processes: 1 }],
    });
    expect(component('web')).toMatchObject({
      last1: { known: true, rate: 12 },
      resourcesKnown: true,
      cpuCores: 0.25,
      memoryBytes: 77,
    });
    expect(shell.snapshot().complete).toBe(true);
    harness.advance(10_000);
    expect(component('web')?.last10?.known).toBe(false);
    expect(shell.snapshot().complete).toBe(false);
  });

  it('knows as much on a replica that does not lead', async () => {
    const other = new MonitorReconciler();
    const second = await ShellHarness.open({ shell: other, replica: 'manager-b', etcd: harness.etcd });
    await harness.put(KEYS.member('r1'), member('r1', '127.0.0.1:11', ['router']));
    await second.settle();
    second.peers.push('router', '127.0.0.1:11', 'streamMetrics', metrics('web', 3));
    expect(other.snapshot().components[0]?.last1?.rate).toBe(3);
    await second.close();
  });

  it('gives a new reader the present state at once', () => {
    const seen: monitor.LevelSnapshot[] = [];
    const subscription = shell.watch().subscribe((snapshot) => seen.push(snapshot));
    expect(seen.map(({ level }) => level)).toEqual(['shop']);
    subscription.unsubscribe();
  });

  it('refuses more readers than a level can have', () => {
    const subscriptions = Array.from({ length: 64 }, () => shell.watch().subscribe());
    let code = '';
    shell.watch().subscribe({ error: (error: MitosisError) => (code = error.code) });
    expect(code).toBe('exhausted');
    for (const subscription of subscriptions) subscription.unsubscribe();
  });

  it('asks the leader of a child’s monitor, and shows the child as a component', async () => {
    await harness.put(KEYS.child('catalog'), child);
    harness.peers.answer('management', 'directory', (_, address) => {
      if (address === '127.0.0.1:70') throw new MitosisError('unavailable', 'gone');
      return management.DirectoryReply.fromPartial({
        level: 'shop.catalog',
        leaders: [{ function: 'monitor', replica: 'x', grpc: '127.0.0.1:72' }],
      });
    });
    const asked: string[] = [];
    harness.peers.answer('monitor', 'summary', (_, address) => {
      asked.push(address);
      return monitor.LevelSummary.fromPartial({
        level: 'shop.catalog',
        known: true,
        cpuCores: 0.5,
        instances: 2,
        costPerHour: 3,
        entry: { component: 'api', last10: { known: true, rate: 4 } },
      });
    });
    expect(await harness.pass()).toMatchObject({ kind: 'idle', reason: '1 of 1 child levels answered' });
    expect(asked).toEqual(['127.0.0.1:72']);
    expect(component('catalog')).toMatchObject({ resourcesKnown: true, cpuCores: 0.5, last10: { rate: 4 } });
    expect(shell.summary()).toMatchObject({ instances: 2, costPerHour: 3 });
    await harness.pass();
    expect(harness.peers.calls.filter(({ method }) => method === 'directory')).toHaveLength(2);
  });

  it('does not take another level’s answer for the child’s', async () => {
    await harness.put(KEYS.child('catalog'), child);
    harness.peers.answer('management', 'directory', () =>
      management.DirectoryReply.fromPartial({
        level: 'other',
        leaders: [{ function: 'monitor', replica: 'x', grpc: '127.0.0.1:72' }],
      }),
    );
    expect(await harness.pass()).toMatchObject({ kind: 'waiting', reason: 'no answer from catalog' });
    expect(component('catalog')).toBeUndefined();
  });

  it('exports known figures to Prometheus and leaves unknown ones out', async () => {
    await harness.put(KEYS.member('r1'), member('r1', '127.0.0.1:11', ['router']));
    await harness.put(KEYS.instance('web-1'), instance('web-1', 'web'));
    harness.peers.push('router', '127.0.0.1:11', 'streamMetrics', metrics('web', 12));
    const text = await harness.metrics.metrics();
    expect(text).toContain('mitosis_component_requests_per_second{component="web"} 12');
    expect(text).not.toMatch(/mitosis_component_cpu_cores\{/);
  });
});
