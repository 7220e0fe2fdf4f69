/** What all simulated processes of a host have in common: a clock that can be stopped, and an end that is told once. */
import type { ProcessClock } from '../world/process-clock.js';
import type { Child, Exit } from './host.js';

export interface ChildOptions {
  readonly id: string;
  readonly component: string;
  readonly run: number;
  readonly pid: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly clock: ProcessClock;
  /** Wall clock of the host, for records. */
  readonly nowMs: () => number;
}

/** 128 + SIGTERM. */
const TERMINATED = 143;

export class SimChild implements Child {
  readonly id: string;
  readonly component: string;
  readonly run: number;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly clock: ProcessClock;
  exit: Exit | undefined;
  private readonly listeners: ((exit: Exit) => void)[] = [];

  constructor(protected readonly options: ChildOptions) {
    this.id = options.id;
    this.component = options.component;
    this.run = options.run;
    this.pid = options.pid;
    this.ports = options.ports;
    this.clock = options.clock;
    this.startedAtMs = options.nowMs();
  }

  isHealthy(): boolean {
    return this.exit === undefined && !this.clock.isStopped;
  }

  terminate(): void {
    this.end(TERMINATED);
  }

  end(code: number): void {
    if (this.exit !== undefined) return;
    this.exit = { code, atMs: this.options.nowMs() };
    this.clock.kill();
    this.onEnd();
    for (const listener of this.listeners.splice(0)) listener(this.exit);
  }

  onExit(listener: (exit: Exit) => void): void {
    if (this.exit === undefined) this.listeners.push(listener);
    else listener(this.exit);
  }

  /** Frees what the process held. */
  protected onEnd(): void {}
}
