/**
 * Asks child levels for their summaries, at their monitor's leader. Never waits longer for a slow child than a call's
 * deadline: children are asked side by side.
 */
import { MitosisError, type ChildRecord, type monitor } from '@mitosis/contracts';
import { ChildLeaders, type FunctionContext } from '@mitosis/service-kit';
import type { ChildSummary } from '../decide/snapshot.js';

const DEADLINE_MS = 800;

export class ChildPoll {
  private readonly answers = new Map<string, ChildSummary>();
  private readonly leaders: ChildLeaders;

  constructor(private readonly context: FunctionContext) {
    this.leaders = new ChildLeaders(context.peers, 'monitor');
  }

  /** Last answers, by component; how old they are is for the reader to judge. */
  summaries(): ReadonlyMap<string, ChildSummary> {
    return this.answers;
  }

  /** Returns the components whose child did not answer. */
  async ask(children: readonly ChildRecord[], signal: AbortSignal): Promise<readonly string[]> {
    const wanted = new Set<string>(children.map(({ component }) => component));
    for (const component of this.answers.keys()) if (!wanted.has(component)) this.answers.delete(component);
    const answered = await Promise.all(children.map((child) => this.askOne(child, signal)));
    return children.filter((_, i) => answered[i] !== true).map(({ component }) => component);
  }

  private async askOne(child: ChildRecord, signal: AbortSignal): Promise<boolean> {
    try {
      const summary = await this.leaders.call(child, signal, (address) =>
        this.summaryOf(child, address, signal),
      );
      this.answers.set(child.component, { receivedAtMs: this.context.nowMs(), summary });
      return true;
    } catch (error) {
      this.context.log.debug({ child: child.level, err: error }, 'a child level did not answer');
      return false;
    }
  }

  private async summaryOf(
    child: ChildRecord,
    address: string,
    signal: AbortSignal,
  ): Promise<monitor.LevelSummary> {
    const options = { deadlineMs: DEADLINE_MS, signal };
    const summary = await this.context.peers.call('monitor', address, 'summary', {}, options);
    // Ports are used again: another level's monitor may sit there now.
    if (summary.level !== child.level) {
      throw new MitosisError('unavailable', `${address} answers for ${summary.level}`);
    }
    return summary;
  }
}
