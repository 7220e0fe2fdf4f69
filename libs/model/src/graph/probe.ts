/** How it is known that an instance is healthy. */
import type { PortSpec, Probe } from '@mitosis/contracts';
import { child, flagOf, numberOf, textOf } from '../source/node.js';
import { durationMs } from '../values/duration.js';
import { type Building, complain, extensionOf, type Service } from './service.js';

/** Compose's defaults for a healthcheck that does not say more. */
const COMPOSE = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3 } as const;
/** Probes Mitosis adds itself are cheap, so they are frequent. */
const OWN = { intervalMs: 2_000, timeoutMs: 2_000, retries: 3 } as const;
/** Until the first success; a program is dearer to start than a connection. */
const FIRST_EXEC_MS = 500;
const FIRST_CONNECT_MS = 100;
/**
 * Docker only marks an instance whose start takes too long; Mitosis replaces it. Unless the composition says how long a
 * start may take, it gets at least this long.
 */
const START_PERIOD_MS = 30_000;

export const NO_PROBE: Probe = {
  kind: 'none',
  command: [],
  port: '',
  path: '',
  intervalMs: OWN.intervalMs,
  timeoutMs: OWN.timeoutMs,
  retries: OWN.retries,
  startPeriodMs: 0,
  startIntervalMs: FIRST_CONNECT_MS,
};

type Target = Pick<Probe, 'kind' | 'command' | 'port' | 'path'>;

/** x-mitosis.probe, else the healthcheck, else a connection to the first port, else none. */
export const probeOf = (service: Service, ports: readonly PortSpec[], building: Building): Probe => {
  const { node } = service;
  if (flagOf(node, 'healthcheck', 'disable') === true) return NO_PROBE;
  const test = testOf(service, building);
  const own = ownProbe(service, ports, building);
  const target = own ?? test ?? firstPort(ports);
  if (target === undefined || target.kind === 'none') return NO_PROBE;
  const defaults = target === test ? COMPOSE : OWN;
  const intervalMs = time(service, 'interval') ?? defaults.intervalMs;
  const retries = Math.max(1, numberOf(node, 'healthcheck', 'retries') ?? defaults.retries);
  const firstMs = target.kind === 'exec' ? FIRST_EXEC_MS : FIRST_CONNECT_MS;
  return {
    ...target,
    intervalMs,
    timeoutMs: time(service, 'timeout') ?? defaults.timeoutMs,
    retries,
    startPeriodMs: time(service, 'start_period') ?? Math.max(START_PERIOD_MS, intervalMs * retries),
    startIntervalMs: time(service, 'start_interval') ?? Math.min(intervalMs, firstMs),
  };
};

/** A time of the healthcheck; 0 means the default, as in Compose. */
const time = (service: Service, key: string): number | undefined => {
  const ms = durationMs(textOf(service.node, 'healthcheck', key) ?? '');
  return ms === 0 && key !== 'start_period' ? undefined : ms;
};

const firstPort = (ports: readonly PortSpec[]): Target | undefined => {
  const [port] = ports;
  return port === undefined ? undefined : { kind: 'tcp', command: [], port: port.name, path: '' };
};

const exec = (command: readonly string[]): Target => ({ kind: 'exec', command, port: '', path: '' });
const NONE: Target = { kind: 'none', command: [], port: '', path: '' };

const testOf = (service: Service, building: Building): Target | undefined => {
  const test = child(service.node, 'healthcheck', 'test');
  if (test === undefined || test.kind === 'map') return undefined;
  if (test.kind === 'scalar') return exec(['/bin/sh', '-c', test.text]);
  const [form, ...words] = test.items.map((item) => (item.kind === 'scalar' ? item.text : ''));
  if (form === 'NONE') return NONE;
  if (form === 'CMD' && words.length > 0) return exec(words);
  if (form === 'CMD-SHELL' && words.length === 1) return exec(['/bin/sh', '-c', ...words]);
  complain(
    building,
    service,
    ['healthcheck', 'test'],
    form === 'CMD' || form === 'CMD-SHELL'
      ? `${form} takes ${form === 'CMD' ? 'a program and its arguments' : 'exactly one text'}`
      : `a test begins with CMD, CMD-SHELL or NONE, not "${form ?? ''}"`,
    'write ["CMD", "program", "argument"], or the command as one text',
  );
  return undefined;
};

const ownProbe = (service: Service, ports: readonly PortSpec[], building: Building): Target | undefined => {
  const probe = child(extensionOf(service), 'probe');
  if (probe === undefined) return undefined;
  const keys = ['x-mitosis', 'probe'];
  const path = textOf(probe, 'http');
  if (path === undefined && flagOf(probe, 'tcp') !== true) {
    complain(
      building,
      service,
      keys,
      'the probe says neither http nor tcp',
      'write { http: /healthz } or { tcp: true }',
    );
    return undefined;
  }
  const said = textOf(probe, 'port');
  const port = said === undefined ? ports[0] : ports.find(({ name }) => name === said);
  if (port === undefined) {
    const names = ports.map(({ name }) => name).join(', ');
    complain(
      building,
      service,
      keys,
      said === undefined ? 'there is no port to probe' : `there is no port ${said} to probe`,
      names === '' ? 'add ports: or expose:' : `name one of its ports: ${names}`,
    );
    return undefined;
  }
  return path === undefined
    ? { kind: 'tcp', command: [], port: port.name, path: '' }
    : { kind: 'http', command: [], port: port.name, path: path.startsWith('/') ? path : `/${path}` };
};
