import { componentName, decisionId, type InstanceRecord, type RolloutRecord } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { decideHealth } from './decide-health.js';
import { instance, level, NO_OUTCOMES, NOW, service, SITE, status, versioned } from './fixtures.testing.js';
import type { HealthInput } from './input.js';

const put = (input: HealthInput): ReadonlyMap<string, InstanceRecord> =>
  new Map(
    decideHealth(input)
      .changes.flatMap((change) => change.writes)
      .filter((write) => write.kind === 'put' && write.key.startsWith('instances/'))
      .map((write) => {
        const record = (write.kind === 'put' ? write.value : undefined) as InstanceRecord;
        return [record.id, record];
      }),
  );

const started = (input: HealthInput): readonly InstanceRecord[] =>
  [...put(input).values()].filter((record) => !input.instances.has(record.id));

const phaseOf = (input: HealthInput, id: string): string | undefined => put(input).get(id)?.phase;

const waitsOn = (input: HealthInput, component: string): readonly string[] =>
  decideHealth(input)
    .waits.filter((wait) => wait.component === component)
    .map(({ on }) => on);

const ready = (...ids: readonly string[]): readonly InstanceRecord[] =>
  ids.map((id, index) => instance(id, 'web', { createdAtMs: NOW - 60_000 + index, sinceMs: NOW - 30_000 }));

const failed = (over: Partial<InstanceRecord> = {}): InstanceRecord =>
  instance('w1', 'web', { phase: 'failed', sinceMs: NOW, exitCode: 1, reason: 'ended with 1', ...over });

describe('making a component as many as wanted', () => {
  it('starts what is missing and stops nothing', () => {
    const input = level({ components: [service('web')], wanted: { web: 3 }, instances: ready('w1') });
    expect(started(input).map(({ phase, site, version }) => [phase, site, version])).toEqual([
      ['starting', SITE, 'v1'],
      ['starting', SITE, 'v1'],
    ]);
    expect(phaseOf(input, 'w1')).toBeUndefined();
  });

  it('commits a decision with the start, and compares the placement it answers', () => {
    const input = level({ components: [service('web')], wanted: { web: 1 } });
    const [change] = decideHealth(input).changes;
    expect(change?.decisions.map(({ action, component }) => [action, component])).toEqual([['start', 'web']]);
    expect(change?.compares).toContainEqual({ key: 'placements/web', modRevision: 10 });
    const id = started(input)[0]?.id ?? '';
    const named = change?.compares.filter(({ key }) => key.startsWith('instances/'));
    expect(named).toHaveLength(1);
    expect(named?.[0]?.modRevision).toBe(0);
    expect(id).toMatch(/^web-/);
  });

  it('starts and stops nothing while nobody has said how many', () => {
    const input = level({ components: [service('web')], instances: ready('w1', 'w2') });
    expect(put(input)).toEqual(new Map());
    expect(waitsOn(input, 'web')).toEqual(['target']);
  });

  it('starts nothing on a site whose agent is silent, and takes nothing there for gone', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 2 },
      instances: ready('w1'),
      statuses: [],
      synced: false,
    });
    expect(put(input)).toEqual(new Map());
    expect(waitsOn(input, 'web')).toEqual(['agent']);
  });

  it('starts nothing before the site holds the sockets of the level', () => {
    const base = level({ components: [service('web')], wanted: { web: 1 } });
    const input: HealthInput = { ...base, listeners: new Map(), outcomes: NO_OUTCOMES };
    expect(started(input).filter(({ component }) => component === 'web')).toEqual([]);
    expect(decideHealth(input).acts.map(({ kind }) => kind)).toEqual(['listen']);
  });

  it('lets the newest go when there are too many, ready ones only by way of a drain', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 2 },
      instances: ready('w1', 'w2', 'w3'),
    });
    expect([...put(input).values()].map(({ id, phase }) => [id, phase])).toEqual([['w3', 'draining']]);
  });

  it('lets one that is not ready go before a ready one, and at once', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 2 },
      instances: [
        ...ready('w1', 'w2'),
        instance('w3', 'web', { phase: 'running', createdAtMs: NOW - 90_000 }),
      ],
      statuses: [
        ...ready('w1', 'w2').map((record) => status(record)),
        status(instance('w3', 'web'), { health: 'unknown' }),
      ],
    });
    expect([...put(input).values()].map(({ id, phase }) => [id, phase])).toEqual([['w3', 'stopping']]);
  });

  it('never lets more than half of the ready ones go at once', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 1 },
      instances: ready('w1', 'w2', 'w3', 'w4', 'w5'),
    });
    expect([...put(input).values()].filter(({ phase }) => phase === 'draining')).toHaveLength(2);
  });

  it('keeps a surplus instance while fewer ready ones than wanted would remain', () => {
    const base = level({
      components: [service('web')],
      instances: [...ready('w1'), instance('w2', 'web', { phase: 'starting' })],
      statuses: [status(instance('w1', 'web'))],
    });
    // One site is to be left for another, where nothing is ready yet.
    const input: HealthInput = {
      ...base,
      placements: level({ components: [], wanted: { web: 0 } }).placements,
    };
    const moved: HealthInput = {
      ...input,
      placements: new Map([
        [
          'web',
          versioned({
            v: 1 as const,
            component: componentName('web'),
            targetRevision: 10,
            counts: { other: 1 },
            unplaced: 0,
            reason: '',
            decision: decisionId('p'),
          }),
        ],
      ]),
    };
    expect(phaseOf(moved, 'w1')).toBeUndefined();
  });
});

describe('replacing what failed', () => {
  it('takes an exit for what it is and starts the first replacement at once', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 1 },
      instances: ready('w1'),
      statuses: [status(instance('w1', 'web'), { state: 'exited', exitKnown: true, exitCode: 137 })],
    });
    expect(started(input)).toHaveLength(1);
    expect(started(input)[0]?.attempt).toBe(1);
    expect(phaseOf(input, 'w1')).toBe('stopping');
  });

  it('takes a failed instance out of the endpoints in the transaction that records it', () => {
    const base = level({
      components: [service('web')],
      wanted: { web: 2 },
      instances: ready('w1', 'w2'),
      statuses: [
        status(instance('w1', 'web'), { state: 'exited', exitKnown: true, exitCode: 1 }),
        status(instance('w2', 'web')),
      ],
    });
    const [change] = decideHealth(base).changes;
    const endpoints = change?.writes.find(({ key }) => key === 'endpoints/web');
    expect(endpoints?.kind === 'put' && endpoints.value).toMatchObject({
      endpoints: [{ instance: 'w2', state: 'ready' }],
    });
  });

  it('waits longer after each failure in a row, with the spread of its id', () => {
    const waits = [0, 1, 2, 3, 10].map((attempt) => {
      const input = level({
        components: [service('web')],
        wanted: { web: 1 },
        instances: [failed({ attempt })],
        statuses: [],
      });
      return started(input).length > 0 ? 0 : decideHealth(input).wakeAtMs - NOW;
    });
    const spread = (waits[1] ?? 0) / 1_000;
    expect(spread).toBeGreaterThanOrEqual(0.5);
    expect(spread).toBeLessThan(1.5);
    expect(waits).toEqual([0, 1_000, 2_000, 4_000, 60_000].map((ms) => ms * spread));
  });

  it('counts from the beginning again after it was healthy long enough', () => {
    const dies = (readyForMs: number): number | undefined =>
      started(
        level({
          components: [service('web')],
          wanted: { web: 1 },
          instances: [instance('w1', 'web', { sinceMs: NOW - readyForMs, attempt: 3 })],
          statuses: [status(instance('w1', 'web'), { state: 'exited', exitKnown: true, exitCode: 1 })],
        }),
      )[0]?.attempt;
    expect(dies(60_000)).toBe(1);
    expect(dies(1_000)).toBeUndefined();
  });

  it('honours a restart policy: never, only on failure, a number of attempts, a delay', () => {
    const policy = { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 } as const;
    const outcome = (over: object, record: Partial<InstanceRecord> = {}): string => {
      const input = level({
        components: [service('web', { restart: { ...policy, ...over } })],
        wanted: { web: 1 },
        instances: [failed(record)],
        statuses: [],
      });
      return started(input).length > 0 ? 'starts' : waitsOn(input, 'web').join();
    };
    expect(outcome({ condition: 'none' })).toBe('restart policy');
    expect(outcome({ condition: 'on-failure' }, { exitCode: 0 })).toBe('restart policy');
    expect(outcome({ condition: 'on-failure' }, { exitCode: 1 })).toBe('starts');
    expect(outcome({ maxAttempts: 2 }, { attempt: 2, sinceMs: NOW - 600_000 })).toBe('restart policy');
    expect(outcome({ maxAttempts: 3 }, { attempt: 2, sinceMs: NOW - 600_000 })).toBe('starts');
    expect(outcome({ delayMs: 5_000 })).toBe('back-off');
    expect(outcome({ delayMs: 5_000 }, { sinceMs: NOW - 5_000 })).toBe('starts');
  });

  it('gives up an instance that never became healthy, and says why', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 1 },
      instances: [instance('w1', 'web', { phase: 'running', attempt: 2 })],
      statuses: [status(instance('w1', 'web'), { health: 'unhealthy', detail: 'GET / answered 500' })],
    });
    const record = put(input).get('w1');
    expect(record?.phase).toBe('failed');
    expect(record?.reason).toContain('GET / answered 500');
    expect(started(input)).toEqual([]);
  });

  it('starts again, with the same id, what its agent has not heard of yet', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 1 },
      instances: [instance('w1', 'web', { phase: 'starting' })],
      statuses: [],
    });
    const starts = decideHealth(input).acts.flatMap((act) => (act.kind === 'start' ? [act.id] : []));
    expect(starts).toEqual(['w1']);
    expect(started(input)).toEqual([]);
  });

  it('replaces what its agent, in sync, no longer knows of', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 1 },
      instances: ready('w1'),
      statuses: [],
    });
    expect(started(input)).toHaveLength(1);
  });
});

describe('an unhealthy instance', () => {
  const sick = (id: string) => status(instance(id, 'web'), { health: 'unhealthy', detail: 'time-out' });

  it('is replaced before it goes when it is the only one', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 1 },
      instances: ready('w1'),
      statuses: [sick('w1')],
    });
    expect(started(input)).toHaveLength(1);
    expect(phaseOf(input, 'w1')).toBeUndefined();
  });

  it('leaves the endpoints at once when others are ready', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 2 },
      instances: ready('w1', 'w2'),
      statuses: [sick('w1'), status(instance('w2', 'web'))],
    });
    expect(phaseOf(input, 'w1')).toBe('draining');
    expect(started(input)).toHaveLength(1);
  });

  it('does not take all others with it: when every probe fails, half are replaced and none leaves', () => {
    const input = level({
      components: [service('web')],
      wanted: { web: 4 },
      instances: ready('w1', 'w2', 'w3', 'w4'),
      statuses: ['w1', 'w2', 'w3', 'w4'].map(sick),
    });
    expect(started(input)).toHaveLength(2);
    const leaving = [...put(input).values()].filter(({ phase }) => phase === 'draining');
    expect(leaving).toEqual([]);
  });
});

describe('an exclusive component', () => {
  const component = service('web', { exclusive: true, scale: { min: 1, max: 1, initial: 1 } });

  it.each(['starting', 'running', 'ready', 'draining', 'stopping'] as const)(
    'gets no second instance while one is %s',
    (phase) => {
      const input = level({
        components: [component],
        wanted: { web: 1 },
        instances: [instance('w1', 'web', { phase })],
        statuses: [status(instance('w1', 'web'), { health: 'unhealthy', state: 'running' })],
      });
      expect(started(input)).toEqual([]);
    },
  );

  it('is replaced after a crash only when its agent has nothing left of it', () => {
    const crashed = (state: string): HealthInput =>
      level({
        components: [component],
        wanted: { web: 1 },
        instances: [failed()],
        statuses: [status(instance('w1', 'web'), { state, exitKnown: true, exitCode: 1 })],
      });
    expect(started(crashed('exited'))).toEqual([]);
    expect(decideHealth(crashed('exited')).acts.map(({ kind }) => kind)).toEqual(['stop']);
    expect(started(crashed('stopped'))).toHaveLength(1);
  });

  it('is not started while some site cannot be asked', () => {
    const base = level({ components: [component], wanted: { web: 1 } });
    const local = base.sites.get(SITE);
    const silent = new Map(base.sites).set('far', versioned({ ...local!.value, site: 'far' as never }));
    expect(started({ ...base, sites: silent })).toEqual([]);
    expect(started(base)).toHaveLength(1);
  });
});

describe('dependencies', () => {
  const on = (condition: 'started' | 'healthy' | 'completed', required = true) =>
    service('web', {
      dependsOn: [{ component: componentName('db'), condition, required, restart: false }],
    });

  it.each([
    ['started', 'starting', false],
    ['started', 'running', true],
    ['healthy', 'running', false],
    ['healthy', 'ready', true],
    ['completed', 'running', false],
    ['completed', 'completed', true],
  ] as const)('with condition %s waits unless the other is %s: %s', (condition, phase, starts) => {
    const input = level({
      components: [on(condition), service('db', { runOnce: condition === 'completed' })],
      wanted: { web: 1, db: 1 },
      instances: [instance('d1', 'db', { phase })],
      statuses: phase === 'completed' ? [] : [status(instance('d1', 'db'), { health: 'unknown' })],
    });
    const web = started(input).filter(({ component }) => component === 'web');
    // An observation of this very pass counts: what is `starting` and reported as running has started.
    const expected = phase === 'starting' ? true : starts;
    expect(web.length === 1).toBe(expected);
    if (!expected) expect(waitsOn(input, 'web')).toContain('dependency');
  });

  it('hold up births, not repairs', () => {
    const input = level({
      components: [on('healthy'), service('db')],
      wanted: { web: 1, db: 1 },
      instances: [failed(), instance('d1', 'db', { phase: 'running' })],
      statuses: [status(instance('d1', 'db'), { health: 'unknown' })],
    });
    expect(started(input).map(({ component }) => component)).toEqual(['web']);
  });

  it('that are not required and have failed hold nobody up', () => {
    const withDb = (required: boolean): HealthInput =>
      level({
        components: [on('healthy', required), service('db')],
        wanted: { web: 1, db: 1 },
        instances: [instance('d1', 'db', { phase: 'failed', attempt: 5, sinceMs: NOW })],
        statuses: [],
      });
    expect(started(withDb(true)).map(({ component }) => component)).toEqual([]);
    expect(started(withDb(false)).map(({ component }) => component)).toEqual(['web']);
  });
});

describe('a roll-out', () => {
  const component = service('web', { version: 'v2' });
  const rollout = (over: Partial<RolloutRecord> = {}): RolloutRecord => ({
    v: 1,
    component: componentName('web'),
    definition: component,
    previous: service('web'),
    state: 'rolling',
    refused: '',
    failures: 0,
    sinceMs: NOW - 10_000,
    reason: '',
    decision: decisionId('r'),
    ...over,
  });
  const rolling = (
    instances: readonly InstanceRecord[],
    over: Partial<RolloutRecord> = {},
    update: Partial<typeof component.update> = {},
  ): HealthInput => {
    const updated = { ...component, update: { ...component.update, ...update } };
    return level({
      components: [updated],
      wanted: { web: 2 },
      instances,
      over: {
        rollouts: new Map([['web', versioned(rollout({ definition: updated, ...over }))]]),
      },
    });
  };
  const rolloutAfter = (input: HealthInput): RolloutRecord | undefined =>
    decideHealth(input)
      .changes.flatMap((change) => change.writes)
      .flatMap((write) =>
        write.kind === 'put' && write.key === 'rollouts/web' ? [write.value as RolloutRecord] : [],
      )[0];
  const next = (id: string, over: Partial<InstanceRecord> = {}): InstanceRecord =>
    instance(id, 'web', { version: 'v2', sinceMs: NOW - 20_000, createdAtMs: NOW - 20_000, ...over });

  it('begins when the spec names another version, and keeps the definition of before', () => {
    const input = level({
      components: [component],
      wanted: { web: 2 },
      instances: ready('w1', 'w2'),
      over: {
        rollouts: new Map([
          ['web', versioned(rollout({ definition: service('web'), previous: null, state: 'settled' }))],
        ]),
      },
    });
    expect(rolloutAfter(input)).toMatchObject({
      state: 'rolling',
      definition: { version: 'v2' },
      previous: { version: 'v1' },
    });
    expect(started(input).map(({ version }) => version)).toEqual(['v2']);
    expect(phaseOf(input, 'w1')).toBeUndefined();
  });

  it('lets an old one go only when the new one is ready', () => {
    const waiting = rolling([...ready('w1', 'w2'), next('n1', { phase: 'running' })]);
    const silentNew: HealthInput = {
      ...waiting,
      agents: new Map([
        [
          SITE,
          {
            synced: true,
            host: 'h',
            statuses: new Map(
              [...(waiting.agents.get(SITE)?.statuses ?? [])].map(([id, one]) => [
                id,
                id === 'n1' ? { ...one, health: 'unknown' } : one,
              ]),
            ),
          },
        ],
      ]),
    };
    expect([...put(silentNew).values()]).toEqual([]);
    const done = rolling([...ready('w1', 'w2'), next('n1')]);
    expect([...put(done).values()].map(({ id, phase }) => [id, phase])).toEqual([['w2', 'draining']]);
  });

  it('waits its delay between two batches', () => {
    const input = rolling([...ready('w1'), next('n1', { sinceMs: NOW - 4_000 })], {}, { delayMs: 10_000 });
    expect(started(input)).toEqual([]);
    expect(decideHealth(input).wakeAtMs).toBe(NOW + 6_000);
  });

  it('stop-first lets as many go as its parallelism says, and starts none beside them', () => {
    const input = rolling(ready('w1', 'w2'), {}, { order: 'stop-first' });
    expect([...put(input).values()].map(({ phase }) => phase)).toEqual(['draining']);
  });

  it('settles when all are new and were watched for the monitor time', () => {
    const fresh = rolling([next('n1'), next('n2', { sinceMs: NOW - 1_000 })]);
    expect(rolloutAfter(fresh)).toBeUndefined();
    expect(decideHealth(fresh).wakeAtMs).toBe(NOW + 4_000);
    const old = rolling([next('n1'), next('n2')]);
    expect(rolloutAfter(old)).toMatchObject({ state: 'settled', previous: null });
  });

  const withCrash = (failureAction: 'pause' | 'rollback' | 'continue', maxFailureRatio = 0): HealthInput => {
    const input = rolling(
      [...ready('w1', 'w2'), next('n1', { phase: 'running', sinceMs: NOW - 500 })],
      {},
      { failureAction, maxFailureRatio },
    );
    const statuses = new Map(input.agents.get(SITE)?.statuses);
    statuses.set('n1' as never, status(next('n1'), { state: 'exited', exitKnown: true, exitCode: 1 }));
    return { ...input, agents: new Map([[SITE, { synced: true, host: 'h', statuses }]]) };
  };

  it('pauses when too many new ones fail', () => {
    expect(rolloutAfter(withCrash('pause'))).toMatchObject({ state: 'paused', failures: 1 });
    expect(rolloutAfter(withCrash('pause', 0.5))).toMatchObject({ state: 'rolling', failures: 1 });
    expect(rolloutAfter(withCrash('continue'))).toMatchObject({ state: 'rolling', failures: 1 });
  });

  it('goes back to the version before, and does not try the refused one again', () => {
    const back = rolloutAfter(withCrash('rollback'));
    expect(back).toMatchObject({ definition: { version: 'v1' }, refused: 'v2', state: 'rolling' });
    const later = rolling(ready('w1', 'w2'), { ...back, definition: service('web') });
    expect(started(later)).toEqual([]);
    expect(rolloutAfter(later)).toBeUndefined();
  });

  it('refuses nothing any more once the spec names what is in force', () => {
    const input = rolling([next('n1'), next('n2')], { state: 'settled', previous: null, refused: 'v3' });
    expect(rolloutAfter(input)).toMatchObject({ refused: '', definition: { version: 'v2' } });
  });

  it('keeps telling why it went back', () => {
    const reason = 'back from v3: 1 of 2 new instances failed';
    const input = rolling(ready('w1', 'w2'), { definition: service('web'), refused: 'v2', reason });
    expect(rolloutAfter(input)).toMatchObject({ state: 'settled', reason });
  });

  it('paused, replaces what fails by the version that has proved itself', () => {
    const input = rolling([failed(), ...ready('w2')], { state: 'paused' });
    expect(started(input).map(({ version }) => version)).toEqual(['v1']);
  });
});
