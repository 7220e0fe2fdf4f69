/**
 * One instance of this host, from its record to its tombstone: runs it, watches it, probes it, restarts management in
 * place. Must never run twice at a time, and never begin after a stop was accepted.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Actuator, Adoption, Run, RunExit, Usage } from '@mitosis/actuators';
import { MitosisError, type agent } from '@mitosis/contracts';
import { signalNamed } from '../adapters/signals.js';
import type { Log } from '../adapters/log.js';
import { certifiedRole } from '../decide/secure-command.js';
import { tlsDirectory } from '../identity/host-identity.js';
import { decideRestart } from '../decide/restart.js';
import type { Health } from '../decide/verdict.js';
import type { InstanceState } from '../state/records.js';
import type { Saved } from '../state/saved.js';
import {
  dataDirectory,
  instancePlan,
  isProbed,
  markedEnvironment,
  type PlanContext,
} from './instance-plan.js';
import { Prober } from './prober.js';

type Phase = 'starting' | 'running' | 'stopping' | 'exited' | 'stopped';

export interface InstanceDeps {
  readonly actuator: Actuator;
  readonly home: string;
  readonly bootId: string;
  readonly log: Log;
  readonly nowMs: () => number;
  /** As things are when the next run begins. */
  readonly context: (instance: Instance) => PlanContext;
  /** Puts in place what it needs besides its description: its certificate. */
  readonly equip: (instance: Instance) => Promise<void>;
  readonly onChange: (instance: Instance) => void;
  /** Called before a restart in place is decided. */
  readonly onExit: (instance: Instance) => void;
}

/** Ends of a run that are somebody else's doing say nothing about the instance. */
const FROM_OUTSIDE = new Set([128 + 2, 128 + 9, 128 + 15]);
const DEFAULT_GRACE_MS = 10_000;
const HEALTHY_POLL_MS = 50;
const DETAIL_MAX = 1_000;

export class Instance {
  private phase: Phase = 'starting';
  private health: Health = 'unknown';
  private run: Run | undefined;
  private exit: RunExit | undefined;
  private detail = '';
  private changedAtMs: number;
  private startedAtMs = 0;
  private healthySinceMs: number | undefined;
  private failures = 0;
  private fast = 0;
  private missingListeners: readonly string[] = [];
  private prober: Prober | undefined;
  private timer: NodeJS.Timeout | undefined;
  private beginning: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private held = false;
  private impossible: MitosisError | undefined;

  constructor(
    private readonly saved: Saved<InstanceState>,
    readonly dir: string,
    private readonly deps: InstanceDeps,
  ) {
    this.changedAtMs = saved.value.createdAtMs;
  }

  get state(): InstanceState {
    return this.saved.value;
  }
  get id(): string {
    return this.state.spec.id;
  }
  get isManagement(): boolean {
    return this.state.spec.class === 'management';
  }
  get isUp(): boolean {
    return this.phase === 'starting' || this.phase === 'running';
  }
  get isHealthy(): boolean {
    return this.phase === 'running' && this.health === 'healthy';
  }
  get currentRun(): Run | undefined {
    return this.isUp || this.phase === 'stopping' ? this.run : undefined;
  }
  /** Ends in a row by its own doing before it was ever healthy. */
  get fastExits(): number {
    return this.fast;
  }
  /** Names of listeners the present run was started without. */
  get lacks(): readonly string[] {
    return this.isUp ? this.missingListeners : [];
  }

  /** Why its description can never work; undefined: it can. */
  get mistake(): MitosisError | undefined {
    return this.impossible;
  }

  /** True for the run that may be there now. */
  owns(run: number): boolean {
    return this.phase !== 'stopped' && this.phase !== 'exited' && this.state.run === run;
  }

  /** The next run. The record is on disk before anything is started. */
  begin(): Promise<void> {
    this.beginning ??= this.beginOnce().finally(() => (this.beginning = undefined));
    return this.beginning;
  }

  private async beginOnce(): Promise<void> {
    clearTimeout(this.timer);
    if (this.stopping !== undefined || this.held || this.run !== undefined) return;
    const { run, restarts } = this.state;
    this.enter('starting', '');
    try {
      await this.saved.update({
        run: run + 1,
        bootId: this.deps.bootId,
        restarts: run === 0 ? 0 : restarts + 1,
      });
      if (this.stopping !== undefined || this.held) return;
      this.deps.actuator.forget({ level: this.state.level, id: this.id, run, dir: this.dir });
      const context = this.deps.context(this);
      mkdirSync(dataDirectory(this.dir), { recursive: true, mode: 0o700 });
      await this.deps.equip(this);
      this.missingListeners = missing(this.state.spec.listeners, context.listeners.described);
      const started = await this.deps.actuator.start(instancePlan(this.state, context), (detail) => {
        if (this.phase === 'starting' && detail !== this.detail) this.enter('starting', detail);
      });
      this.attach(started, 'unknown');
    } catch (error) {
      if (error instanceof MitosisError && error.code === 'invalid_input') this.impossible = error;
      this.ended({ code: undefined, atMs: this.deps.nowMs(), detail: (error as Error).message });
    }
  }

  /** What the driver found of the recorded run when this agent started. */
  resume(adoption: Adoption): void {
    switch (adoption.kind) {
      case 'running':
        this.attach(adoption.run, this.rememberedHealth());
        return;
      case 'exited':
        this.startedAtMs = this.state.createdAtMs;
        this.ended(adoption.exit);
        return;
      case 'never-started':
        // The act was accepted and never carried out: nothing of it can come any more, so it is carried out now.
        void this.begin();
        return;
      default:
        adoption satisfies never;
    }
  }

  private attach(run: Run, before: Health): void {
    this.run = run;
    this.exit = undefined;
    this.startedAtMs = run.startedAtMs;
    this.enter(run.pid === 0 ? 'starting' : 'running', '');
    void run.started.then(() => this.onStarted(run, before));
    void run.exited.then((exit) => this.onEnd(run, exit));
  }

  private onStarted(run: Run, before: Health): void {
    if (this.run !== run || !this.isUp) return;
    const { probe } = this.state.spec;
    const probed = isProbed(this.state.spec);
    this.health = probed ? before : 'healthy';
    this.healthySinceMs = this.health === 'healthy' ? this.startedAtMs : undefined;
    this.enter('running', '');
    if (probe === undefined || !probed) {
      // An image that checks itself: its verdict counts, where the composition has none of its own.
      run.onHealth?.((health, detail) => {
        if (this.run === run) this.onVerdict(health, detail);
      });
      return;
    }
    const context = this.deps.context(this);
    const plan = instancePlan(this.state, context);
    this.prober?.stop();
    this.prober = new Prober({
      probe,
      reach: () => {
        const outside = this.state.ports[probe.port] ?? 0;
        const inside = this.state.spec.container?.ports[probe.port] ?? 0;
        return run.reach?.({ inside, host: context.host, outside }) ?? { host: context.host, port: outside };
      },
      ...(run.exec === undefined ? {} : { exec: (command, timeoutMs) => run.exec!(command, timeoutMs) }),
      cwd: plan.cwd,
      env: markedEnvironment(plan),
      tlsDir: certifiedRole(this.state) === undefined ? undefined : tlsDirectory(this.dir),
      home: this.deps.home,
      startedAtMs: this.startedAtMs,
      before,
      nowMs: this.deps.nowMs,
      onVerdict: (health, detail) => this.onVerdict(health, detail),
    });
  }

  private onVerdict(health: Health, detail: string): void {
    const { nowMs } = this.deps;
    this.healthySinceMs = health === 'healthy' ? (this.healthySinceMs ?? nowMs()) : undefined;
    if (health === 'healthy') this.fast = 0;
    if (health !== this.health) this.rememberHealth(health);
    this.health = health;
    this.enter(this.phase, health === 'healthy' ? '' : detail);
  }

  private onEnd(run: Run, exit: RunExit): void {
    if (this.run === run) this.ended(exit);
  }

  private ended(exit: RunExit): void {
    const { nowMs } = this.deps;
    const healthyForMs = this.healthySinceMs === undefined ? 0 : nowMs() - this.healthySinceMs;
    const wasHealthy = this.healthySinceMs !== undefined;
    this.prober?.stop();
    this.prober = undefined;
    this.run = undefined;
    this.exit = exit;
    this.health = 'unknown';
    this.healthySinceMs = undefined;
    if (this.stopping !== undefined) return;
    if (!this.held) this.fast = wasHealthy || isFromOutside(exit) ? 0 : this.fast + 1;
    this.enter('exited', exit.detail === '' ? `ended with ${exit.code ?? 'an unknown code'}` : exit.detail);
    this.deps.onExit(this);
    if (!this.held) this.restartLater(healthyForMs);
  }

  private restartLater(healthyForMs: number): void {
    const { restart } = this.state.spec;
    const decision = decideRestart({ restart, failures: this.failures, healthyForMs });
    if (decision.kind === 'stay') return;
    this.failures = decision.failures;
    this.deps.log.info({ instance: this.id, exit: this.exit, delayMs: decision.delayMs }, decision.reason);
    this.enter('exited', `${this.detail}; ${decision.reason}`);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.begin(), decision.delayMs);
  }

  /** Starts it now when it waits for its back-off; for `up` and for births that find it dead. */
  revive(): void {
    if (this.phase === 'exited' && this.isManagement && !this.held) void this.begin();
  }

  /** For good. A second call shortens the grace. Throws MitosisError `deadline` when something does not die. */
  async stop(graceMs: number): Promise<agent.InstanceStatus> {
    const grace = graceMs < 0 ? this.ownGraceMs() : graceMs;
    if (this.stopping === undefined) {
      this.stopping = this.stopOnce(grace);
      this.enter('stopping', '');
    } else if (this.run !== undefined) {
      void this.run.stop(signalOf(this.state.spec), grace).catch(() => undefined);
    }
    try {
      await this.stopping;
    } catch (error) {
      this.stopping = undefined;
      throw error;
    }
    return this.status();
  }

  private async stopOnce(graceMs: number): Promise<void> {
    clearTimeout(this.timer);
    // Lets the caller mark the stop before anything is looked at.
    await Promise.resolve();
    await this.beginning;
    this.prober?.stop();
    if (this.run !== undefined) this.exit = await this.run.stop(signalOf(this.state.spec), graceMs);
    this.enter('stopped', '');
  }

  /** Ends the present run and keeps the instance down until `letGo`: its data is being changed. */
  async hold(graceMs: number): Promise<void> {
    this.held = true;
    clearTimeout(this.timer);
    await this.beginning;
    await this.run?.stop(signalOf(this.state.spec), graceMs);
    this.fast = 0;
  }

  async letGo(): Promise<void> {
    this.held = false;
    this.failures = 0;
    await this.begin();
  }

  /** A new run in place, after the old one ended with its own grace. */
  async restart(): Promise<void> {
    await this.hold(this.ownGraceMs());
    await this.letGo();
  }

  /** Resolves when its probe has passed, when it has ended for good, or at the bound. */
  async whenHealthy(boundMs: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < boundMs && !this.isHealthy; waitedMs += HEALTHY_POLL_MS) {
      if (this.phase === 'stopping' || this.phase === 'stopped') return;
      await new Promise((resolve) => setTimeout(resolve, HEALTHY_POLL_MS));
    }
  }

  async signal(signal: NodeJS.Signals, group: boolean): Promise<boolean> {
    return (await this.run?.signal(signal, group)) ?? false;
  }

  usage(run: Run): Usage | undefined {
    return this.deps.actuator.usage(run);
  }

  private ownGraceMs(): number {
    return this.state.spec.stopGraceMs > 0 ? this.state.spec.stopGraceMs : DEFAULT_GRACE_MS;
  }

  private enter(phase: Phase, detail: string): void {
    if (this.phase === 'stopped') return;
    this.phase = phase;
    this.detail = detail.slice(-DETAIL_MAX);
    // Never twice the same: readers tell the newer of two reports by it.
    this.changedAtMs = Math.max(this.changedAtMs + 1, this.deps.nowMs());
    this.deps.onChange(this);
  }

  status(): agent.InstanceStatus {
    const { spec, level, ports, epoch, restarts } = this.state;
    const over = this.phase === 'exited' || this.phase === 'stopped';
    return {
      level,
      id: spec.id,
      component: spec.component,
      class: spec.class,
      version: spec.version,
      state: this.phase,
      health: this.phase === 'running' ? this.health : 'unknown',
      pid: this.run?.pid ?? 0,
      ports: { ...ports },
      startedAtMs: this.startedAtMs,
      changedAtMs: this.changedAtMs,
      exitKnown: over && this.exit?.code !== undefined,
      exitCode: over ? (this.exit?.code ?? 0) : 0,
      restarts,
      detail: this.detail,
      epoch,
      host: this.deps.context(this).host,
      driver: spec.driver,
    };
  }

  /** Only for a successor of this agent, to go on with; losing it costs one probe. */
  private rememberHealth(health: Health): void {
    try {
      writeFileSync(this.healthPath(), `${this.state.run} ${health}\n`);
    } catch {
      // The directory is being removed.
    }
  }

  private rememberedHealth(): Health {
    if (!existsSync(this.healthPath())) return 'unknown';
    const [run, health] = readFileSync(this.healthPath(), 'utf8').trim().split(' ');
    return Number(run) === this.state.run && (health === 'healthy' || health === 'unhealthy')
      ? health
      : 'unknown';
  }

  private healthPath(): string {
    return join(this.dir, 'health');
  }

  /** With a change that the next run shows. */
  saveNow(change: Partial<InstanceState> = {}): Promise<void> {
    return this.saved.update(change);
  }

  forget(): Promise<void> {
    return this.saved.remove();
  }
}

const isFromOutside = (exit: RunExit): boolean => exit.code === undefined || FROM_OUTSIDE.has(exit.code);

const signalOf = (spec: agent.InstanceSpec): NodeJS.Signals => signalNamed(spec.stopSignal) ?? 'SIGTERM';

const missing = (wanted: readonly string[], described: string): readonly string[] => {
  const open = JSON.parse(described) as readonly { readonly name: string }[];
  return wanted.filter((name) => !open.some((one) => one.name === name));
};
