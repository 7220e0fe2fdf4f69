/** The simulation's driver under the contract of all: its programs, and its virtual time, which goes on by itself here. */
import { VirtualClock } from '@mitosis/coordination';
import { newHost, ProcessClock, SimActuator, SimChild, type Host } from '@mitosis/simulation';
import { MitosisError } from '@mitosis/contracts';
import type { ContractDriver, Program } from './actuator-contract.js';

/** What a turn of the real event loop is in virtual time. */
const STEP_MS = 5;

class Scripted extends SimChild {
  output = '';

  constructor(
    options: ConstructorParameters<typeof SimChild>[0],
    private readonly program: Program,
    env: Readonly<Record<string, string>>,
  ) {
    super(options);
    const { says, exits } = program;
    this.clock.setTimer(1, () => {
      if (says !== undefined) this.output += `${says.startsWith('$') ? env[says.slice(1)] : says}\n`;
      if (exits !== undefined) this.end(exits);
    });
  }

  override terminate(): void {
    const { onTerm } = this.program;
    if (onTerm === undefined) super.terminate();
    else if (onTerm !== 'ignores') this.clock.setTimer(1, () => this.end(onTerm));
  }
}

/** Several hosts, told apart by their home, on one clock. */
export class SimulatedDriver implements ContractDriver {
  readonly name = 'simulated';
  readonly impossible = { component: '' };
  private readonly world = new VirtualClock();
  private readonly hosts = new Map<string, Host>();
  private pids = 0;
  private readonly pump = setInterval(() => void this.world.advance(STEP_MS), 1);

  stop(): void {
    clearInterval(this.pump);
  }

  make(home: string): SimActuator {
    const host = this.hostOf(home);
    return new SimActuator({
      host,
      clock: new ProcessClock(this.world),
      spawn: (what) => {
        if (!('command' in what)) throw new MitosisError('invalid_input', `${what.id} is no plan`);
        const { id, run, command, env, component } = what;
        const child = new Scripted(
          {
            id,
            component,
            run,
            pid: (this.pids += 1),
            ports: {},
            clock: new ProcessClock(this.world),
            nowMs: () => this.world.wallMs(),
          },
          JSON.parse(command[0] ?? '{}') as Program,
          env,
        );
        host.children.set(id, child);
        return child;
      },
    });
  }

  private hostOf(home: string): Host {
    const host = this.hosts.get(home) ?? newHost('here', '10.0.0.1', 7_000);
    this.hosts.set(home, host);
    return host;
  }

  command(program: Program): readonly string[] {
    return [JSON.stringify(program)];
  }

  output(home: string, id: string): string {
    const child = this.hostOf(home).children.get(id);
    return child instanceof Scripted ? child.output : '';
  }

  private child(pid: number) {
    return [...this.hosts.values()]
      .flatMap(({ children }) => [...children.values()])
      .find((one) => one.pid === pid && one.exit === undefined);
  }

  alive(pid: number): boolean {
    return this.child(pid) !== undefined;
  }

  terminate(pid: number): void {
    this.child(pid)?.terminate();
  }
}
