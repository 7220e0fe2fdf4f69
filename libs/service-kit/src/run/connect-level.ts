/**
 * A process's level over its etcd cluster. Connecting waits for nothing: store, views and lease come when etcd answers.
 * Follows the cluster when members are replaced, also over a restart in place, whose environment still names the old ones.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KEYS, levelPrefix, PREFIXES, type EtcdMembersRecord } from '@mitosis/contracts';
import { EtcdCluster, EtcdStore, joinLevel } from '@mitosis/coordination';
import { etcdCredentials, type TlsIdentity } from '@mitosis/identity';
import type { ServiceConfig } from '../config.js';
import type { Logger } from '../logger.js';
import { observeSessions } from './session-history.js';
import type { LevelConnection } from './start-service.js';

/** One line for each kind of trouble in this time: an etcd that is away is told once, not ten times a second. */
const QUIET_MS = 5_000;
const REMEMBERED = 'etcd-endpoints.json';

export const connectLevel = (
  config: ServiceConfig,
  log: Logger,
  identity: TlsIdentity | null,
): LevelConnection => {
  const credentials = identity === null ? {} : { credentials: etcdCredentials(identity) };
  const endpoints = withKnown(remembered(config.data), config.etcd);
  const store = new EtcdStore({ endpoints, prefix: levelPrefix(config.level), ...credentials });
  const cluster = new EtcdCluster(endpoints, credentials.credentials);
  const view = store.view(PREFIXES.etcd);
  view.onChange(() => {
    const entry = view.get(KEYS.etcdMembers);
    if (entry === undefined) return;
    const { clients } = JSON.parse(entry.value) as EtcdMembersRecord;
    if (clients.length === 0) return;
    for (const one of [store, cluster]) one.setEndpoints(withKnown(clients, config.etcd));
    remember(config.data, clients, log);
  });
  return {
    store,
    etcdMembers: cluster,
    warmUp: () => {
      store.warmUp();
      cluster.warmUp();
    },
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
        // Started by hand it has no host whose history this would be.
        ...(config.release === null ? {} : { observer: observeSessions(config) }),
      }),
  };
};

/** The newest first; those of the start after them, for a store that was restored to before a change. */
const withKnown = (newest: readonly string[], known: readonly string[]): readonly string[] => [
  ...new Set([...newest, ...known]),
];

const remembered = (data: string): readonly string[] => {
  if (data === '') return [];
  try {
    const clients: unknown = JSON.parse(readFileSync(join(data, REMEMBERED), 'utf8'));
    return Array.isArray(clients) ? clients.filter((one) => typeof one === 'string') : [];
  } catch {
    // None yet, or torn: the environment has some.
    return [];
  }
};

const remember = (data: string, clients: readonly string[], log: Logger): void => {
  if (data === '') return;
  try {
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, `${REMEMBERED}.new`), JSON.stringify(clients));
    renameSync(join(data, `${REMEMBERED}.new`), join(data, REMEMBERED));
  } catch (err) {
    log.warn({ err }, 'the members of etcd could not be remembered');
  }
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
