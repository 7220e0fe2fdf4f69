/**
 * How an instance of a component is started: a pure description for the agent. Built from the definition and the site's
 * listeners alone, so that every successor builds the same one.
 */
import type {
  agent,
  Component,
  InstanceRecord,
  LevelId,
  ListenerRecord,
  ListenersRecord,
  Probe,
  RunSpec,
} from '@mitosis/contracts';
import { containerSpec, namedListeners } from './container-spec.js';

const EXEC_INSIDE_MS = 500;
const LOG_MAX_BYTES = 8 * 1024 * 1024;
/** A component that says nothing of its health is taken in once it accepts connections; it is never judged by that later. */
const NEVER_FAILS = 1_000_000;

export const instanceSpec = (
  level: LevelId,
  record: InstanceRecord,
  component: Component,
  listeners: ListenersRecord | undefined,
): agent.InstanceSpec | undefined => {
  const { run } = component;
  if (run === null) return undefined;
  const held = listeners?.listeners ?? [];
  const container = run.driver === 'docker';
  const reachable = container ? namedListeners(held) : held.filter(({ network }) => network === undefined);
  return {
    id: record.id,
    component: component.name,
    class: 'application',
    version: component.version,
    driver: run.driver,
    command: [...run.command],
    workingDir: run.workingDir,
    env: {
      ...dependencyEnv(reachable),
      ...ownEnv(level, record, component),
      // What the composition sets itself wins.
      ...run.env,
      ...sealedSecrets(run),
    },
    stopSignal: run.stopSignal,
    stopGraceMs: run.stopGraceMs,
    ports: component.ports.map(({ name }) => ({ name, fixed: 0 })),
    listeners: [],
    probe: probeSpec(component),
    // Health replaces a failed instance by one with a new id; the agent restarts only what no leader may be there for.
    restart: { enabled: false, backoffMinMs: 0, backoffMaxMs: 0, resetAfterMs: 0 },
    user: run.user,
    logMaxBytes: LOG_MAX_BYTES,
    runOnce: component.runOnce,
    ...(container ? { container: containerSpec(level, component, run, held) } : {}),
  };
};

/** The agent opens them into files; a container's definition carries its own. */
const sealedSecrets = ({ driver, container }: RunSpec): Record<string, string> =>
  driver === 'process' && container['secrets'] !== undefined
    ? { MITOSIS_SEALED_SECRETS: JSON.stringify(container) }
    : {};

/** `catalog-db` → `CATALOG_DB`. */
export const envName = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');

const ownEnv = (level: LevelId, record: InstanceRecord, component: Component): Record<string, string> => {
  const [first] = component.ports;
  return {
    MITOSIS_LEVEL: level,
    MITOSIS_COMPONENT: component.name,
    MITOSIS_INSTANCE: record.id,
    HOST: '{{host}}',
    ...(first === undefined ? {} : { PORT: `{{port:${first.name}}}` }),
    ...Object.fromEntries(
      component.ports.map(({ name }) => [`PORT_${envName(name)}`, `{{port:${name}}}`] as const),
    ),
  };
};

/** Addresses of every component of the level, by the internal listeners that this site's agent holds. */
export const dependencyEnv = (listeners: readonly ListenerRecord[]): Record<string, string> => {
  const env: Record<string, string> = {};
  const byComponent = new Map<string, ListenerRecord[]>();
  for (const listener of listeners) {
    if (listener.published) continue;
    byComponent.set(listener.component, [...(byComponent.get(listener.component) ?? []), listener]);
  }
  for (const [component, ports] of byComponent) {
    const prefix = envName(component);
    ports.forEach((listener, index) => {
      if (index === 0) setAddress(env, prefix, listener);
      if (ports.length > 1) setAddress(env, `${prefix}_${envName(listener.port)}`, listener);
    });
  }
  return env;
};

const setAddress = (env: Record<string, string>, prefix: string, listener: ListenerRecord): void => {
  env[`${prefix}_URL`] = `${listener.protocol}://${listener.host}:${listener.number}`;
  env[`${prefix}_HOST`] = listener.host;
  env[`${prefix}_PORT`] = String(listener.number);
};

const probeSpec = (component: Component): agent.ProbeSpec | undefined => {
  const { probe } = component;
  const [port] = component.ports;
  if (probe.kind !== 'none') {
    // To look into a container costs far more than to look at a process.
    const startIntervalMs =
      component.run?.driver === 'docker' && probe.kind === 'exec'
        ? Math.max(probe.startIntervalMs, EXEC_INSIDE_MS)
        : probe.startIntervalMs;
    return { ...probe, startIntervalMs, command: [...probe.command] };
  }
  if (port === undefined || component.runOnce) return undefined;
  return readinessProbe(probe, port.name);
};

const readinessProbe = (probe: Probe, port: string): agent.ProbeSpec => ({
  kind: 'tcp',
  command: [],
  port,
  path: '',
  intervalMs: 10_000,
  timeoutMs: 1_000,
  retries: NEVER_FAILS,
  startPeriodMs: Math.max(probe.startPeriodMs, 60_000),
  startIntervalMs: 100,
});
