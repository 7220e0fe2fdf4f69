/**
 * The members of the level's etcd as it tells itself, asked for by the leader only, and seldom: they change only when
 * somebody changes them. What could not be asked is unknown, never empty.
 */
import type { EtcdMember } from '@mitosis/contracts';
import { pause, type Clock, type EtcdMembers } from '@mitosis/coordination';

const PERIOD_MS = 5_000;
/** A new leader has more urgent things to do first: somebody waits for them. */
const FIRST_MS = 500;

export interface EtcdWatcherOptions {
  readonly cluster: EtcdMembers;
  readonly clock: Clock;
  readonly onChange: () => void;
}

export class EtcdWatcher {
  version = 0;
  private known: readonly EtcdMember[] | undefined;

  constructor(private readonly options: EtcdWatcherOptions) {}

  get cluster(): EtcdMembers {
    return this.options.cluster;
  }

  get members(): readonly EtcdMember[] | undefined {
    return this.known;
  }

  /** Until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    this.known = undefined;
    await pause(this.options.clock, FIRST_MS, signal);
    while (!signal.aborted) {
      await this.refresh(signal);
      await pause(this.options.clock, PERIOD_MS, signal);
    }
  }

  /** Never throws: the next look is the retry. */
  readonly refresh = async (signal?: AbortSignal): Promise<void> => {
    const { cluster, onChange } = this.options;
    try {
      const found = await cluster.list(signal);
      if (signal?.aborted === true || JSON.stringify(found) === JSON.stringify(this.known)) return;
      this.known = found;
      this.version += 1;
      onChange();
    } catch {
      // Without quorum or unreachable: the last list stays, and whatever follows from it needs a commit.
    }
  };
}
