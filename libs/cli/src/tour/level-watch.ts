/**
 * What the levels do while the tour runs: instances over time, bindings, leaders, decisions. Only looks; an answer that
 * does not come leaves a gap, never a zero.
 */
import type { InstanceGraphView } from '@mitosis/contracts';
import { observeAll } from '../bring-up/bring-up.js';
import type { HostSession } from '../session/host.js';
import type { LevelView } from '../session/observe.js';
import { boundOf, pause } from '../session/wait.js';
import type { BindingPoint, InstancePoint, LeaderPoint, LevelDecision } from './report/report.js';

const POLL_MS = 400;
const DECISIONS_MAX = 2_000;

export class LevelWatch {
  readonly instances: InstancePoint[] = [];
  readonly bindings: BindingPoint[] = [];
  readonly leaders: LeaderPoint[] = [];
  readonly decisions: LevelDecision[] = [];
  private views: readonly LevelView[] = [];
  private readonly controller = new AbortController();
  private readonly tasks: Promise<void>[] = [];

  constructor(
    private readonly host: HostSession,
    private readonly root: string,
    private readonly onDecision: (decision: LevelDecision) => void,
  ) {}

  start(levels: readonly string[]): void {
    this.tasks.push(this.poll());
    for (const level of levels) this.tasks.push(this.follow(level));
  }

  async stop(): Promise<void> {
    this.controller.abort();
    await Promise.all(this.tasks);
  }

  /** The newest instance graph of a level; undefined when the last look did not bring one. */
  graph(level: string): InstanceGraphView | undefined {
    return this.views.find((view) => view.level === level)?.graph ?? undefined;
  }

  view(level: string): LevelView | undefined {
    return this.views.find((view) => view.level === level);
  }

  /** The alternative in force; '' while not known. */
  active(component: string): string {
    return this.bindings.findLast((point) => point.component === component)?.active ?? '';
  }

  ready(component: string): number | undefined {
    return this.instances.findLast((point) => point.component === component)?.ready;
  }

  private async poll(): Promise<void> {
    const { signal } = this.controller;
    while (!signal.aborted) {
      try {
        this.views = await observeAll(this.host, this.root, 'graph');
        const atMs = Date.now();
        for (const view of this.views) this.take(view, atMs);
      } catch {
        // A level that is being taken down cannot be looked at: the series simply ends.
      }
      await pause(POLL_MS, boundOf(POLL_MS, signal));
    }
  }

  private take(view: LevelView, atMs: number): void {
    for (const one of view.composite?.components ?? [])
      if (view.graph !== null && view.graph.targets.some((target) => target.component === one.component))
        this.instances.push({
          atMs,
          level: view.level,
          component: one.component,
          ready: one.ready,
          wanted: one.wanted,
        });
    for (const binding of view.graph?.bindings ?? [])
      if (this.active(binding.component) !== binding.active)
        this.bindings.push({ atMs: binding.sinceMs, component: binding.component, active: binding.active });
    for (const leader of view.directory?.leaders ?? []) {
      const before = this.leaders.findLast((one) => one.level === view.level && one.fn === leader.function);
      if (before?.replica !== leader.replica)
        this.leaders.push({ atMs, level: view.level, fn: leader.function, replica: leader.replica });
    }
  }

  private async follow(name: string): Promise<void> {
    const { signal } = this.controller;
    while (!signal.aborted) {
      try {
        const level = await this.host.level(name);
        for await (const record of level.followDecisions({ limit: 200 }, signal)) this.decide(name, record);
      } catch {
        // No manager at the moment: asked again below.
      }
      await pause(1_000, boundOf(1_000, signal));
    }
  }

  private decide(level: string, record: Omit<LevelDecision, 'level'>): void {
    if (this.decisions.length >= DECISIONS_MAX || this.decisions.some((known) => known.id === record.id))
      return;
    const decision = { ...record, level };
    this.decisions.push(decision);
    this.onDecision(decision);
  }
}
