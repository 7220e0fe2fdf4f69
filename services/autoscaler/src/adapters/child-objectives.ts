/**
 * Tells each child level its share of the objective, about once a second, and keeps what the child says it would cost.
 * One call per child at a time; a child that does not answer goes on with the last it was told.
 */
import type { autoscaler, ChildRecord, Objective } from '@mitosis/contracts';
import { ChildLeaders, type Peers } from '@mitosis/service-kit';

const DEADLINE_MS = 1_000;

interface Told {
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

  private async tellOne(
    child: ChildRecord,
    share: autoscaler.ObjectiveShare,
    signal: AbortSignal,
  ): Promise<void> {
    const told = (costs: readonly autoscaler.CostPoint[], error: string): void =>
      void this.told.set(child.level, { level: child.level, p95Ms: share.p95Ms, costs, error });
    try {
      const { points } = await this.leaders.call(child, signal, (address) =>
        this.peers.call('autoscaler', address, 'setObjective', share, { deadlineMs: DEADLINE_MS, signal }),
      );
      told(points, '');
    } catch (error) {
      told([], error instanceof Error ? error.message : String(error));
    }
  }
}
