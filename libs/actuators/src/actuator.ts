/**
 * What a driver can do with one kind of site: start, find again, signal, stop and observe runs. A run is one execution of
 * an instance on this host; an instance restarted in place has several, one after the other. Drivers keep what is needed
 * to find a run again in its instance's directory; whether it should run is for the agent alone to know.
 */
import type { RunContainer } from './docker/run-container.js';

export type DriverName = 'process' | 'docker';

/** Names one run for ever: `run` counts up from 1 within the instance. */
export interface RunRef {
  readonly level: string;
  readonly id: string;
  readonly run: number;
  /** The instance's directory. */
  readonly dir: string;
}

export interface RunPlan extends RunRef {
  readonly component: string;
  readonly instanceClass: string;
  readonly version: string;
  readonly command: readonly string[];
  readonly cwd: string;
  /** Complete: nothing is inherited besides. */
  readonly env: Readonly<Record<string, string>>;
  /** Open descriptors handed over; in the new process they are 3, 4, … in this order. */
  readonly fds: readonly number[];
  /** User name or id, `name:group`; empty: the agent's own, or the image's. */
  readonly user: string;
  /** Of the act that created the instance, as text; for people and labels. */
  readonly epoch?: string;
  /** For drivers that run containers; then `cwd` is a path inside, empty: the image's, and so is an empty `command`. */
  readonly container?: RunContainer;
}

export interface RunExit {
  /** 128 + n when ended by signal n; undefined when nobody was there to see it. */
  readonly code: number | undefined;
  readonly atMs: number;
  /** For people; empty when the code says it all. */
  readonly detail: string;
}

export interface Run {
  readonly ref: RunRef;
  /** The main process; 0 until it is known. */
  readonly pid: number;
  readonly startedAtMs: number;
  /** Resolves when the main process is known or the run has ended. */
  readonly started: Promise<void>;
  /** Resolves once, when the main process ended and nothing of the run is left. Never rejects. */
  readonly exited: Promise<RunExit>;
  /**
   * Signal, grace, SIGKILL to everything that belongs to the run; resolves when nothing is left. A second call shortens
   * the grace, never lengthens it. Throws MitosisError `deadline` when something does not even die of SIGKILL.
   */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<RunExit>;
  /** To the main process, or to everything of the run; false when there is nothing to signal. */
  signal(signal: NodeJS.Signals, group: boolean): Promise<boolean>;
  /** Where a probe of this host reaches what listens on a port of the run; absent: at the host's address and port. */
  reach?(port: ReachPort): { readonly host: string; readonly port: number };
  /** Runs a probe's command where the run lives; absent: on the host. `unknown`: it could not be asked. */
  exec?(command: readonly string[], timeoutMs: number): Promise<ExecAnswer>;
  /** Verdicts that the driver's engine makes by itself (an image's HEALTHCHECK); the present one is told at once. */
  onHealth?(listener: (health: 'healthy' | 'unhealthy', detail: string) => void): void;
}

export interface ReachPort {
  /** Port inside; 0: the composition names none. */
  readonly inside: number;
  /** Host and port that routers use. */
  readonly host: string;
  readonly outside: number;
}

export interface ExecAnswer {
  readonly verdict: 'ok' | 'failed' | 'unknown';
  /** For people. */
  readonly detail: string;
}

export interface Usage {
  /** CPU seconds used so far by the run, with the processes it has ended; rises only. */
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  readonly processes: number;
}

/** Something that ran without being named by any record. */
export interface Stray {
  readonly level: string;
  readonly id: string;
  readonly run: number;
  readonly pid: number;
}

export type Adoption =
  | { readonly kind: 'running'; readonly run: Run }
  | { readonly kind: 'exited'; readonly exit: RunExit }
  /** Certain that it never ran and never will. */
  | { readonly kind: 'never-started' };

export interface DriverState {
  readonly usable: boolean;
  /** What it drives, or why it cannot be used and what to do about it. */
  readonly detail: string;
  /** When `usable` last changed. */
  readonly sinceMs: number;
}

export interface Actuator {
  readonly driver: DriverName;
  /**
   * The intent must be on disk. Throws MitosisError `invalid_input` when the plan can never work. What takes long (the
   * pull of an image) goes on behind the answer: `onProgress` says how far it is, `started` and `exited` how it ended.
   */
  start(plan: RunPlan, onProgress?: (detail: string) => void): Promise<Run>;
  /** Finds runs of an earlier agent again. `thisBoot`: the record was written since the machine started. */
  adopt(refs: readonly (RunRef & { readonly thisBoot: boolean })[]): Promise<readonly Adoption[]>;
  /**
   * Kills what carries this host's mark and is not current; returns what it found. To be called every few seconds: it
   * also takes notice of new members of runs, for usage and so that later orphans are known.
   */
  sweep(isCurrent: (run: { level: string; id: string; run: number }) => boolean): Promise<readonly Stray[]>;
  /** Removes what was kept to find a run again; only for runs of which nothing is left. */
  forget(ref: RunRef): void;
  /** Removes what runs of a level shared here (networks, and on demand volumes); nothing of it runs any more. */
  forgetLevel(level: string, what: { readonly volumes: boolean }): Promise<void>;
  /** Whether what it drives answers. */
  state(): DriverState;
  usage(run: Run): Usage | undefined;
  close(): void;
}
