import { describe, expect, it } from 'vitest';
import { componentWith, graphOf, only, told } from '../testing/composition.testing.js';

const MIB = 1024 * 1024;
const run = (yaml: string) => componentWith(`command: run\n${yaml}`);

describe('scale', () => {
  it.each([
    ['user: x', { min: 1, max: 1, initial: 1 }],
    ['deploy: { replicas: 3 }', { min: 3, max: 3, initial: 3 }],
    ['scale: 2', { min: 2, max: 2, initial: 2 }],
    ['deploy: { replicas: 0 }', { min: 0, max: 0, initial: 0 }],
    ['x-mitosis: { scale: { max: 5 } }', { min: 1, max: 5, initial: 1 }],
    ['deploy: { replicas: 2 }\nx-mitosis: { scale: { max: 5 } }', { min: 2, max: 5, initial: 2 }],
    ['x-mitosis: { scale: { min: 3 } }', { min: 3, max: 3, initial: 3 }],
    ['deploy: { replicas: 4 }\nx-mitosis: { scale: { min: 2 } }', { min: 2, max: 4, initial: 4 }],
    ['deploy: { replicas: 2 }\nx-mitosis: { scale: { min: 1, max: 9 } }', { min: 1, max: 9, initial: 2 }],
    ['x-mitosis: { scale: { min: 0, max: 2 } }', { min: 0, max: 2, initial: 0 }],
  ])('%j', (yaml, scale) => expect(run(yaml).scale).toEqual(scale));
});

describe('size', () => {
  const limits = 'deploy: { resources: { limits: { cpus: "1", memory: 512M } } }';
  const none = { cpus: 0, memoryBytes: 0 };
  it('is said by one word or with bounds, and advised where nothing is said', () => {
    expect(run(limits).sizing).toBeUndefined();
    expect(run(`${limits}\nx-mitosis: { size: advise }`).sizing).toEqual({
      mode: 'advise',
      least: none,
      most: none,
    });
    expect(run(`${limits}\nx-mitosis: { size: apply }`).sizing?.mode).toBe('apply');
    expect(
      run(`${limits}\nx-mitosis: { size: { mode: apply, min: { cpus: "0.2" }, max: { memory: 1G } } }`)
        .sizing,
    ).toEqual({
      mode: 'apply',
      least: { cpus: 0.2, memoryBytes: 0 },
      most: { cpus: 0, memoryBytes: 1024 * MIB },
    });
  });

  it('is no part of the version: nothing is replaced because it may be', () => {
    expect(run(`${limits}\nx-mitosis: { size: apply }`).version).toBe(run(limits).version);
  });
});

describe('policies', () => {
  const scaled = 'x-mitosis: { scale: { min: 1, max: 9 }';
  it.each([
    ['user: x', { kind: 'fixed' }],
    [`${scaled} }`, { kind: 'target', metric: 'cpu', value: 0.6, tolerance: 0.1, downWindowMs: 60_000 }],
    [`${scaled}, objective: { p95: 1s } }`, { kind: 'slo', holdMs: 0 }],
    [`${scaled}, objective: { errors: 1% } }`, { kind: 'target' }],
    ['x-mitosis: { objective: { p95: 1s } }', { kind: 'fixed' }],
    [`${scaled}, objective: { p95: 1s }, policy: target }`, { kind: 'target' }],
    [
      `${scaled}, objective: { p95: 1s }, policy: { kind: slo, hold: 30s } }`,
      { kind: 'slo', holdMs: 30_000 },
    ],
    [`${scaled}, policy: fixed }`, { kind: 'fixed' }],
    [
      `${scaled}, policy: { kind: target, metric: rps, value: 50/s, tolerance: 5%, down_window: 2m } }`,
      { kind: 'target', metric: 'rps', value: 50, tolerance: 0.05, downWindowMs: 120_000 },
    ],
    [`${scaled}, policy: { kind: target, metric: p95, value: 200ms } }`, { metric: 'p95', value: 200 }],
    [
      `${scaled}, policy: { kind: target, metric: memory, value: 64M } }`,
      { metric: 'memory', value: 64 * MIB },
    ],
    [`${scaled}, policy: { kind: target, metric: concurrency, value: 8 } }`, { value: 8 }],
    [
      `${scaled}, policy: { kind: threshold, rules: [{ metric: errors, above: 2%, period: 10s, change: +2, cooldown: 1m }] } }`,
      {
        kind: 'threshold',
        rules: [
          {
            metric: 'errors',
            comparator: 'above',
            threshold: 0.02,
            periodMs: 10_000,
            change: 2,
            cooldownMs: 60_000,
          },
        ],
      },
    ],
    [
      `${scaled}, policy: threshold }`,
      {
        rules: [
          { metric: 'cpu', change: 1 },
          { metric: 'cpu', change: -1 },
        ],
      },
    ],
  ])('%j', (yaml, policy) => expect(run(yaml).policy).toMatchObject(policy));

  it('hold the objective of the whole composition', () => {
    const graph = graphOf(`
      x-mitosis: { entry: a, objective: { p99: 1s } }
      services: { a: { command: run, x-mitosis: { scale: { max: 2 } } } }
    `);
    expect(only(graph, 'a')).toMatchObject({ policy: { kind: 'slo' }, objective: null });
  });

  it('leave the objective of the composition to what takes requests', () => {
    const graph = graphOf(`
      x-mitosis: { entry: a, objective: { p99: 1s } }
      services:
        a: { command: run }
        worker: { command: work, x-mitosis: { scale: { max: 2 } } }
    `);
    expect(only(graph, 'worker').policy).toMatchObject({ kind: 'target', metric: 'cpu' });
  });
});

describe('resources', () => {
  const none = { cpus: 0, memoryBytes: 0, pids: 0 };
  it.each([
    ['user: x', { limits: none, reservations: none }],
    [
      'deploy: { resources: { limits: { cpus: "0.5", memory: 128M, pids: 9 }, reservations: { cpus: 0.25, memory: 64m } } }',
      {
        limits: { cpus: 0.5, memoryBytes: 128 * MIB, pids: 9 },
        reservations: { cpus: 0.25, memoryBytes: 64 * MIB, pids: 0 },
      },
    ],
    [
      'cpus: 2\nmem_limit: 1g\nmem_reservation: 1m\npids_limit: 7',
      { limits: { cpus: 2, memoryBytes: 1024 * MIB, pids: 7 }, reservations: { ...none, memoryBytes: MIB } },
    ],
    ['pids_limit: -1', { limits: none }],
  ])('%j', (yaml, resources) => expect(run(yaml).resources).toMatchObject(resources));
});

describe('restart and update', () => {
  it.each([
    ['user: x', { condition: 'any', delayMs: 0, maxAttempts: 0 }],
    ['restart: always', { condition: 'any' }],
    ['restart: unless-stopped', { condition: 'any' }],
    ['restart: "no"', { condition: 'none' }],
    ['restart: on-failure', { condition: 'on-failure', maxAttempts: 0 }],
    ['restart: on-failure:3', { condition: 'on-failure', maxAttempts: 3 }],
    [
      'deploy: { restart_policy: { condition: on-failure, delay: 5s, max_attempts: 2, window: 1m } }',
      { condition: 'on-failure', delayMs: 5_000, maxAttempts: 2, windowMs: 60_000 },
    ],
    ['restart: "no"\ndeploy: { restart_policy: { delay: 1s } }', { condition: 'any', delayMs: 1_000 }],
  ])('%j', (yaml, restart) => expect(run(yaml).restart).toMatchObject(restart));

  it.each([
    [
      'user: x',
      { parallelism: 1, delayMs: 0, monitorMs: 5_000, failureAction: 'pause', order: 'start-first' },
    ],
    [
      'deploy: { update_config: { parallelism: 0, delay: 1s, monitor: 2s, failure_action: rollback, max_failure_ratio: 0.2, order: stop-first } }',
      {
        parallelism: 0,
        delayMs: 1_000,
        monitorMs: 2_000,
        failureAction: 'rollback',
        maxFailureRatio: 0.2,
        order: 'stop-first',
      },
    ],
  ])('%j updates', (yaml, update) => expect(run(yaml).update).toMatchObject(update));
});

describe('exclusive', () => {
  it.each([
    ['user: x', false],
    ['volumes: ["data:/data"]', true],
    ['volumes: ["./data:/data"]', false],
    ['volumes: ["data:/data"]\ndeploy: { replicas: 2 }', false],
    ['volumes: ["data:/data"]\nx-mitosis: { exclusive: false }', false],
    ['x-mitosis: { exclusive: true }', true],
  ])('%j → %s', (yaml, exclusive) => {
    const component = run(yaml);
    expect(component.exclusive).toBe(exclusive);
    expect(component.update.order).toBe(exclusive ? 'stop-first' : 'start-first');
  });
});

describe('x-mitosis of a component and of a level', () => {
  it.each([
    ['drain: 5s', { drainDeadlineMs: 5_000 }],
    ['drain: { deadline: 1m }', { drainDeadlineMs: 60_000 }],
    [
      'rebind: { p95: 1s, errors: 2%, after: 3s, return_after: 1m, trial: 10% }',
      { rebind: { p95Ms: 1_000, errorRatio: 0.02, afterMs: 3_000, returnAfterMs: 60_000, trialShare: 0.1 } },
    ],
    [
      'objective: { p50: 10ms, p99.9: 1s, throughput: 100/s }',
      {
        objective: {
          latency: [
            { percentile: 50, ms: 10 },
            { percentile: 99.9, ms: 1_000 },
          ],
          throughput: 100,
        },
      },
    ],
    ['protocol: http', { drainDeadlineMs: 30_000, rebind: { p95Ms: 0, errorRatio: 0.05 } }],
  ])('%s', (yaml, component) => expect(run(`x-mitosis: { ${yaml} }`)).toMatchObject(component));

  it('knows sites and management', () => {
    const text = `
      x-mitosis:
        management: { managers: 3, routers: 1, etcd: 3 }
        sites:
          - { name: here }
          - { name: there, driver: docker, agent: "10.0.0.1:7000", cpus: 4, memory: 8g, zone: z, price: 0.04 }
      services: { a: { command: run } }
    `;
    expect(graphOf(text)).toMatchObject({
      management: { managers: 3, routers: 1, etcdMembers: 3 },
      sites: [
        { name: 'here', driver: 'process', agent: '', cpus: 0, memoryBytes: 0, zone: '', pricePerCpuHour: 0 },
        {
          name: 'there',
          driver: 'docker',
          agent: '10.0.0.1:7000',
          cpus: 4,
          memoryBytes: 8192 * MIB,
          pricePerCpuHour: 0.04,
        },
      ],
    });
  });

  it('reads sites from a file', () => {
    const text = 'x-mitosis: { sites: ./sites.yaml }\nservices: { a: { command: run } }';
    const files = { 'sites.yaml': 'sites: [{ name: one, cpus: "$N" }]' };
    expect(graphOf(text, { env: { N: '2' } }, files).sites).toMatchObject([{ name: 'one', cpus: 2 }]);
    expect(told({ 'compose.yaml': text, 'sites.yaml': '[{ nam: one }]' })).toEqual([
      'sites.yaml:1:4 sites[0].nam: unknown key "nam" → did you mean "name"?',
      'sites.yaml:1:2 sites[0]: "name" is missing → add "name"',
    ]);
  });
});

describe('dependencies', () => {
  it.each([
    ['[b]', { component: 'b', condition: 'started', required: true, restart: false }],
    ['{ b: { condition: service_healthy, restart: true } }', { condition: 'healthy', restart: true }],
    [
      '{ b: { condition: service_completed_successfully, required: false } }',
      { condition: 'completed', required: false },
    ],
    ['{ b: }', { condition: 'started', required: true }],
  ])('%s', (yaml, dependency) => {
    const graph = graphOf(`services: { a: { command: x, depends_on: ${yaml} }, b: { command: x } }`);
    expect(only(graph, 'a').dependsOn).toMatchObject([dependency]);
  });

  it('are implied by links, shared volumes and shared namespaces', () => {
    const graph = graphOf(`
      services:
        a: { image: x, links: ["b:alias"], volumes_from: [c], network_mode: "service:d" }
        b: { image: x, expose: [1] }
        c: { image: x, expose: [1] }
        d: { image: x, expose: [1] }
    `);
    expect(only(graph, 'a').dependsOn.map(({ component }) => component)).toEqual(['b', 'c', 'd']);
  });

  it('that somebody waits for the end of run once, without a port', () => {
    const graph = graphOf(`
      services:
        a: { command: x, depends_on: { job: { condition: service_completed_successfully } } }
        job: { command: y, restart: always }
    `);
    expect(only(graph, 'job')).toMatchObject({
      runOnce: true,
      ports: [],
      probe: { kind: 'none' },
      restart: { condition: 'on-failure' },
      scale: { min: 1, max: 1 },
    });
    expect(only(graph, 'a').runOnce).toBe(false);
  });
});

describe('profiles', () => {
  const text = `
    services:
      a: { command: run, depends_on: { c: { condition: service_started, required: false } } }
      b: { command: run, profiles: [debug, extra] }
      c: { command: run, profiles: [c] }
  `;
  it.each([
    [{}, ['a']],
    [{ profiles: ['debug'] }, ['a', 'b']],
    [{ profiles: ['extra', 'c'] }, ['a', 'b', 'c']],
    [{ profiles: ['*'] }, ['a', 'b', 'c']],
    [{ env: { COMPOSE_PROFILES: 'c, debug' } }, ['a', 'b', 'c']],
  ])('%j', (options, names) => expect(Object.keys(graphOf(text, options).components)).toEqual(names));

  it('leave out a dependency that is not required', () => {
    expect(only(graphOf(text), 'a').dependsOn).toEqual([]);
    expect(only(graphOf(text, { profiles: ['c'] }), 'a').dependsOn).toHaveLength(1);
  });
});
