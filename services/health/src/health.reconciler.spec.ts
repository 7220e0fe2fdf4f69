import {
  agent,
  KEYS,
  MitosisError,
  siteId,
  type EndpointsRecord,
  type InstanceRecord,
  type ListenersRecord,
} from '@mitosis/contracts';
import { FakePeers, ShellHarness } from '@mitosis/service-kit/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { placement, RELEASE, service, specOf, target, typeGraph } from './decide/fixtures.testing.js';
import { HealthReconciler } from './health.reconciler.js';

const AGENT = 'unix:/tmp/agent.sock';
const SITE = siteId('local');

/** An agent behind the fake peers: answers acts at once and tells what it does. */
class FakeAgent {
  readonly running = new Map<string, agent.InstanceStatus>();
  readonly headers: (agent.StartRequest['act'] | undefined)[] = [];
  /** Phase of the record at the moment of each act, read from the store. */
  readonly phasesAtAct: string[] = [];

  constructor(private readonly harness: ShellHarness) {
    const { peers } = harness;
    peers.answer('agent', 'ensureListeners', (request) => ({
      listeners: request.listeners.map(({ name, host }, index) => ({
        name,
        host,
        port: 9_000 + index,
        error: '',
      })),
    }));
    peers.answer('agent', 'start', async (request) => {
      this.headers.push(request.act);
      const spec = request.spec ?? agent.InstanceSpec.fromPartial({});
      this.phasesAtAct.push(`start in ${await this.phaseOf(spec.id)}`);
      const status = statusOf(spec.id, spec.component, { class: spec.class, version: spec.version });
      this.running.set(spec.id, status);
      return status;
    });
    peers.answer('agent', 'stop', async (request) => {
      this.headers.push(request.act);
      this.phasesAtAct.push(`stop in ${await this.phaseOf(request.id)}`);
      const known = this.running.get(request.id);
      const status = { ...(known ?? statusOf(request.id, '')), state: 'stopped' };
      this.running.set(request.id, status);
      return status;
    });
  }

  /** Tells everything, as a newly opened stream does. */
  sync(): void {
    for (const status of this.running.values()) this.tell(status);
    this.harness.peers.push('agent', AGENT, 'watch', { event: { $case: 'synced', value: true } });
  }

  tell(status: agent.InstanceStatus): void {
    this.running.set(status.id, status);
    this.harness.peers.push('agent', AGENT, 'watch', { event: { $case: 'status', value: status } });
  }

  private async phaseOf(id: string): Promise<string> {
    return (await this.harness.get<InstanceRecord>(KEYS.instance(id)))?.phase ?? 'none';
  }
}

const statusOf = (
  id: string,
  component: string,
  over: Partial<agent.InstanceStatus> = {},
): agent.InstanceStatus =>
  agent.InstanceStatus.fromPartial({
    id,
    component,
    class: 'application',
    version: 'v1',
    state: 'running',
    health: 'healthy',
    host: '127.0.0.1',
    ports: { default: 4_000 },
    startedAtMs: 1,
    changedAtMs: 1,
    ...over,
  });

const open: ShellHarness[] = [];
afterEach(async () => {
  for (const harness of open.splice(0)) await harness.close();
});

interface Level {
  readonly harness: ShellHarness;
  readonly agent: FakeAgent;
  readonly reconciler: HealthReconciler;
}

const begin = async (): Promise<Level> => {
  const reconciler = new HealthReconciler();
  const peers = new FakePeers();
  peers.answer('agent', 'hello', () =>
    agent.AgentInfo.fromPartial({ host: '127.0.0.1', cpus: 4, memoryBytes: 8e9 }),
  );
  const harness = await ShellHarness.open({
    shell: reconciler,
    peers,
    env: { MITOSIS_AGENT: AGENT, MITOSIS_RELEASE: JSON.stringify(RELEASE) },
  });
  open.push(harness);
  const fake = new FakeAgent(harness);
  await harness.put(KEYS.site('local'), {
    v: 1,
    site: 'local',
    driver: 'process',
    agent: AGENT,
    cpus: 4,
    memoryBytes: 8e9,
    zone: '',
    pricePerCpuHour: 0,
  });
  const ofRelease = { class: 'management', version: RELEASE.version };
  fake.running.set('manager-a', statusOf('manager-a', 'mitosis-manager', ofRelease));
  fake.running.set('router-a', statusOf('router-a', 'mitosis-router', { class: 'management' }));
  await harness.put(KEYS.spec, specOf(typeGraph(service('web'))).value);
  return { harness, agent: fake, reconciler };
};

const want = async ({ harness }: Level, count: number): Promise<void> => {
  await harness.put(KEYS.target('web'), target('web', count).value);
  await harness.put(KEYS.placement('web'), placement('web', { local: count }).value);
};

const webOf = async ({ harness }: Level): Promise<readonly InstanceRecord[]> =>
  [...(await harness.list<InstanceRecord>('instances/')).values()].filter(
    ({ component }) => component === 'web',
  );

/** Passes until a condition on what is committed holds; bounded. */
const until = (level: Level, holds: () => Promise<boolean>): Promise<void> =>
  vi.waitFor(
    async () => {
      await level.harness.pass();
      if (!(await holds())) throw new Error('not yet');
    },
    { timeout: 5_000, interval: 5 },
  );

/** The router that health started joins the level, as a real one does. */
const joinRouter = async (level: Level): Promise<string> => {
  const records = [...(await level.harness.list<InstanceRecord>('instances/')).values()];
  const router = records.find(({ component, phase }) => component === 'mitosis-router' && phase === 'ready');
  if (router === undefined) throw new Error('no router is ready');
  await level.harness.put(KEYS.member(router.id), {
    v: 1,
    replica: router.id,
    host: '127.0.0.1',
    site: 'local',
    pid: 1,
    grpc: 'r:1',
    http: 'r:2',
    functions: ['router'],
    startedAtMs: 1,
  });
  return router.id;
};

const readyCount = async (level: Level): Promise<number> =>
  (await webOf(level)).filter(({ phase }) => phase === 'ready').length;

describe(HealthReconciler.name, () => {
  it('brings a component up: listeners, record, act, endpoints', async () => {
    const level = await begin();
    level.agent.sync();
    await want(level, 2);
    await until(level, async () => (await readyCount(level)) === 2);
    const { harness } = level;
    const listeners = await harness.get<ListenersRecord>(KEYS.listeners('local'));
    expect(listeners?.listeners.map(({ name, number }) => [name, number])).toEqual([['web/default', 9_000]]);
    const endpoints = await harness.get<EndpointsRecord>(KEYS.endpoints('web'));
    expect(endpoints?.endpoints.map(({ state }) => state)).toEqual(['ready', 'ready']);
    const starts = harness.peers.calls.filter(({ method }) => method === 'start');
    expect(JSON.stringify(starts)).toContain('"WEB_URL":"http://127.0.0.1:9000"');
  });

  it('acts only on committed phases, with a header of its session', async () => {
    const level = await begin();
    level.agent.sync();
    await want(level, 1);
    await until(level, async () => (await readyCount(level)) === 1);
    await want(level, 0);
    const router = await joinRouter(level);
    await until(level, async () => (await webOf(level))[0]?.phase === 'draining');
    for (let pass = 0; pass < 3; pass += 1) await level.harness.pass();
    expect((await webOf(level))[0]?.phase).toBe('draining');
    await level.harness.put(KEYS.ack(router), {
      v: 1,
      replica: router,
      revision: level.harness.etcd.revision,
      busy: [],
    });
    await until(level, async () => (await webOf(level)).length === 0);
    expect(new Set(level.agent.phasesAtAct)).toEqual(new Set(['start in starting', 'stop in stopping']));
    const session = await level.harness.lead();
    for (const header of level.agent.headers) expect(header?.epoch).toEqual(session.epoch);
  });

  it('does not start twice what a predecessor started, and adopts its instances at once', async () => {
    const level = await begin();
    level.agent.sync();
    await want(level, 1);
    await until(level, async () => (await readyCount(level)) === 1);
    const [before] = await webOf(level);
    await level.harness.depose();
    for (let pass = 0; pass < 5; pass += 1) await level.harness.pass();
    expect((await webOf(level)).map(({ id, phase }) => [id, phase])).toEqual([[before?.id, 'ready']]);
  });

  it('takes nothing for gone while the stream of an agent is broken', async () => {
    const level = await begin();
    level.agent.sync();
    await want(level, 2);
    await until(level, async () => (await readyCount(level)) === 2);
    await level.harness.passUntilIdle();
    level.agent.running.clear();
    level.harness.peers.breakStreams('agent', AGENT, 'watch');
    const result = await level.harness.pass();
    expect(result.kind).toBe('waiting');
    expect(await readyCount(level)).toBe(2);
    level.agent.sync();
    await until(level, async () => (await webOf(level)).some(({ phase }) => phase === 'starting'));
  });

  it('replaces a killed instance in the pass that follows its exit', async () => {
    const level = await begin();
    level.agent.sync();
    await want(level, 1);
    await until(level, async () => (await readyCount(level)) === 1);
    const [before] = await webOf(level);
    level.agent.tell(
      statusOf(before?.id ?? '', 'web', { state: 'exited', exitKnown: true, exitCode: 137, changedAtMs: 2 }),
    );
    await level.harness.pass();
    const started = level.harness.peers.calls.filter(({ method }) => method === 'start').length;
    expect(started).toBeGreaterThanOrEqual(2);
    await until(level, async () => (await readyCount(level)) === 1);
    expect((await webOf(level))[0]?.id).not.toBe(before?.id);
  });

  it('gives a start up that its agent refuses, and backs off', async () => {
    const level = await begin();
    level.agent.sync();
    level.harness.peers.answer('agent', 'start', () => {
      throw new MitosisError('invalid_input', 'no such program');
    });
    await want(level, 1);
    await until(level, async () => (await webOf(level)).some(({ attempt }) => (attempt ?? 0) > 0));
    const failed = (await webOf(level)).find(({ phase }) => phase === 'failed');
    expect(failed?.reason ?? (await webOf(level))[0]?.reason).toContain('no such program');
    const starts = level.harness.peers.calls.filter(({ method }) => method === 'start').length;
    for (let pass = 0; pass < 5; pass += 1) await level.harness.pass();
    const later = level.harness.peers.calls.filter(({ method }) => method === 'start').length;
    expect(later - starts).toBeLessThanOrEqual(1);
  });

  it('does nothing when paused, and only says so when it advises', async () => {
    const level = await begin();
    level.agent.sync();
    await want(level, 1);
    expect((await level.harness.pass('paused')).kind).toBe('idle');
    expect(await level.harness.decisions()).toEqual([]);
    await level.harness.pass('advise');
    await level.harness.pass('advise');
    const advised = await level.harness.decisions();
    expect(advised.length).toBeGreaterThan(0);
    expect(advised.every(({ applied }) => !applied)).toBe(true);
    expect(new Set(advised.map(({ change }) => change)).size).toBe(advised.length);
    expect(await webOf(level)).toEqual([]);
  });

  it('costs nothing while nothing changes', async () => {
    const level = await begin();
    level.agent.sync();
    await want(level, 1);
    await until(level, async () => (await readyCount(level)) === 1);
    await level.harness.passUntilIdle();
    const { revision } = level.harness.etcd;
    const calls = level.harness.peers.calls.length;
    for (let pass = 0; pass < 5; pass += 1) await level.harness.pass();
    expect(level.harness.etcd.revision).toBe(revision);
    expect(level.harness.peers.calls).toHaveLength(calls);
  });

  it('tells the composite only while it leads', async () => {
    const level = await begin();
    expect(() => level.reconciler.composite()).toThrow('nobody leads health');
    level.agent.sync();
    await want(level, 1);
    await until(level, async () => (await readyCount(level)) === 1);
    expect(level.reconciler.composite().components).toMatchObject([{ component: 'web', ready: 1 }]);
    expect(level.reconciler.graph().instances.map(({ component }) => component)).toContain('web');
    expect(level.reconciler.describe()).toMatchObject({ agents: { [SITE]: { synced: true } } });
  });
});
