/**
 * Another etcd program for the members of this host: one after the other, each on its own data and ports, the next only
 * when the one before is healthy again. Must never take a member out of a cluster that misses one already, nor leave one
 * with a program that does not come up: it gets back what it ran before.
 */
import { readlinkSync } from 'node:fs';
import { MANAGEMENT_COMPONENTS, MitosisError } from '@mitosis/contracts';
import { assertClusterWhole, endpointFlags, etcdVersionOf, findEtcdctl } from '../adapters/etcdctl.js';
import { certifiedRole } from '../decide/secure-command.js';
import { tlsDirectory } from '../identity/host-identity.js';
import type { Instance } from '../instances/instance.js';
import type { HostServices } from './host-services.js';
import type { Level } from './level.js';

/** A member reads its data and finds its leader within about two seconds; a slow disk may take longer. */
const HEALTHY_MS = 20_000;
const LOOK_MS = 200;
/** What ends so often at once will not come up. */
const EXITS_MAX = 3;

type Host = Pick<HostServices, 'host' | 'paths' | 'log'>;

/** Ids of those that were restarted. Throws MitosisError `invalid_input` or `unavailable`. */
export const upgradeEtcdMembers = async (
  level: Level,
  program: string,
  host: Host,
): Promise<readonly string[]> => {
  const members = level.management.filter(
    (one) => one.state.spec.component === MANAGEMENT_COMPONENTS.etcd && !runs(one, program),
  );
  if (members.length === 0) return [];
  let version: string;
  try {
    version = await etcdVersionOf(program);
  } catch (error) {
    throw new MitosisError('invalid_input', `${program} is no etcd: name one in MITOSIS_ETCD_BIN`, {
      cause: error,
    });
  }
  for (const member of members) {
    await assertWhole(member, program, host);
    await upgradeOne(member, program);
    host.log.info({ level: level.name, member: member.id, program, version }, 'etcd runs another program');
  }
  return members.map(({ id }) => id);
};

/** A package that was upgraded leaves the old program running, without a name. */
const runs = (member: Instance, program: string): boolean =>
  member.state.spec.command[0] === program && !isDeleted(member.status().pid);

const isDeleted = (pid: number): boolean => {
  try {
    return pid > 0 && readlinkSync(`/proc/${pid}/exe`).endsWith(' (deleted)');
  } catch {
    // No such process, or a system that does not tell.
    return false;
  }
};

const assertWhole = async (member: Instance, program: string, host: Host): Promise<void> => {
  const etcdctl = findEtcdctl(member.state.spec.command[0] ?? '') ?? findEtcdctl(program);
  if (etcdctl === undefined)
    throw new MitosisError('unavailable', 'there is no etcdctl beside etcd or on the path of the agent');
  const tls = certifiedRole(member.state) === undefined ? undefined : tlsDirectory(member.dir);
  const endpoint = endpointFlags(`${host.host}:${member.state.ports['client'] ?? 0}`, tls);
  try {
    await assertClusterWhole({ etcdctl, endpoint, home: host.paths.home });
  } catch (error) {
    throw new MitosisError(
      'unavailable',
      `etcd member ${member.id} goes on as it is: not every member of its cluster is healthy`,
      { cause: error },
    );
  }
};

const upgradeOne = async (member: Instance, program: string): Promise<void> => {
  const [before = ''] = member.state.spec.command;
  if (await comesUp(member, program)) return;
  const back = before === program ? false : await comesUp(member, before);
  throw new MitosisError(
    'unavailable',
    `etcd member ${member.id} did not get healthy with ${program}` +
      (back ? ` and runs ${before} again` : `, nor with ${before}`),
  );
};

const comesUp = async (member: Instance, program: string): Promise<boolean> => {
  const { spec } = member.state;
  await member.saveNow({ spec: { ...spec, command: [program, ...spec.command.slice(1)] } });
  await member.restart();
  for (let waitedMs = 0; waitedMs < HEALTHY_MS && member.fastExits < EXITS_MAX; waitedMs += LOOK_MS) {
    await member.whenHealthy(LOOK_MS);
    if (member.isHealthy) return true;
  }
  return false;
};
