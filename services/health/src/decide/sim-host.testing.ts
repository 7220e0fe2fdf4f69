/** A host of the simulation: its agent, truthful but sometimes silent, and the processes it starts and stops. */
import { agent, instanceId, type InstanceId } from '@mitosis/contracts';
import type { SiteObservation } from './input.js';

export interface SimProcess {
  readonly id: InstanceId;
  readonly spec: agent.InstanceSpec;
  state: 'starting' | 'running' | 'stopping' | 'exited' | 'stopped';
  health: 'unknown' | 'healthy' | 'unhealthy';
  exitCode: number;
  startedAtMs: number;
  /** Next change of state and what it is; Infinity: none. */
  dueAtMs: number;
  due: 'run' | 'pass' | 'end' | 'restart' | 'recover' | 'complete';
  port: number;
}

export class SimHost {
  readonly processes = new Map<InstanceId, SimProcess>();
  silentUntilMs = 0;
  private lastTold: ReadonlyMap<InstanceId, agent.InstanceStatus> = new Map();
  private nextPort = 5_000;

  constructor(
    private readonly random: () => number,
    private readonly crashes: (component: string, version: string) => boolean,
  ) {}

  /** Alive in any sense: what must never be twice for an exclusive component. */
  alive(component: string): readonly SimProcess[] {
    return [...this.processes.values()].filter(
      ({ spec, state }) =>
        spec.component === component && (state === 'starting' || state === 'running' || state === 'stopping'),
    );
  }

  start(spec: agent.InstanceSpec, nowMs: number): 'started' | 'refused' {
    const id = instanceId(spec.id);
    const known = this.processes.get(id);
    if (known !== undefined) return known.state === 'stopped' ? 'refused' : 'started';
    this.nextPort += 1;
    this.processes.set(id, {
      id,
      spec,
      state: 'starting',
      health: 'unknown',
      exitCode: 0,
      startedAtMs: nowMs,
      dueAtMs: nowMs + 50 + this.random() * 400,
      due: 'run',
      port: this.nextPort,
    });
    return 'started';
  }

  stop(id: InstanceId, nowMs: number): 'stopped' | 'stopping' {
    const known = this.processes.get(id);
    if (known === undefined) {
      this.start(agent.InstanceSpec.fromPartial({ id, component: '?' }), nowMs);
      const tombstone = this.processes.get(id);
      if (tombstone !== undefined) Object.assign(tombstone, { state: 'stopped', dueAtMs: Infinity });
      return 'stopped';
    }
    if (known.state === 'exited') known.state = 'stopped';
    if (known.state === 'stopped') {
      known.dueAtMs = Infinity;
      return 'stopped';
    }
    if (known.state !== 'stopping') {
      known.state = 'stopping';
      known.due = 'end';
      known.dueAtMs = nowMs + this.random() * 1_500;
    }
    return 'stopping';
  }

  kill(id: InstanceId, nowMs: number): void {
    const known = this.processes.get(id);
    if (known === undefined || (known.state !== 'running' && known.state !== 'starting')) return;
    this.exit(known, 137, nowMs);
  }

  sicken(id: InstanceId, nowMs: number): void {
    const known = this.processes.get(id);
    if (known?.state !== 'running' || known.health !== 'healthy') return;
    known.health = 'unhealthy';
    known.due = 'recover';
    known.dueAtMs = nowMs + this.random() * 8_000;
  }

  tick(nowMs: number): void {
    for (const process of this.processes.values()) {
      if (process.dueAtMs <= nowMs) this.advance(process, nowMs);
    }
  }

  observe(nowMs: number): SiteObservation {
    const synced = nowMs >= this.silentUntilMs;
    if (synced) {
      this.lastTold = new Map([...this.processes].map(([id, process]) => [id, statusOf(process)]));
    }
    return { synced, host: '127.0.0.1', statuses: this.lastTold };
  }

  private advance(process: SimProcess, nowMs: number): void {
    const { due } = process;
    process.dueAtMs = Infinity;
    switch (due) {
      case 'run':
        process.state = 'running';
        process.due = process.spec.runOnce ? 'complete' : 'pass';
        process.dueAtMs = nowMs + this.random() * 1_000;
        break;
      case 'pass':
        if (this.crashes(process.spec.component, process.spec.version)) this.exit(process, 1, nowMs);
        else process.health = 'healthy';
        break;
      case 'complete':
        this.exit(process, 0, nowMs);
        break;
      case 'recover':
        if (process.state === 'running') process.health = 'healthy';
        break;
      case 'end':
        process.state = 'stopped';
        break;
      case 'restart':
        Object.assign(process, { state: 'starting', health: 'unknown', startedAtMs: nowMs, due: 'run' });
        process.dueAtMs = nowMs + 100;
        break;
      default:
        due satisfies never;
    }
  }

  private exit(process: SimProcess, exitCode: number, nowMs: number): void {
    process.state = 'exited';
    process.health = 'unknown';
    process.exitCode = exitCode;
    process.dueAtMs = Infinity;
    if (process.spec.restart?.enabled === true) {
      process.due = 'restart';
      process.dueAtMs = nowMs + 100;
    }
  }
}

const statusOf = (process: SimProcess): agent.InstanceStatus =>
  agent.InstanceStatus.fromPartial({
    id: process.id,
    component: process.spec.component,
    class: process.spec.class,
    version: process.spec.version,
    state: process.state,
    health: process.health,
    host: '127.0.0.1',
    ports: Object.fromEntries(
      process.spec.ports.map(({ name }, index) => [name, process.port + index * 10_000]),
    ),
    startedAtMs: process.startedAtMs,
    exitKnown: process.state === 'exited',
    exitCode: process.exitCode,
  });
