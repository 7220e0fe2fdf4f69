/** What the agent keeps on disk. Fields may be added; a record written by an older agent must stay readable. */
import type { agent, Epoch } from '@mitosis/contracts';
import type { DockerSettings } from '../agent.config.js';
import type { RestingPort } from '../decide/ports.js';

export interface InstanceState {
  readonly v: 1;
  readonly level: string;
  readonly spec: agent.InstanceSpec;
  /** Of the act that created it. */
  readonly epoch: Epoch;
  readonly ports: Readonly<Record<string, number>>;
  /** Filled into `{{etcd}}` and `{{initial-cluster}}`; empty outside of a birth. */
  readonly etcd: string;
  readonly initialCluster: string;
  /** The newest run that may have begun; 0: none. On disk before it begins. */
  readonly run: number;
  /** Boot in which that run was begun. */
  readonly bootId: string;
  readonly restarts: number;
  readonly createdAtMs: number;
}

export interface ListenerState {
  readonly host: string;
  readonly port: number;
}

/** Of a cluster that is being made anew; finished by the next agent when this one dies over it. */
export interface RecoveryState {
  readonly incarnation: number;
  /** Snapshot file, or empty: starts empty. */
  readonly snapshot: string;
}

export interface BirthState {
  readonly etcd: readonly agent.InstanceSpec[];
  readonly manager: agent.InstanceSpec;
  /** Ports by instance id, chosen together because each must know the others. */
  readonly ports: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly epoch: Epoch;
  /** Behind mutual TLS; absent: not. */
  readonly tls?: boolean;
  /** All its instances have records: from then on those alone count. */
  readonly complete: boolean;
}

export interface LevelState {
  readonly v: 1;
  readonly level: string;
  readonly parent: string;
  /** Of the level's store; 0: not born here. */
  readonly incarnation: number;
  readonly highest: Epoch;
  readonly birth: BirthState | null;
  readonly listeners: Readonly<Record<string, ListenerState>>;
  readonly recovery: RecoveryState | null;
  /** Being removed: finished by the next agent when this one dies over it. */
  readonly purging: boolean;
}

/** What is remembered of a removed level, so that its acts still under way are refused and a new one gets a newer incarnation. */
export interface PurgedLevel {
  readonly level: string;
  readonly incarnation: number;
  readonly highest: Epoch;
  readonly atMs: number;
}

export interface HostState {
  readonly v: 1;
  readonly host: string;
  readonly listen: string;
  /** Port range as text, e.g. 20000-29999; empty: the default. */
  readonly ports?: string;
  /** Whether root levels get certificates: `on`, `off`; absent or empty: by the host's address. */
  readonly tls?: string;
  readonly resting: readonly RestingPort[];
  readonly docker?: DockerSettings;
  readonly purged: readonly PurgedLevel[];
}
