/**
 * An instance whose record is damaged beyond its copy, from the processes that run: their environment and command line say
 * enough to go on watching it, to stop it and to start it again. Nothing runs: nothing to recover.
 */
import { readFileSync } from 'node:fs';
import { readBootId, readEnvironment, type ScannedProcess } from '@mitosis/actuators';
import type { agent } from '@mitosis/contracts';
import { ZERO_EPOCH } from '@mitosis/contracts';
import type { InstanceState } from './records.js';

/** Set by the driver or the agent anew for each run. */
const NOT_THE_USERS = /^MITOSIS_(HOME|INSTANCE|RUN|COMPONENT|CLASS|VERSION|LISTENERS|DATA)$/;
const RESTART = { enabled: true, backoffMinMs: 50, backoffMaxMs: 5_000, resetAfterMs: 10_000 };

export const recoverRecord = (
  level: string,
  id: string,
  scan: readonly ScannedProcess[],
  nowMs: number,
): InstanceState | undefined => {
  const own = scan.filter(({ mark }) => mark?.kind === 'run' && mark.level === level && mark.id === id);
  // The shim was there first; the command is its child.
  const [shim] = own.filter((one) => one.session === one.pid).sort((a, b) => a.startTicks - b.startTicks);
  const main = own.find((one) => one.parent === shim?.pid) ?? own.find((one) => one !== shim) ?? shim;
  if (main?.mark?.kind !== 'run') return undefined;
  const env = Object.fromEntries(readEnvironment(main.pid));
  const ports = portsOf(env);
  return {
    v: 1,
    level,
    spec: specOf(id, env, ports, readFileSync(`/proc/${main.pid}/cmdline`, 'utf8').split('\0').slice(0, -1)),
    epoch: ZERO_EPOCH,
    ports,
    etcd: '',
    initialCluster: '',
    run: main.mark.run,
    bootId: readBootId(),
    restarts: 0,
    createdAtMs: nowMs,
  };
};

const portsOf = (env: Readonly<Record<string, string>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      name.startsWith('PORT_') && /^\d+$/.test(value)
        ? [[name.slice('PORT_'.length).toLowerCase(), Number(value)] as const]
        : [],
    ),
  );

const specOf = (
  id: string,
  env: Readonly<Record<string, string>>,
  ports: Readonly<Record<string, number>>,
  command: string[],
): agent.InstanceSpec => {
  const management = env['MITOSIS_CLASS'] === 'management';
  return {
    id,
    component: env['MITOSIS_COMPONENT'] ?? '',
    class: management ? 'management' : 'application',
    version: env['MITOSIS_VERSION'] ?? '',
    driver: 'process',
    command,
    workingDir: env['PWD'] ?? '',
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !NOT_THE_USERS.test(name))),
    stopSignal: 'SIGTERM',
    stopGraceMs: 10_000,
    ports: Object.entries(ports).map(([name, fixed]) => ({ name, fixed })),
    listeners: listenersOf(env['MITOSIS_LISTENERS']),
    probe: undefined,
    restart: management ? RESTART : undefined,
    user: '',
    logMaxBytes: 8 * 1024 * 1024,
    runOnce: false,
  };
};

const listenersOf = (text: string | undefined): string[] =>
  text === undefined
    ? []
    : (JSON.parse(text) as readonly { readonly name: string }[]).map(({ name }) => name);
