/**
 * Conducts the guided tour: birth, the phases of plan.ts with their load and faults, disposal. Gathers facts; judges
 * nothing (report/judge.ts) and draws nothing (live-view.ts). Whatever goes wrong, what it started is ended.
 */
import { readFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MitosisError, type FunctionName, type TypeGraph } from '@mitosis/contracts';
import { loadComposition } from '@mitosis/model';
import { bringUp } from '../bring-up/bring-up.js';
import { levelsOf } from '../bring-up/readiness.js';
import { endAgent, takeDown } from '../bring-up/take-down.js';
import { resolveRelease } from '../release.js';
import { hasState, startAgent } from '../session/agent-start.js';
import { HostSession } from '../session/host.js';
import { boundOf, isOver, pause, type Bound } from '../session/wait.js';
import { killInstance, killLeader, restoreProvider, slowProvider, type FaultContext } from './faults.js';
import { LevelWatch } from './level-watch.js';
import { startLoad, type Load } from './load/load.js';
import type { Sample } from './load/sample.js';
import { bySecond, summarise, within } from './load/statistics.js';
import { KINDS, PHASES, type PhasePlan } from './plan.js';
import type { Disposal, FaultReport, LevelDecision, PhaseReport, TourFacts } from './report/report.js';
import { watchStolen, type Stolen } from './stolen-time.js';
import { processesOf } from './strays.js';
import { ThirdParty } from './third-party.js';

export interface TourSettings {
  readonly home: string;
  /** examples/shop of this checkout. */
  readonly shopDir: string;
  readonly port: number;
  readonly providerPort: number;
  readonly paused: readonly FunctionName[];
  readonly keep: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** What a view needs to show; called at every change. */
export interface TourEvents {
  phase(name: string, about: string): void;
  note(text: string): void;
  decision(decision: LevelDecision): void;
  fault(fault: FaultReport): void;
  /** Four times a second while load runs. */
  tick(state: {
    readonly watch: LevelWatch;
    readonly samples: readonly Sample[];
    readonly phase: PhasePlan;
  }): void;
}

const READY_MS = 90_000;
const DOWN_MS = 60_000;
const TICK_MS = 250;
/** A phase with a fault goes on for so long after the recovery, to show that it holds. */
const AFTER_RECOVERY_MS = 6_000;
const STEADY_INSTANCES = 3;

export class Tour {
  private readonly host: HostSession;
  private readonly samples: Sample[] = [];
  private readonly phases: PhaseReport[] = [];
  private readonly faults: FaultReport[] = [];
  private watch: LevelWatch | undefined;
  private load: Load | undefined;
  private party: ThirdParty | undefined;
  private readyAfterMs: number | null = null;
  private disposal: Disposal | null = null;
  private loadFromMs = 0;

  constructor(
    private readonly settings: TourSettings,
    private readonly events: TourEvents,
  ) {
    this.host = new HostSession(settings.home);
  }

  /** Never throws: what broke it is one of the facts. */
  async run(): Promise<TourFacts> {
    const startedAtMs = Date.now();
    const stolen = watchStolen();
    let broken = '';
    try {
      await this.play();
    } catch (error) {
      broken =
        error instanceof MitosisError ? error.message : String(error instanceof Error ? error.stack : error);
    }
    broken = (await this.end(broken)) || broken;
    if (broken === '' && this.settings.signal.aborted) broken = 'interrupted';
    const endedAtMs = Date.now();
    this.host.close();
    return this.facts(startedAtMs, endedAtMs, broken, stolen.end());
  }

  private async play(): Promise<void> {
    const typeGraph = this.compose();
    await this.clear(typeGraph.level);
    this.party = await ThirdParty.start(
      join(this.settings.shopDir, 'third-party', 'acme.mjs'),
      this.settings.providerPort,
    );
    await this.birth(typeGraph);
    const watch = new LevelWatch(this.host, typeGraph.level, (decision) => this.events.decision(decision));
    this.watch = watch;
    watch.start(levelsOf(typeGraph));
    this.loadFromMs = Date.now();
    this.load = startLoad({ target: `http://127.0.0.1:${this.settings.port}`, kinds: KINDS }, (samples) =>
      this.samples.push(...samples),
    );
    for (const plan of PHASES) {
      if (this.settings.signal.aborted) return;
      await this.phase(plan, watch, typeGraph.level);
    }
  }

  /** The composition with the tour's ports; throws MitosisError with its problems. */
  private compose(): TypeGraph {
    const { shopDir, port, providerPort, home, env } = this.settings;
    const variables = Object.entries({
      ...env,
      SHOP_PORT: String(port),
      ACME_URL: `http://127.0.0.1:${providerPort}`,
      SHOP_STOCK: join(dirname(home), 'shop-stock'),
    }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
    const loaded = loadComposition({
      files: [join(shopDir, 'compose.yaml')],
      projectDir: shopDir,
      env: Object.fromEntries(variables),
      read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
    });
    if (loaded.ok) return loaded.typeGraph;
    throw new MitosisError('invalid_input', loaded.problems.map(({ problem }) => problem).join('; '));
  }

  /** An earlier tour may have been kept, or cut off: its level is taken down first, its state forgotten. */
  private async clear(level: string): Promise<void> {
    const { home, env, signal } = this.settings;
    if (hasState(home)) {
      this.events.note('ending what an earlier tour left');
      const bound = boundOf(DOWN_MS, signal);
      await startAgent(this.host, resolveRelease(env), bound);
      if ((await this.host.levels()).some((info) => info.level === level))
        await takeDown(this.host, level, { force: true, volumes: false }, bound, {
          progress: () => undefined,
          milestone: () => undefined,
        });
      await endAgent(this.host);
    }
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true, mode: 0o700 });
  }

  private async birth(typeGraph: TypeGraph): Promise<void> {
    this.events.phase('birth', 'agent, etcd, managers and routers of two levels, then the shop itself');
    const startedAt = performance.now();
    const bound = boundOf(READY_MS, this.settings.signal);
    const result = await bringUp(this.host, typeGraph, resolveRelease(this.settings.env), bound, {
      milestone: (text) => this.events.note(text),
      progress: () => undefined,
    });
    if (!result.readiness.ready)
      throw new MitosisError(
        'deadline',
        `the shop did not become ready: ${result.readiness.missing.join('; ')}`,
      );
    this.readyAfterMs = performance.now() - startedAt;
    this.events.note(
      `ready after ${(this.readyAfterMs / 1_000).toFixed(1)} s, on http://127.0.0.1:${this.settings.port}/`,
    );
    for (const fn of this.settings.paused)
      for (const level of levelsOf(typeGraph)) {
        await (await this.host.level(level)).control(fn, 'paused');
        this.events.note(`${level}: ${fn} paused, as told`);
      }
  }

  private async phase(plan: PhasePlan, watch: LevelWatch, level: string): Promise<void> {
    this.events.phase(plan.title, plan.about);
    const fromMs = Date.now();
    this.load?.play(plan.load);
    const bound = boundOf(plan.maxS * 1_000, this.settings.signal);
    const ticks = setInterval(() => this.events.tick({ watch, samples: this.samples, phase: plan }), TICK_MS);
    try {
      const fault = await this.inject(plan, watch, level, bound);
      if (fault !== undefined) {
        this.faults.push(fault);
        this.events.fault(fault);
      }
      const recoveredMs = fault === undefined ? 0 : (fault.recoveredAtMs ?? 0) + AFTER_RECOVERY_MS;
      await this.until(Math.max(fromMs + plan.minS * 1_000, recoveredMs), bound);
      if (plan.id === 'fall') await this.untilFewer(watch, bound);
      const settledFromMs = fault?.recoveredAtMs ?? fromMs + plan.settleS * 1_000;
      this.phases.push(this.phaseReport(plan, fromMs, Date.now(), settledFromMs));
    } finally {
      clearInterval(ticks);
    }
  }

  private inject(
    plan: PhasePlan,
    watch: LevelWatch,
    level: string,
    bound: Bound,
  ): Promise<FaultReport> | undefined {
    const context: FaultContext = { host: this.host, level, watch, samples: this.samples };
    switch (plan.id) {
      case 'instance-killed':
        return killInstance(context, bound);
      case 'leader-killed':
        return killLeader(context, 'autoscaler', bound);
      case 'provider-slow':
        return this.party && slowProvider(context, this.party, bound);
      case 'provider-back':
        return this.party && restoreProvider(context, this.party, bound);
      case 'steady':
      case 'rise':
      case 'peak':
      case 'fall':
        return undefined;
      default:
        return plan.id satisfies never;
    }
  }

  private async until(atMs: number, bound: Bound): Promise<void> {
    while (Date.now() < atMs && !isOver(bound)) await pause(Math.min(TICK_MS, atMs - Date.now()), bound);
  }

  /** Until the entry is nearly as small as at its birth. */
  private async untilFewer(watch: LevelWatch, bound: Bound): Promise<void> {
    while ((watch.ready('web') ?? Infinity) > STEADY_INSTANCES && !isOver(bound)) await pause(TICK_MS, bound);
  }

  private phaseReport(plan: PhasePlan, fromMs: number, toMs: number, settledFromMs: number): PhaseReport {
    return {
      id: plan.id,
      title: plan.title,
      fromMs,
      toMs,
      all: summarise(within(this.samples, fromMs, toMs)),
      settled: summarise(within(this.samples, Math.min(settledFromMs, toMs), toMs)),
      settledFromMs,
    };
  }

  /** Stops the load, then disposes; answers what went wrong. `kept` leaves the shop and the third party running. */
  private async end(broken: string): Promise<string> {
    const problems: string[] = [];
    const attempt = async (run: () => Promise<unknown> | undefined): Promise<void> => {
      try {
        await run();
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      }
    };
    await attempt(() => this.load?.stop());
    this.recount();
    await attempt(() => this.watch?.stop());
    if (this.settings.keep && broken === '') {
      this.party?.leave();
      return problems.join('; ');
    }
    await attempt(() => this.dispose());
    await attempt(() => this.party?.end());
    return problems.join('; ');
  }

  /** The last answers of a phase come after its end: counted again when all have come. */
  private recount(): void {
    for (const [at, phase] of this.phases.entries()) {
      const plan = PHASES.find((one) => one.id === phase.id);
      if (plan !== undefined)
        this.phases[at] = this.phaseReport(plan, phase.fromMs, phase.toMs, phase.settledFromMs);
    }
  }

  private async dispose(): Promise<void> {
    if (!(await this.host.agentAnswers())) {
      if (this.readyAfterMs !== null) throw new Error('the agent did not answer at the disposal');
      return;
    }
    this.events.phase('disposal', 'drained and stopped in order, then nothing is left');
    const startedAt = performance.now();
    // Not the tour's own signal: an interrupt must not keep it from cleaning up.
    const bound = boundOf(DOWN_MS);
    let orderly = true;
    for (const { level, parent } of await this.host.levels()) {
      if (parent !== '') continue;
      const taken = await takeDown(this.host, level, { force: false, volumes: false }, bound, {
        progress: () => undefined,
        milestone: (text) => this.events.note(text),
      });
      orderly &&= taken.orderly;
    }
    await endAgent(this.host);
    const strays = await this.untilNoProcess(bound);
    this.disposal = { tookMs: performance.now() - startedAt, orderly, strays };
  }

  private async untilNoProcess(bound: Bound): Promise<readonly string[] | null> {
    const limit = boundOf(5_000);
    for (;;) {
      const left = processesOf(this.settings.home);
      if (left === null || left.length === 0 || isOver(limit) || isOver(bound)) return left;
      await pause(TICK_MS, limit);
    }
  }

  private facts(startedAtMs: number, endedAtMs: number, broken: string, stolen: Stolen | null): TourFacts {
    const lastMs = this.phases.at(-1)?.toMs ?? this.loadFromMs;
    const seconds = this.loadFromMs === 0 ? [] : bySecond(this.samples, this.loadFromMs, lastMs);
    return {
      startedAtMs,
      endedAtMs,
      readyAfterMs: this.readyAfterMs,
      paused: this.settings.paused,
      phases: this.phases,
      faults: this.faults,
      instances: this.watch?.instances ?? [],
      bindings: this.watch?.bindings ?? [],
      leaders: this.watch?.leaders ?? [],
      decisions: [...(this.watch?.decisions ?? [])].sort((a, b) => a.atMs - b.atMs),
      seconds: seconds.map(({ atMs, summary: { sent, failed, p50Ms, p95Ms, p99Ms } }) => ({
        atMs,
        sent,
        ok: sent - failed,
        failed,
        p50Ms,
        p95Ms,
        p99Ms,
      })),
      disposal: this.disposal,
      stolen,
      broken,
    };
  }
}
