/**
 * Tells each child level its share of the objective, about once a second, and keeps what the child says it would cost.
 * One call per child at a time; a child that does not answer goes on with the last it was told.
 */
import type { autoscaler, ChildRecord, Objective } from '@mitosis/contracts';
import { ChildLeaders, type Peers } from '@mitosis/service-kit';
import type { ChildCost } from '../decide/level-input.js';

const DEADLINE_MS = 1_000;

interface Told {
  readonly component: string;
  readonly level: string;
  readonly p95Ms: number;
  readonly costs: readonly autoscaler.CostPoint[];
  readonly error: string;
}

/** A child's objective is one p95 and one error ratio: the strictest bound at or above the 95th percentile, if any. */
export const shareMessage = (level: string, objective: Objective): autoscaler.ObjectiveShare => {
  const bounds = objective.latency.filter(({ percentile }) => percentile >= 95).map(({ ms }) => ms);
  return {
    level,
    p95Ms: bounds.length === 0 ? 0 : Math.min(...bounds),
    errorRatio: objective.errorRatio ?? 0,
  };
};

export class ChildObjectives {
  private readonly leaders: ChildLeaders;
  private readonly asking = new Set<string>();
  private readonly told = new Map<string, Told>();

  constructor(private readonly peers: Peers) {
    this.leaders = new ChildLeaders(peers, 'autoscaler');
  }

  /** Returns at once: a slow child must not delay the level's own targets. */
  tell(shares: ReadonlyMap<string, Objective>, children: readonly ChildRecord[], signal: AbortSignal): void {
    const levels = new Set<string>(children.map(({ level }) => level));
    for (const level of this.told.keys()) if (!levels.has(level)) this.told.delete(level);
    for (const child of children) {
      const objective = shares.get(child.component);
      if (objective === undefined || child.wanted !== 'operating' || child.managers.length === 0) continue;
      if (this.asking.has(child.level)) continue;
      this.asking.add(child.level);
      void this.tellOne(child, shareMessage(child.level, objective), signal).finally(() =>
        this.asking.delete(child.level),
      );
    }
  }

  describe(): readonly Told[] {
    return [...this.told.values()];
  }

  /** By component, what holding its share costs each child that knows. */
  costs(): ReadonlyMap<string, ChildCost> {
    const known = [...this.told.values()].filter(({ costs }) => costs.length > 0);
    return new Map(known.map(({ component, p95Ms, costs }) => [component, { p95Ms, points: costs }]));
  }

  private async tellOne(
    child: ChildRecord,
    share: autoscaler.ObjectiveShare,
    signal: AbortSignal,
  ): Promise<void> {
    const { component, level } = child;
    const told = (answer: Pick<Told, 'p95Ms' | 'costs' | 'error'>): void =>
      void this.told.set(level, { component, level, ...answer });
    try {
      const { points } = await this.leaders.call(child, signal, (address) =>
        this.peers.call('autoscaler', address, 'setObjective', share, { deadlineMs: DEADLINE_MS, signal }),
      );
      told({ p95Ms: share.p95Ms, costs: points, error: '' });
    } catch (error) {
      // What it said last still costs that much: a child that does not answer goes on.
      const { p95Ms = share.p95Ms, costs = [] } = this.told.get(level) ?? {};
      told({ p95Ms, costs, error: error instanceof Error ? error.message : String(error) });
    }
  }
}
