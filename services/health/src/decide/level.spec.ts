/** Rules of health that are not about one service: drain, run-once, strays, disposal, management, children, listeners. */
import {
  componentName,
  decisionId,
  instanceId,
  levelId,
  type BirthRecord,
  type ChildRecord,
  type InstanceRecord,
  type ListenersRecord,
  siteId,
} from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { compositeOf } from './composite.js';
import { decideHealth } from './decide-health.js';
import {
  instance,
  level,
  LEVEL,
  NOW,
  SELF,
  service,
  SITE,
  status,
  typeGraph,
  versioned,
} from './fixtures.testing.js';
import type { HealthInput, RouterObservation } from './input.js';

const puts = <T>(input: HealthInput, prefix: string): ReadonlyMap<string, T> =>
  new Map(
    decideHealth(input)
      .changes.flatMap((change) => change.writes)
      .flatMap((write) =>
        write.kind === 'put' && write.key.startsWith(prefix)
          ? [[write.key.slice(prefix.length), write.value as T] as const]
          : [],
      ),
  );

const deletes = (input: HealthInput): readonly string[] =>
  decideHealth(input)
    .changes.flatMap((change) => change.writes)
    .flatMap((write) => (write.kind === 'delete' ? [write.key] : []));

const phases = (input: HealthInput): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...puts<InstanceRecord>(input, 'instances/')].map(([id, record]) => [id, record.phase]),
  );

const acts = (input: HealthInput): readonly string[] =>
  decideHealth(input).acts.map((act) => ('id' in act ? `${act.kind} ${act.id}` : act.kind));

describe('a drain', () => {
  const draining = (routers: readonly RouterObservation[], sinceMs = NOW - 1_000): HealthInput =>
    level({
      components: [service('web')],
      wanted: { web: 0 },
      instances: [instance('w1', 'web', { phase: 'draining', sinceMs })],
      over: { routers },
    });
  const router = (over: Partial<RouterObservation> = {}): RouterObservation => ({
    replica: instanceId('r1'),
    ackRevision: 10,
    busy: new Set(),
    leaseEndedAtMs: null,
    ...over,
  });

  it('ends when every router has acknowledged without a request there', () => {
    expect(phases(draining([router(), router()]))).toEqual({ w1: 'stopping' });
    expect(phases(draining([router(), router({ ackRevision: 9 })]))).toEqual({});
    expect(phases(draining([router(), router({ ackRevision: null })]))).toEqual({});
    expect(phases(draining([router({ busy: new Set([instanceId('w1')]) })]))).toEqual({});
  });

  it('ends at its deadline, which is when it looks again', () => {
    expect(phases(draining([router({ ackRevision: 1 })], NOW - 10_000))).toEqual({ w1: 'stopping' });
    expect(decideHealth(draining([router({ ackRevision: 1 })])).wakeAtMs).toBe(NOW + 9_000);
  });

  it('waits for a router whose lease ended until that plus the deadline, unless its process is dead', () => {
    const gone = router({ leaseEndedAtMs: NOW - 2_000, ackRevision: null });
    const late = NOW - 60_000;
    expect(phases(draining([gone], late))).toEqual({});
    expect(decideHealth(draining([gone], late)).wakeAtMs).toBe(NOW + 8_000);
    expect(phases(draining([{ ...gone, leaseEndedAtMs: NOW - 10_000 }], late))).toEqual({ w1: 'stopping' });
    const known = draining([{ ...gone, replica: instanceId('mitosis-router-a') }], late);
    expect(phases(known)).toEqual({});
    const record = known.instances.get('mitosis-router-a')?.value;
    const statuses = new Map(known.agents.get(SITE)?.statuses);
    statuses.set(instanceId('mitosis-router-a'), status(record!, { state: 'exited' }));
    const dead = { ...known, agents: new Map([[SITE, { synced: true, host: 'h', statuses }]]) };
    expect(phases(dead)['w1']).toBe('stopping');
    const silent = { ...known, agents: new Map([[SITE, { synced: false, host: 'h', statuses }]]) };
    expect(phases(silent)).toEqual({});
  });

  it('is not begun and ended in one plan: only a committed revision can be acknowledged', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 0 },
      instances: [instance('w1', 'web')],
    });
    expect(phases(input)).toEqual({ w1: 'draining' });
    expect(acts(input)).toEqual([]);
  });

  it('is over when the instance is dead', () => {
    const input = draining([router({ ackRevision: 1 })]);
    const statuses = new Map(input.agents.get(SITE)?.statuses);
    statuses.delete(instanceId('w1'));
    expect(phases({ ...input, agents: new Map([[SITE, { synced: true, host: 'h', statuses }]]) })).toEqual({
      w1: 'stopping',
    });
  });
});

describe('a stopping instance', () => {
  const stopping = instance('w1', 'web', { phase: 'stopping' });
  const input = (state: string | undefined, stopped: boolean): HealthInput => {
    const base = level({
      components: [service('web')],
      wanted: { web: 0 },
      instances: [stopping],
      statuses: state === undefined ? [] : [status(stopping, { state })],
    });
    return {
      ...base,
      outcomes: { ...base.outcomes, stopped: new Set(stopped ? [stopping.id] : []) },
    };
  };

  it('is stopped by its agent and forgotten only when that has nothing left of it', () => {
    expect(acts(input('running', false))).toEqual(['stop w1']);
    expect(deletes(input('running', true))).toEqual([]);
    expect(deletes(input(undefined, false))).toEqual([]);
    expect(acts(input(undefined, false))).toEqual(['stop w1']);
    expect(deletes(input(undefined, true))).toContain('instances/w1');
    expect(deletes(input('stopped', false))).toContain('instances/w1');
  });
});

describe('a component that runs once', () => {
  const job = service('job', { runOnce: true, ports: [] });
  const jobs = (instances: readonly InstanceRecord[], over: object = {}): HealthInput =>
    level({ components: [{ ...job, ...over }], wanted: { job: 1 }, instances });

  it('runs once in a version, and again in the next', () => {
    expect(Object.values(phases(jobs([])))).toEqual(['starting']);
    const completed = instance('j1', 'job', { phase: 'completed', ports: {} });
    expect(phases(jobs([completed]))).toEqual({});
    expect(Object.values(phases(jobs([completed], { version: 'v2' }))).sort()).toEqual(['stopping']);
  });

  it('is completed by an exit with 0, failed by any other, and unknown is no success', () => {
    const ended = (exitKnown: boolean, exitCode: number): string | undefined =>
      phases(
        level({
          components: [{ ...job, restart: { ...job.restart, condition: 'none' } }],
          wanted: { job: 1 },
          instances: [instance('j1', 'job', { phase: 'running', ports: {} })],
          statuses: [status(instance('j1', 'job'), { state: 'exited', exitKnown, exitCode })],
        }),
      )['j1'];
    expect(ended(true, 0)).toBe('completed');
    expect(ended(true, 1)).toBe('failed');
    expect(ended(false, 0)).toBe('failed');
  });
});

describe('what runs without a record', () => {
  const stray = (over: object = {}) =>
    status(instance('x1', 'web'), { state: 'running', health: 'healthy', ...over });
  const withStray = (components: Parameters<typeof level>[0]['components'], over: object = {}): HealthInput =>
    level({ components, wanted: { web: 1 }, statuses: [stray(over)] });

  it('is adopted when its component is wanted, and serves at once', () => {
    expect(phases(withStray([service('web')]))).toEqual({ x1: 'ready' });
    expect(puts(withStray([service('web')]), 'endpoints/').get('web')).toMatchObject({
      endpoints: [{ instance: 'x1', state: 'ready' }],
    });
  });

  it('is stopped by a committed decision when its component is not in the composition', () => {
    const input = withStray([service('api')]);
    expect(phases(input)).toEqual({ x1: 'stopping' });
    expect(acts(input)).toEqual([]);
    const [change] = decideHealth(input).changes;
    expect(change?.decisions.map(({ action }) => action)).toEqual(['stop']);
  });

  it('is left alone while the spec is unknown, and while its agent has not told everything', () => {
    const input = withStray([service('api')]);
    expect(phases({ ...input, spec: undefined })).toEqual({});
    const site = input.agents.get(SITE);
    expect(phases({ ...input, agents: new Map([[SITE, { ...site!, synced: false }]]) })).toEqual({});
  });

  it('is no stray when it is a tombstone', () => {
    expect(phases(withStray([service('api')], { state: 'stopped' }))).toEqual({});
  });

  it('is stopped when it would be a second exclusive one', () => {
    const input = level({
      components: [service('web', { exclusive: true })],
      wanted: { web: 1 },
      instances: [instance('w1', 'web')],
      statuses: [status(instance('w1', 'web')), stray()],
    });
    expect(phases(input)).toEqual({ x1: 'stopping' });
  });
});

describe('disposal', () => {
  const components = [
    service('web', {
      dependsOn: [{ component: componentName('db'), condition: 'healthy', required: true, restart: false }],
    }),
    service('db', { ports: [] }),
  ];

  it('goes against the order of dependencies, by way of drains, and leaves management', () => {
    const both = level({
      components,
      phase: 'disposing',
      instances: [instance('w1', 'web'), instance('d1', 'db', { ports: {} })],
    });
    expect(phases(both)).toEqual({ w1: 'draining' });
    const last = level({ components, phase: 'disposing', instances: [instance('d1', 'db', { ports: {} })] });
    expect(phases(last)).toEqual({ d1: 'stopping' });
  });

  it('starts nothing', () => {
    expect(phases(level({ components, phase: 'disposing', wanted: { web: 1, db: 1 } }))).toEqual({});
  });
});

describe('management', () => {
  const graph = { ...typeGraph(service('web')), management: { managers: 2, routers: 2, etcdMembers: 1 } };
  const input = (over: Partial<HealthInput> = {}): HealthInput => {
    const base = level({ components: [service('web')] });
    return { ...base, spec: versioned({ ...base.spec!.value, typeGraph: graph }), ...over };
  };
  const startedOf = (one: HealthInput, component: string): readonly InstanceRecord[] =>
    [...puts<InstanceRecord>(one, 'instances/').values()].filter(
      (record) => record.component === component && record.phase === 'starting',
    );

  it('makes managers and routers as many as the composition says', () => {
    expect(startedOf(input(), 'mitosis-manager')).toHaveLength(1);
    expect(startedOf(input(), 'mitosis-router')).toHaveLength(1);
  });

  it('puts the second manager on another site, and waits a moment for one that was never heard', () => {
    const other = siteId('other');
    const base = input();
    const far = { ...base.sites.get(SITE)!.value, site: other, agent: 'unix:/tmp/other.sock' };
    const sites = new Map(base.sites).set(other, versioned(far));
    const at = (nowMs: number): HealthInput => ({
      ...base,
      sites,
      nowMs,
      spec: versioned({ ...base.spec!.value, appliedAtMs: NOW }),
    });
    expect(startedOf(at(NOW + 100), 'mitosis-manager')).toEqual([]);
    expect(startedOf(at(NOW + 2_000), 'mitosis-manager').map(({ site }) => site)).toEqual([SITE]);
    const heard = { synced: true, host: '127.0.0.2', statuses: new Map() };
    const both = { ...at(NOW + 100), agents: new Map(base.agents).set(other, heard) };
    expect(startedOf(both, 'mitosis-manager').map(({ site }) => site)).toEqual([other]);
  });

  it('adopts what a birth started before it counts', () => {
    const base = input();
    const born = { ...base, instances: new Map() };
    const records = puts<InstanceRecord>(born, 'instances/');
    expect(records.get(SELF)?.phase).toBe('ready');
    expect(startedOf(born, 'mitosis-manager')).toHaveLength(1);
  });

  it('starts none while this replica is not known itself', () => {
    const none = input({ instances: new Map(), agents: new Map() });
    expect(phases(none)).toEqual({});
  });

  it('rolls the routers when the set of sockets changed: new ones first', () => {
    const base = level({ components: [service('web')] });
    const held = base.listeners.get(SITE)!.value;
    const more: ListenersRecord = {
      ...held,
      listeners: [
        ...held.listeners,
        { ...held.listeners[0]!, name: 'web/default@127.0.0.1:8080', number: 8080, published: true },
      ],
    };
    const published = service('web', {
      ports: [
        { name: 'default', target: 0, protocol: 'http', published: [{ host: '127.0.0.1', port: 8080 }] },
      ],
    });
    const changed: HealthInput = {
      ...base,
      spec: versioned({ ...base.spec!.value, typeGraph: typeGraph(published) }),
      listeners: new Map([[SITE, versioned(more)]]),
    };
    const [fresh] = startedOf(changed, 'mitosis-router');
    expect(fresh?.version).not.toBe(base.instances.get('mitosis-router-a')?.value.version);
    expect(phases(changed)['mitosis-router-a']).toBeUndefined();
    const ready: HealthInput = {
      ...changed,
      instances: new Map(changed.instances).set(
        fresh!.id,
        versioned({ ...fresh!, phase: 'ready', sinceMs: NOW, host: '127.0.0.1', ports: { grpc: 5 } }),
      ),
      agents: new Map([
        [
          SITE,
          {
            ...changed.agents.get(SITE)!,
            statuses: new Map(changed.agents.get(SITE)!.statuses).set(
              fresh!.id,
              status(fresh!, { startedAtMs: NOW - 1, ports: { grpc: 5 } }),
            ),
          },
        ],
      ]),
    };
    expect(phases(ready)).toEqual({ 'mitosis-router-a': 'stopping' });
  });

  it('leaves a replica that ended to its agent', () => {
    const base = level({ components: [service('web')] });
    const record = base.instances.get('mitosis-router-a')!.value;
    const statuses = new Map(base.agents.get(SITE)!.statuses).set(
      record.id,
      status(record, { state: 'exited', exitKnown: true, exitCode: 137 }),
    );
    const ended = { ...base, agents: new Map([[SITE, { ...base.agents.get(SITE)!, statuses }]]) };
    expect(phases(ended)).toEqual({ 'mitosis-router-a': 'running' });
    expect(acts(ended)).toEqual([]);
  });
});

describe('child levels', () => {
  const child: ChildRecord = {
    v: 1,
    component: componentName('catalog'),
    level: levelId('shop.catalog'),
    incarnation: 1,
    wanted: 'operating',
    managers: [],
    appliedDigest: '',
  };
  const birth: BirthRecord = {
    v: 1,
    component: child.component,
    level: child.level,
    incarnation: 1,
    site: SITE,
    etcd: [instanceId('mitosis-etcd-1')],
    manager: instanceId('mitosis-manager-1'),
    phase: 'birthing',
    sinceMs: NOW - 1_000,
    reason: '',
    decision: decisionId('b'),
  };
  const catalog = service('catalog', {
    kind: 'composition',
    run: null,
    composition: typeGraph(service('api')),
  });
  const input = (
    record: ChildRecord,
    births: readonly BirthRecord[],
    over: Partial<HealthInput> = {},
  ): HealthInput =>
    level({
      components: [catalog],
      over: {
        children: new Map([[record.component, versioned(record)]]),
        births: new Map(births.map((one) => [one.component, versioned(one)])),
        ...over,
      },
    });

  it('are born where a committed record says, with the ids of that record, as often as it takes', () => {
    expect(puts<BirthRecord>(input(child, []), 'births/').get('catalog')).toMatchObject({
      phase: 'birthing',
      site: SITE,
    });
    expect(acts(input(child, []))).toEqual([]);
    const [act] = decideHealth(input(child, [birth])).acts;
    expect(act).toMatchObject({
      kind: 'birth',
      request: {
        level: 'shop.catalog',
        parent: LEVEL,
        etcd: [{ id: 'mitosis-etcd-1' }],
        manager: { id: 'mitosis-manager-1' },
      },
    });
  });

  it('are asked to be born again when silent, and never taken for dead', () => {
    const operating: BirthRecord = { ...birth, phase: 'operating' };
    const heard = (agoMs: number): HealthInput =>
      input(child, [{ ...operating, sinceMs: NOW - 100_000 }], {
        childHealth: new Map([
          ['catalog', { state: 'healthy', reason: '', ready: true, disposed: false, atMs: NOW - agoMs }],
        ]),
      });
    expect(acts(heard(1_000))).toEqual([]);
    expect(acts(heard(60_000))).toEqual(['birth']);
    expect(puts(heard(60_000), 'births/')).toEqual(new Map());
  });

  it('are purged when they say themselves that nothing is left', () => {
    const wanted: ChildRecord = { ...child, wanted: 'disposed' };
    const disposing: BirthRecord = { ...birth, phase: 'disposing', sinceMs: NOW - 1_000 };
    const said = (disposed: boolean): HealthInput =>
      input(wanted, [disposing], {
        childHealth: new Map([
          [
            'catalog',
            { state: disposed ? 'disposed' : 'disposing', reason: '', ready: false, disposed, atMs: NOW },
          ],
        ]),
      });
    expect(puts(said(false), 'births/')).toEqual(new Map());
    expect(puts<BirthRecord>(said(true), 'births/').get('catalog')?.phase).toBe('purging');
    expect(acts(input(wanted, [{ ...birth, phase: 'purging' }]))).toEqual(['purge']);
    const gone = input(wanted, [{ ...birth, phase: 'purging' }]);
    expect(deletes({ ...gone, outcomes: { ...gone.outcomes, purged: new Set(['catalog@1']) } })).toEqual([
      'births/catalog',
    ]);
  });

  it('that disappear from the store are not purged', () => {
    const lost = level({
      components: [catalog],
      over: { births: new Map([['catalog', versioned({ ...birth, phase: 'operating' as const })]]) },
    });
    expect(puts(lost, 'births/')).toEqual(new Map());
  });
});

describe('listeners', () => {
  it('are asked for, and their record written, also in a level that has no port', () => {
    const base = level({ components: [service('worker', { ports: [] })] });
    const unasked = { ...base, listeners: new Map(), outcomes: { ...base.outcomes, listeners: new Map() } };
    expect(acts(unasked)).toContain('listen');
    const asked = { ...unasked, outcomes: { ...base.outcomes, listeners: new Map([[SITE, []]]) } };
    expect(puts<ListenersRecord>(asked, 'listeners/').get(SITE)?.listeners).toEqual([]);
  });

  it('are asked for with the port they had, so that no address an instance was told changes', () => {
    const base = level({ components: [service('web')] });
    const input = { ...base, outcomes: { ...base.outcomes, listeners: new Map() } };
    const [act] = decideHealth(input).acts;
    expect(act).toMatchObject({ kind: 'listen', listeners: [{ name: 'web/default', port: 9_000 }] });
  });

  it('whose published port is taken keep nobody from running, and are named', () => {
    const published = service('web', {
      ports: [{ name: 'default', target: 0, protocol: 'http', published: [{ host: '127.0.0.1', port: 80 }] }],
    });
    const base = level({ components: [published], wanted: { web: 1 } });
    const held = base.listeners.get(SITE)!.value.listeners.filter(({ name }) => name === 'web/default');
    const input: HealthInput = {
      ...base,
      listeners: new Map([[SITE, versioned({ v: 1 as const, site: SITE, listeners: held })]]),
      outcomes: {
        ...base.outcomes,
        listeners: new Map([
          [
            SITE,
            [
              { name: 'web/default', host: '127.0.0.1', port: 9_000, error: '' },
              { name: 'web/default@127.0.0.1:80', host: '127.0.0.1', port: 0, error: 'EADDRINUSE' },
            ],
          ],
        ]),
      },
    };
    const web = [...puts<InstanceRecord>(input, 'instances/').values()].filter(
      ({ component }) => component === 'web',
    );
    expect(web).toHaveLength(1);
    expect(compositeOf(input)).toMatchObject({ ready: false });
    expect(decideHealth(input).waits).toContainEqual({
      component: 'web',
      on: 'port',
      reason: 'web/default@127.0.0.1:80: EADDRINUSE',
    });
  });
});

describe('the composite', () => {
  const router = (ackRevision: number): RouterObservation => ({
    replica: instanceId('mitosis-router-a'),
    ackRevision,
    busy: new Set(),
    leaseEndedAtMs: null,
  });
  const etcd = instance('mitosis-etcd-a', 'mitosis-etcd', { class: 'management', version: '3' });
  const web = instance('w1', 'web');
  const served = (over: Partial<HealthInput> = {}): HealthInput =>
    level({
      components: [service('web')],
      wanted: { web: 1 },
      instances: [web, etcd],
      over: {
        routers: [router(20)],
        endpoints: new Map([
          ['web', versioned({ v: 1 as const, component: web.component, endpoints: [] }, 20)],
        ]),
        ...over,
      },
    });

  it('is ready when every component is at its minimum and routers have taken the endpoints in', () => {
    expect(compositeOf(served())).toMatchObject({ state: 'healthy', ready: true });
    expect(compositeOf(served({ routers: [router(19)] }))).toMatchObject({ state: 'healthy', ready: false });
    expect(compositeOf(served({ routers: [] }))).toMatchObject({ ready: false });
  });

  it('is unhealthy when its entry does not serve, and says why', () => {
    const down = compositeOf(
      level({
        components: [service('web')],
        wanted: { web: 1 },
        instances: [instance('w1', 'web', { phase: 'failed', sinceMs: NOW, attempt: 4 }), etcd],
        statuses: [],
      }),
    );
    expect(down).toMatchObject({ state: 'unhealthy', ready: false });
    expect(down.reason).toContain('back-off');
  });

  it('is degraded below its targets, and not ready before they are known', () => {
    const input = served();
    const more = level({ components: [service('web')], wanted: { web: 2 } });
    expect(compositeOf({ ...input, targets: more.targets })).toMatchObject({
      state: 'degraded',
      ready: true,
    });
    expect(compositeOf({ ...input, targets: new Map() })).toMatchObject({ ready: false });
  });
});
