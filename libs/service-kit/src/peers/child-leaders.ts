/**
 * Who leads a function in a child level: found through the child's managers as the composer last saw them, remembered
 * until a call to it fails. The parent dials the child; a child that cannot be found is silent, which proves nothing.
 */
import { MitosisError, type ChildRecord, type FunctionName } from '@mitosis/contracts';
import type { Peers } from './peers.js';

type Child = Pick<ChildRecord, 'level' | 'managers'>;

const DEADLINE_MS = 1_000;

export class ChildLeaders {
  private readonly known = new Map<string, string>();

  constructor(
    private readonly peers: Peers,
    private readonly fn: FunctionName,
  ) {}

  /**
   * Runs a call against the child's leader of the function. Throws what the call throws, or `unavailable` when no manager
   * of the child names a leader; who leads is asked anew next time.
   */
  async call<T>(child: Child, signal: AbortSignal, run: (address: string) => Promise<T>): Promise<T> {
    const address = this.known.get(child.level) ?? (await this.find(child, signal));
    this.known.set(child.level, address);
    try {
      return await run(address);
    } catch (error) {
      this.known.delete(child.level);
      throw error;
    }
  }

  private async find(child: Child, signal: AbortSignal): Promise<string> {
    const asked = child.managers.map(async (manager) => {
      const options = { deadlineMs: DEADLINE_MS, signal };
      const { level, leaders } = await this.peers.call('management', manager, 'directory', {}, options);
      const leader = leaders.find((entry) => entry.function === this.fn)?.grpc ?? '';
      // A port may have gone to another level since the composer looked.
      if (level !== child.level || leader === '')
        throw new MitosisError('unavailable', `${manager} names none`);
      return leader;
    });
    try {
      return await Promise.any(asked);
    } catch {
      throw new MitosisError('unavailable', `no manager of ${child.level} names a leader of its ${this.fn}`);
    }
  }
}
