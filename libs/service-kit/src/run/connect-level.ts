/** A process's level over its etcd cluster. Connecting waits for nothing: store, views and lease come when etcd answers. */
import { levelPrefix } from '@mitosis/contracts';
import { EtcdStore, joinLevel } from '@mitosis/coordination';
import { etcdCredentials, type TlsIdentity } from '@mitosis/identity';
import type { ServiceConfig } from '../config.js';
import type { Logger } from '../logger.js';
import type { LevelConnection } from './start-service.js';

/** One line for each kind of trouble in this time: an etcd that is away is told once, not ten times a second. */
const QUIET_MS = 5_000;

export const connectLevel = (
  config: ServiceConfig,
  log: Logger,
  identity: TlsIdentity | null,
): LevelConnection => {
  const store = new EtcdStore({
    endpoints: config.etcd,
    prefix: levelPrefix(config.level),
    ...(identity === null ? {} : { credentials: etcdCredentials(identity) }),
  });
  return {
    store,
    join: ({ address, member }) =>
      joinLevel({
        store,
        level: config.level,
        incarnation: config.incarnation,
        replica: config.replica,
        leaseTtlMs: config.leaseTtlMs,
        address,
        member,
        onTrouble: quietly(log),
      }),
  };
};

const quietly = (log: Logger): ((error: unknown) => void) => {
  const toldAtMs = new Map<string, number>();
  return (err) => {
    const what = err instanceof Error ? err.message : String(err);
    const nowMs = performance.now();
    if (nowMs - (toldAtMs.get(what) ?? -Infinity) < QUIET_MS) return;
    if (toldAtMs.size > 100) toldAtMs.clear();
    toldAtMs.set(what, nowMs);
    log.warn({ reason: what }, 'trouble with the level’s store, being retried');
  };
};
