/**
 * One instance as its agent sees it: begun, probed, restarted in place, stopped; with the agent's own decisions. All of it
 * is memory: an agent that starts again finds out anew from its disk and from what runs.
 */
import {
  decideRestart,
  INITIAL_PROBE_STATE,
  nextProbeMs,
  takeProbeResult,
  type ProbeState,
} from '@mitosis/agent/decide';
import type { agent } from '@mitosis/contracts';
import type { ProcessClock } from '../world/process-clock.js';
import type { Child, StoredInstance } from './host.js';
import type { SimActuator, SimRun } from './sim-actuator.js';

type Phase = 'starting' | 'running' | 'stopping' | 'exited' | 'stopped';

export interface AgentInstanceDeps {
  readonly level: string;
  readonly host: string;
  readonly clock: ProcessClock;
  readonly actuator: SimActuator;
  /** From the decision to start until the process is there. */
  readonly spawnMs: () => number;
  readonly onChange: (status: agent.InstanceStatus) => void;
}

const PROBE_TIMEOUT_MS = 30_000;
const DEFAULT_GRACE_MS = 10_000;
const RESTART_GRACE_MS = 5_000;

export class AgentInstance {
  private phase: Phase = 'starting';
  private run: SimRun | undefined;
  private probe: ProbeState = INITIAL_PROBE_STATE;
  private changedAtMs: number;
  private startedAtMs = 0;
  private healthySinceMs: number | undefined;
  private failures = 0;
  private detail = '';
  private cancelTimer: () => void = () => undefined;
  private cancelProbe: () => void = () => undefined;
  private readonly whenStopped: (() => void)[] = [];
  private held = false;

  constructor(
    readonly stored: StoredInstance,
    private readonly deps: AgentInstanceDeps,
  ) {
    this.changedAtMs = stored.createdAtMs;
  }

  get id(): string {
    return this.stored.spec.id;
  }

  private get child(): Child | undefined {
    return this.run?.child;
  }

  /** Of the recorded run. */
  private get ref(): SimRun['ref'] {
    return { level: this.deps.level, id: this.id, run: this.stored.run, dir: '' };
  }

  /** The next run: on disk before anything is started. */
  begin(): void {
    this.cancelTimer();
    if (this.held || this.phase === 'stopping' || this.phase === 'stopped' || this.child !== undefined)
      return;
    this.stored.restarts += this.stored.run === 0 ? 0 : 1;
    this.stored.run += 1;
    this.enter('starting', '');
    this.cancelTimer = this.deps.clock.setTimer(this.deps.spawnMs(), () => {
      this.attach(this.deps.actuator.begin(this.ref), false);
    });
  }

  /** After the agent's start: what became of the recorded run. */
  resume(): void {
    const run = this.deps.actuator.find(this.ref);
    if (run === undefined) this.begin();
    else this.attach(run, true);
  }

  private attach(run: SimRun, resumed: boolean): void {
    const { child } = run;
    this.run = run;
    this.startedAtMs = child.startedAtMs;
    this.probe = INITIAL_PROBE_STATE;
    this.healthySinceMs = undefined;
    this.enter('running', '');
    child.onExit((exit) => this.deps.clock.receive(() => this.ended(child, exit.code)));
    const { probe } = this.stored.spec;
    if (child.exit === undefined && probe !== undefined && probe.kind !== 'none' && probe.kind !== '')
      this.look(child, probe);
    else if (child.exit === undefined) this.verdict({ ...INITIAL_PROBE_STATE, health: 'healthy' });
    else if (resumed) this.ended(child, child.exit.code);
  }

  private look(child: Child, probe: agent.ProbeSpec): void {
    const timeoutMs = probe.timeoutMs > 0 ? probe.timeoutMs : PROBE_TIMEOUT_MS;
    const judge = (ok: boolean): void => {
      if (this.child !== child || this.phase === 'stopping') return;
      const sinceStartMs = this.deps.clock.wallMs() - child.startedAtMs;
      const before = this.probe;
      this.probe = takeProbeResult(before, probe, { ok, sinceStartMs });
      if (this.probe.health !== before.health) this.verdict(this.probe);
      this.cancelProbe = this.deps.clock.setTimer(nextProbeMs(this.probe, probe), () =>
        this.look(child, probe),
      );
    };
    if (child.clock.isStopped) this.cancelProbe = this.deps.clock.setTimer(timeoutMs, () => judge(false));
    else judge(child.isHealthy());
  }

  private verdict(probe: ProbeState): void {
    this.probe = probe;
    this.healthySinceMs = probe.health === 'healthy' ? this.deps.clock.monotonicMs() : undefined;
    this.enter(this.phase, probe.health === 'unhealthy' ? 'its probe fails' : '');
  }

  private ended(child: Child, code: number): void {
    if (this.child !== child) return;
    this.cancelProbe();
    this.run = undefined;
    const healthyForMs =
      this.healthySinceMs === undefined ? 0 : this.deps.clock.monotonicMs() - this.healthySinceMs;
    if (this.phase === 'stopping') return this.stopped();
    this.exitCode = code;
    this.enter('exited', `ended with ${code}`);
    if (this.held) return;
    const { restart } = this.stored.spec;
    const decision = decideRestart({ restart, failures: this.failures, healthyForMs });
    if (decision.kind === 'stay') return;
    this.failures = decision.failures;
    this.cancelTimer = this.deps.clock.setTimer(decision.delayMs, () => this.begin());
  }
  private exitCode = 0;

  /** For good; `done` when nothing of it runs any more. The tombstone is on disk already. */
  stop(graceMs: number, done: () => void): void {
    this.whenStopped.push(done);
    this.cancelTimer();
    this.cancelProbe();
    const already = this.phase === 'stopping';
    this.enter('stopping', '');
    const { run } = this;
    if (run === undefined || run.child.exit !== undefined) return this.stopped();
    if (already) return undefined;
    run.end('SIGTERM', graceMs >= 0 ? graceMs : this.stored.spec.stopGraceMs || DEFAULT_GRACE_MS);
    return undefined;
  }

  /** A new run in place after the old one ended. */
  restart(): void {
    const { run } = this;
    if (run === undefined) return this.begin();
    run.child.onExit(() => this.deps.clock.receive(() => this.begin()));
    run.end('SIGTERM', RESTART_GRACE_MS);
    return undefined;
  }

  private stopped(): void {
    this.enter('stopped', '');
    for (const done of this.whenStopped.splice(0)) done();
  }

  private enter(phase: Phase, detail: string): void {
    if (this.phase === 'stopped') return;
    this.phase = phase;
    this.detail = detail;
    this.changedAtMs = Math.max(this.changedAtMs + 1, this.deps.clock.wallMs());
    this.deps.onChange(this.status());
  }

  status(): agent.InstanceStatus {
    const { spec, ports, epoch, restarts } = this.stored;
    const over = this.phase === 'exited' || this.phase === 'stopped';
    return {
      level: this.deps.level,
      id: spec.id,
      component: spec.component,
      class: spec.class,
      version: spec.version,
      state: this.phase,
      health: this.phase === 'running' ? this.probe.health : 'unknown',
      pid: this.child?.pid ?? 0,
      ports: { ...ports },
      startedAtMs: this.startedAtMs,
      changedAtMs: this.changedAtMs,
      exitKnown: over,
      exitCode: over ? this.exitCode : 0,
      restarts,
      detail: this.detail,
      epoch,
      host: this.deps.host,
    };
  }
}
