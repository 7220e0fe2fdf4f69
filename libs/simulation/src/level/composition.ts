/**
 * The composition that is simulated: one component that scales, one of which there is never a second, one without a port,
 * and one that runs once; on two sites.
 */
import { componentName, levelId, type Component, type TypeGraph } from '@mitosis/contracts';

export const LEVEL = levelId('sim');
export const SITES = ['site-1', 'site-2'] as const;
/** Requests per second and instance of `web` that the autoscaler aims at. */
export const WEB_RPS = 2;
const DRAIN_MS = 3_000;

const component = (name: string, over: Partial<Component>): Component => ({
  name: componentName(name),
  kind: 'service',
  version: 'v1',
  run: {
    driver: 'process',
    image: null,
    command: [name],
    workingDir: '',
    env: {},
    user: '',
    stopSignal: 'SIGTERM',
    stopGraceMs: 2_000,
    container: {},
  },
  ports: [{ name: 'default', target: 0, protocol: 'http', published: [] }],
  dependsOn: [],
  probe: {
    kind: 'http',
    command: [],
    port: 'default',
    path: '/',
    intervalMs: 1_000,
    timeoutMs: 500,
    retries: 2,
    startPeriodMs: 8_000,
    startIntervalMs: 200,
  },
  scale: { min: 1, max: 1, initial: 1 },
  policy: { kind: 'fixed' },
  objective: null,
  resources: {
    limits: { cpus: 0.1, memoryBytes: 1e6, pids: 0 },
    reservations: { cpus: 0, memoryBytes: 0, pids: 0 },
  },
  restart: { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 },
  update: {
    parallelism: 1,
    delayMs: 0,
    monitorMs: 500,
    failureAction: 'continue',
    maxFailureRatio: 0,
    order: 'start-first',
  },
  exclusive: false,
  runOnce: false,
  alternatives: [],
  rebind: { p95Ms: 500, errorRatio: 0.05, afterMs: 1_000, returnAfterMs: 5_000, trialShare: 0 },
  composition: null,
  drainDeadlineMs: DRAIN_MS,
  labels: {},
  ...over,
});

/** `version` of `web`: another one is a roll-out. */
export const compositionOf = (version: string, agents: Readonly<Record<string, string>>): TypeGraph => {
  const components = [
    component('web', {
      version,
      scale: { min: 2, max: 6, initial: 2 },
      policy: { kind: 'target', metric: 'rps', value: WEB_RPS, tolerance: 0.1, downWindowMs: 6_000 },
      dependsOn: [
        { component: componentName('migrate'), condition: 'completed', required: true, restart: false },
      ],
    }),
    component('store', { exclusive: true }),
    component('worker', { ports: [], scale: { min: 2, max: 2, initial: 2 }, probe: noProbe() }),
    component('migrate', { ports: [], runOnce: true, probe: noProbe() }),
  ];
  return {
    v: 1,
    level: LEVEL,
    name: 'sim',
    entry: componentName('web'),
    objective: null,
    budgetPerHour: null,
    components: Object.fromEntries(components.map((one) => [one.name, one])),
    sites: SITES.map((name) => ({
      name,
      driver: 'process',
      agent: agents[name] ?? '',
      cpus: 8,
      memoryBytes: 64e9,
      zone: '',
      pricePerCpuHour: 0,
    })),
    management: { managers: 2, routers: 2, etcdMembers: 1 },
    digest: `digest-${version}`,
  };
};

const noProbe = (): Component['probe'] => ({
  kind: 'none',
  command: [],
  port: '',
  path: '',
  intervalMs: 1_000,
  timeoutMs: 1_000,
  retries: 3,
  startPeriodMs: 0,
  startIntervalMs: 100,
});
