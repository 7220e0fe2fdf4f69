/**
 * Asks child levels for their summaries: any manager of the child names its monitor's leader, which is asked from then
 * on, until it fails. Never waits longer for a slow child than its own deadline: children are asked side by side.
 */
import type { ChildRecord } from '@mitosis/contracts';
import type { FunctionContext } from '@mitosis/service-kit';
import type { ChildSummary } from '../decide/snapshot.js';

const DEADLINE_MS = 800;

export class ChildPoll {
  private readonly answers = new Map<string, ChildSummary>();
  private readonly leaders = new Map<string, string>();

  constructor(private readonly context: FunctionContext) {}

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
    const { peers } = this.context;
    try {
      const address = this.leaders.get(child.level) ?? (await this.findLeader(child, signal));
      if (address === undefined) return false;
      const summary = await peers.call(
        'monitor',
        address,
        'summary',
        {},
        { deadlineMs: DEADLINE_MS, signal },
      );
      if (summary.level !== child.level) throw new Error(`${address} answers for ${summary.level}`);
      this.leaders.set(child.level, address);
      this.answers.set(child.component, { receivedAtMs: this.context.nowMs(), summary });
      return true;
    } catch (error) {
      this.leaders.delete(child.level);
      this.context.log.debug({ child: child.level, err: error }, 'a child level did not answer');
      return false;
    }
  }

  private async findLeader(child: ChildRecord, signal: AbortSignal): Promise<string | undefined> {
    for (const manager of child.managers) {
      const directory = await this.context.peers
        .call('management', manager, 'directory', {}, { deadlineMs: DEADLINE_MS, signal })
        .catch(() => undefined);
      // Addresses are used again: another level's manager may sit there now.
      if (directory?.level !== child.level) continue;
      const leader = directory.leaders.find((one) => one.function === 'monitor');
      if (leader !== undefined) return leader.grpc;
    }
    return undefined;
  }
}
