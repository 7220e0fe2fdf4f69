/**
 * Keeps the databases of this host's etcd members within their quota. etcd forgets its history by itself
 * (`--auto-compaction`), but gives no space back, and a store that ran full refuses writes until this has made room.
 * Must never touch another alarm than that one: a corrupt member stays shut.
 */
import { MANAGEMENT_COMPONENTS } from '@mitosis/contracts';
import {
  compactHistory,
  defragment,
  endNoSpaceAlarm,
  endpointFlags,
  findEtcdctl,
  readStatus,
} from '../adapters/etcdctl.js';
import { decideEtcdUpkeep, hasRoom } from '../decide/etcd-upkeep.js';
import { certifiedRole } from '../decide/secure-command.js';
import { tlsDirectory } from '../identity/host-identity.js';
import type { Instance } from '../instances/instance.js';
import type { HostServices } from './host-services.js';
import type { Level } from './level.js';

const QUOTA_FLAG = '--quota-backend-bytes=';
/** etcd's own, where the description names none. */
const QUOTA_DEFAULT_BYTES = 2 * 1024 * 1024 * 1024;

const quotaOf = (member: Instance): number => {
  const flag = member.state.spec.command.find((word) => word.startsWith(QUOTA_FLAG));
  return Number(flag?.slice(QUOTA_FLAG.length) ?? 0) || QUOTA_DEFAULT_BYTES;
};

export class EtcdUpkeep {
  constructor(private readonly host: HostServices) {}

  /** One member after the other, so that never two of a cluster wait at once because of this host. */
  async tidy(levels: Iterable<Level>): Promise<void> {
    for (const level of levels) await this.tidyLevel(level);
  }

  private async tidyLevel(level: Level): Promise<void> {
    for (const member of level.management) {
      // One that ran full is unhealthy: it must not be left alone for that.
      if (member.state.spec.component !== MANAGEMENT_COMPONENTS.etcd || !member.isUp) continue;
      try {
        await this.tidyOne(level, member);
      } catch (error) {
        const told = { level: level.name, member: member.id, error: String(error) };
        this.host.log.warn(told, 'the database of etcd could not be looked after');
      }
    }
  }

  private async tidyOne(level: Level, member: Instance): Promise<void> {
    const etcdctl = findEtcdctl(member.state.spec.command[0] ?? '');
    if (etcdctl === undefined) return;
    const tls = certifiedRole(member.state) === undefined ? undefined : tlsDirectory(member.dir);
    const endpoint = endpointFlags(`${this.host.host}:${member.state.ports['client'] ?? 0}`, tls);
    const ask = { etcdctl, endpoint, home: this.host.paths.home };
    const quotaBytes = quotaOf(member);
    const status = await readStatus(ask);
    const decision = decideEtcdUpkeep({ ...status, quotaBytes });
    if (decision.kind === 'nothing') return;
    if (decision.kind === 'relieve') await compactHistory(ask, status.revision);
    await defragment(ask);
    const after = await readStatus(ask);
    const told = { level: level.name, member: member.id, before: status.sizeBytes, after: after.sizeBytes };
    this.host.log.warn({ ...told, reason: decision.reason }, 'the database of etcd was tidied');
    if (decision.kind === 'defragment') return;
    if (hasRoom({ sizeBytes: after.sizeBytes, quotaBytes })) await endNoSpaceAlarm(ask);
    else
      this.host.log.error(
        { ...told, quotaBytes },
        'etcd is full of records in use: it goes on refusing writes',
      );
  }
}
