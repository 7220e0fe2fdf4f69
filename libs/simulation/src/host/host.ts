/**
 * One simulated machine: a disk that outlives everything, the processes that run on it, and its agent. What runs is owned
 * by the agent but survives it.
 */
import type { agent, Epoch } from '@mitosis/contracts';
import type { RestingPort, Tombstone } from '@mitosis/agent/decide';
import type { ProcessClock } from '../world/process-clock.js';

/** What the agent has on disk of an instance. */
export interface StoredInstance {
  readonly spec: agent.InstanceSpec;
  readonly epoch: Epoch;
  readonly ports: Readonly<Record<string, number>>;
  /** Client URLs of a birth, for `{{etcd}}`. */
  readonly etcd: string;
  readonly createdAtMs: number;
  run: number;
  restarts: number;
}

/** Everything here is written before it is acted on, as the agent does with real files. */
export interface Disk {
  highest: Epoch;
  incarnation: number;
  /** The store was made anew, and the management has not begun anew yet. */
  recovering: boolean;
  tombstones: readonly Tombstone[];
  readonly instances: Map<string, StoredInstance>;
  readonly listeners: Map<string, { readonly host: string; readonly port: number }>;
  resting: readonly RestingPort[];
  cursor: number;
  /** Files of the instances, by id: a router's last good table. */
  readonly files: Map<string, unknown>;
}

export interface Exit {
  readonly code: number;
  readonly atMs: number;
}

/** A process of the host, seen from outside. */
export interface Child {
  readonly id: string;
  readonly component: string;
  readonly run: number;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly clock: ProcessClock;
  /** Undefined while it runs; kept by its shim for the agent to read. */
  exit: Exit | undefined;
  /** What a probe finds now; false also while it is stopped. */
  isHealthy(): boolean;
  /** SIGTERM; the process ends by itself when it is done. */
  terminate(): void;
  /** SIGKILL, or a crash with that code. */
  end(code: number): void;
  /** Called once at its end; at once when it is over. */
  onExit(listener: (exit: Exit) => void): void;
}

export interface Host {
  readonly site: string;
  readonly address: string;
  readonly agentAddress: string;
  readonly disk: Disk;
  readonly children: Map<string, Child>;
  /** False while the machine is off. */
  isUp: boolean;
}

export const newHost = (site: string, address: string, agentPort: number): Host => ({
  site,
  address,
  agentAddress: `${address}:${agentPort}`,
  disk: {
    highest: { incarnation: 0, revision: 0 },
    incarnation: 1,
    recovering: false,
    tombstones: [],
    instances: new Map(),
    listeners: new Map(),
    resting: [],
    cursor: 0,
    files: new Map(),
  },
  children: new Map(),
  isUp: true,
});
