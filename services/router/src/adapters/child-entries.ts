/**
 * Asks child levels where their entry is, at their router's leader. Never waits longer for a slow child than a call's
 * deadline: children are asked side by side.
 */
import { MitosisError, type ChildRecord, type router } from '@mitosis/contracts';
import { ChildLeaders, type FunctionContext } from '@mitosis/service-kit';

const DEADLINE_MS = 800;

export class ChildEntries {
  private readonly leaders: ChildLeaders;

  constructor(private readonly context: Pick<FunctionContext, 'peers' | 'log'>) {
    this.leaders = new ChildLeaders(context.peers, 'router');
  }

  /** Answers by component; a child that did not answer is not in it. */
  async ask(
    children: readonly ChildRecord[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, router.EntryEndpointsReply>> {
    const answers = new Map<string, router.EntryEndpointsReply>();
    await Promise.all(
      children.map(async (child) => {
        try {
          const ask = (address: string) => this.entryOf(child, address, signal);
          answers.set(child.component, await this.leaders.call(child, signal, ask));
        } catch (err) {
          this.context.log.debug({ child: child.level, err }, 'the router of a child level did not answer');
        }
      }),
    );
    return answers;
  }

  private async entryOf(
    child: ChildRecord,
    address: string,
    signal: AbortSignal,
  ): Promise<router.EntryEndpointsReply> {
    const options = { deadlineMs: DEADLINE_MS, signal };
    const reply = await this.context.peers.call('router', address, 'entryEndpoints', {}, options);
    // Ports are used again: another level's router may sit there now.
    if (reply.level !== child.level) {
      throw new MitosisError('unavailable', `${address} answers for ${reply.level}`);
    }
    return reply;
  }
}
