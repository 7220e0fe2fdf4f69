/**
 * The birth of a level: its first etcd cluster and its first manager, started together. Idempotent: what lives here or
 * has data here is adopted, never doubled. The intent is on disk before anything starts, so that the next agent goes on
 * where this one died.
 */
import { MANAGEMENT_COMPONENTS, MitosisError, ZERO_EPOCH, type agent, type Epoch } from '@mitosis/contracts';
import type { Instance } from '../instances/instance.js';
import type { BirthState } from '../state/records.js';
import type { HostServices } from './host-services.js';
import { assertSpec } from './assertions.js';
import type { Level } from './level.js';

export interface BirthPlan {
  readonly request: agent.BirthRequest;
  /** Of the parent's act; zero for a root. */
  readonly epoch: Epoch;
  /** Newer than every incarnation this host remembers of the level. */
  readonly incarnation: number;
}

/** Under the level's lock. */
export const birthLevel = async (
  level: Level,
  host: HostServices,
  { request, epoch, incarnation }: BirthPlan,
): Promise<agent.BirthReply> => {
  if (isBorn(level)) {
    // A request for a newer incarnation is the parent's decision to make a new cluster in place of this one.
    if (request.incarnation <= level.state.incarnation) return adopt(level, host);
    await setAside(level, host);
  }
  for (const spec of [...request.etcd, request.manager]) assertSpec(spec);
  const { etcd, manager } = request;
  if (manager === undefined || etcd.length === 0)
    throw new MitosisError('invalid_input', 'a birth needs at least one etcd member and a manager');
  const allotted = await allotAll(level, host, [...etcd, manager]);
  try {
    const tls = await host.identity.beforeBirth(level.name);
    const birth: BirthState = { etcd, manager, ports: allotted.ports, epoch, tls, complete: false };
    await level.saved.update({ birth, incarnation, parent: request.parent });
    await completeBirth(level, host);
  } finally {
    allotted.settle();
  }
  return reply(level, false);
};

const isBorn = (level: Level): boolean =>
  level.state.birth !== null || level.management.some(({ state }) => isEtcd(state.spec.component));

const isEtcd = (component: string): boolean => component === MANAGEMENT_COMPONENTS.etcd;

const adopt = async (level: Level, host: HostServices): Promise<agent.BirthReply> => {
  await completeBirth(level, host);
  for (const instance of level.management) instance.revive();
  return reply(level, true);
};

const allotAll = async (
  level: Level,
  host: HostServices,
  specs: readonly agent.InstanceSpec[],
): Promise<{ ports: Record<string, Readonly<Record<string, number>>>; settle(): void }> => {
  const ports: Record<string, Readonly<Record<string, number>>> = {};
  const settles: (() => void)[] = [];
  const settle = (): void => settles.forEach((one) => one());
  try {
    for (const spec of specs) {
      const allotted = await host.ports.allot(`${level.name}/${spec.component}`, host.host, spec.ports);
      settles.push(() => allotted.settle());
      ports[spec.id] = allotted.ports;
    }
  } catch (error) {
    settle();
    throw error;
  }
  return { ports, settle };
};

/** Creates what the recorded intent names and what is not there yet; nothing once it was complete. */
export const completeBirth = async (level: Level, host: HostServices): Promise<void> => {
  const { birth } = level.state;
  if (birth === null || birth.complete) return;
  const portOf = (id: string, name: string): number => birth.ports[id]?.[name] ?? 0;
  const scheme = birth.tls === true ? 'https' : 'http';
  const etcd = birth.etcd.map(({ id }) => `${scheme}://${host.host}:${portOf(id, 'client')}`).join(',');
  const initialCluster = birth.etcd
    .map(({ id }) => `${id}=${scheme}://${host.host}:${portOf(id, 'peer')}`)
    .join(',');
  const wanted = [...birth.etcd, birth.manager].filter(({ id }) => !level.tombstones.has(id));
  await Promise.all(
    wanted.map((spec) =>
      level.create({ spec, epoch: birth.epoch, ports: birth.ports[spec.id] ?? {}, etcd, initialCluster }),
    ),
  );
  await level.saved.update({ birth: { ...birth, complete: true } });
};

/** Ends the old management for good; application instances and sockets stay for the new one to adopt. */
const setAside = async (level: Level, host: HostServices): Promise<void> => {
  host.log.warn(
    { level: level.name, incarnation: level.state.incarnation },
    'management gives way to a newer incarnation',
  );
  for (const { id } of level.management) await level.entomb(id, level.state.highest);
  await Promise.all(level.management.map((instance) => level.finishStop(instance, 0)));
  await level.saved.update({ birth: null });
};

const reply = (level: Level, adopted: boolean): agent.BirthReply => {
  const status = (instances: readonly Instance[]): agent.InstanceStatus[] =>
    instances.map((instance) => instance.status());
  const { management } = level;
  const managers = management.filter(({ state }) => state.spec.component === MANAGEMENT_COMPONENTS.manager);
  const [manager] = [...managers].sort((a, b) => Number(b.isUp) - Number(a.isUp));
  return {
    adopted,
    incarnation: level.state.incarnation,
    etcd: status(management.filter(({ state }) => isEtcd(state.spec.component))),
    manager: manager?.status(),
  };
};

export const ROOT_EPOCH = ZERO_EPOCH;
