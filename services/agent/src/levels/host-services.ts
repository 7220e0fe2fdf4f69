/** What a level needs of its host. */
import type { HostPaths } from '@mitosis/actuators';
import type { HistoryEntry } from '@mitosis/history';
import type { Drivers } from '../drivers.js';
import type { Log } from '../adapters/log.js';
import type { HostIdentity } from '../identity/host-identity.js';
import type { HostSecrets } from '../identity/host-secrets.js';
import type { Instance } from '../instances/instance.js';
import type { PortBook } from '../instances/port-book.js';
import type { ListenerTable } from '../listeners/listener-table.js';
import type { Level } from './level.js';

export interface HostServices {
  readonly paths: HostPaths;
  /** Address of this host's instances. */
  readonly host: string;
  readonly bootId: string;
  readonly drivers: Drivers;
  readonly ports: PortBook;
  readonly listeners: ListenerTable;
  readonly identity: HostIdentity;
  readonly secrets: HostSecrets;
  readonly log: Log;
  /** What was asked of this host and what it answered, in order. */
  readonly history: { record(entry: HistoryEntry): void };
  readonly nowMs: () => number;
  /** On disk when it resolves. */
  readonly restPorts: (ports: readonly number[], owner: string) => Promise<void>;
  readonly onExit: (level: Level, instance: Instance) => void;
}
