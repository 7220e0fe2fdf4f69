/**
 * The driver of a simulated host: what the real drivers are to their agent, over processes of virtual time. It passes the
 * contract suite of all actuators (test/docker/actuator-contract.ts), which is what makes a simulated agent's findings worth
 * something. The agent calls the parts that answer at once, so that nothing but the clock orders what happens.
 */
import type {
  Actuator,
  Adoption,
  DriverState,
  Run,
  RunExit,
  RunPlan,
  RunRef,
  Stray,
  Usage,
} from '@mitosis/actuators';
import { MitosisError } from '@mitosis/contracts';
import type { ProcessClock } from '../world/process-clock.js';
import type { Child, Exit, Host } from './host.js';

/** 128 + SIGKILL. */
const KILLED = 137;

/** Of every process; figures that no decision of the simulation rests on. */
export const SIMULATED_USE = { cpuCores: 0.1, memoryBytes: 50e6, processes: 1 } as const;

export interface SimActuatorOptions {
  readonly host: Host;
  /** The agent's. */
  readonly clock: ProcessClock;
  /** Makes the process and puts it on the host; what there is to run is the simulated world's to know. */
  readonly spawn: (what: RunRef | RunPlan) => Child;
}

const exitOf = ({ code, atMs }: Exit): RunExit => ({ code, atMs, detail: '' });

export class SimRun implements Run {
  readonly started = Promise.resolve();

  constructor(
    readonly ref: RunRef,
    readonly child: Child,
    private readonly clock: ProcessClock,
  ) {}

  get pid(): number {
    return this.child.pid;
  }
  get startedAtMs(): number {
    return this.child.startedAtMs;
  }
  get exited(): Promise<RunExit> {
    return new Promise((resolve) => this.child.onExit((exit) => resolve(exitOf(exit))));
  }

  stop(signal: NodeJS.Signals, graceMs: number): Promise<RunExit> {
    this.end(signal, graceMs);
    return this.exited;
  }

  /** As `stop`, for those who hear of the end by themselves. A shorter grace overtakes a longer one. */
  end(_: NodeJS.Signals, graceMs: number): void {
    if (this.child.exit !== undefined) return;
    this.child.terminate();
    this.clock.setTimer(graceMs, () => this.child.end(KILLED));
  }

  async signal(signal: NodeJS.Signals): Promise<boolean> {
    if (this.child.exit !== undefined) return false;
    if (signal === 'SIGKILL') this.child.end(KILLED);
    else this.child.terminate();
    return true;
  }
}

export class SimActuator implements Actuator {
  readonly driver = 'process';

  constructor(private readonly options: SimActuatorOptions) {}

  async start(plan: RunPlan): Promise<Run> {
    if (plan.component === '')
      throw new MitosisError('invalid_input', `${plan.id} is of no component: nothing is known to run`);
    return this.find(plan) ?? this.begin(plan);
  }

  /** Whoever calls it has seen to it that there is no such run yet. */
  begin(ref: RunRef | RunPlan): SimRun {
    return this.runOf(ref, this.options.spawn(ref));
  }

  /** The run of that number, over or not; undefined: it never began. */
  find(ref: RunRef): SimRun | undefined {
    const child = this.options.host.children.get(ref.id);
    return child?.run === ref.run ? this.runOf(ref, child) : undefined;
  }

  private runOf({ level, id, run, dir }: RunRef, child: Child): SimRun {
    return new SimRun({ level, id, run, dir }, child, this.options.clock);
  }

  async adopt(refs: readonly RunRef[]): Promise<readonly Adoption[]> {
    return refs.map((ref) => {
      const run = this.find(ref);
      if (run === undefined) return { kind: 'never-started' };
      const { exit } = run.child;
      return exit === undefined ? { kind: 'running', run } : { kind: 'exited', exit: exitOf(exit) };
    });
  }

  async sweep(
    isCurrent: (run: { level: string; id: string; run: number }) => boolean,
  ): Promise<readonly Stray[]> {
    const strays = this.running.filter(({ id, run }) => !isCurrent({ level: '', id, run }));
    for (const stray of strays) stray.end(KILLED);
    return strays.map(({ id, run, pid }) => ({ level: '', id, run, pid }));
  }

  private get running(): readonly Child[] {
    return [...this.options.host.children.values()].filter(({ exit }) => exit === undefined);
  }

  forget({ id }: Pick<RunRef, 'id'>): void {
    this.options.host.children.delete(id);
  }

  /** Nothing is shared on a simulated host. */
  async forgetLevel(): Promise<void> {}

  state(): DriverState {
    const { isUp } = this.options.host;
    return { usable: isUp, detail: isUp ? '' : 'the machine is off', sinceMs: 0 };
  }

  usage({ ref }: Run): Usage | undefined {
    const child = this.find(ref)?.child;
    if (child === undefined || child.exit !== undefined) return undefined;
    const { cpuCores, memoryBytes, processes } = SIMULATED_USE;
    const seconds = (this.options.clock.wallMs() - child.startedAtMs) / 1_000;
    return { cpuSeconds: cpuCores * seconds, memoryBytes, processes };
  }

  /** Per second, as the agent streams it. */
  useNow(): readonly {
    readonly id: string;
    readonly cpuCores: number;
    readonly memoryBytes: number;
    readonly processes: number;
  }[] {
    return this.running.map(({ id }) => ({ id, ...SIMULATED_USE }));
  }

  close(): void {}
}
