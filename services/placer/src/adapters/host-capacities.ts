/**
 * Asks the agents of the sites what their hosts have and whether their engines answer. What a host has seldom changes: a
 * host that there is no other for is asked every ten minutes; where there is a choice of sites, loss has to be noticed.
 */
import type { agent } from '@mitosis/contracts';
import type { Peers } from '@mitosis/service-kit';
import type { HostCapacity } from '../decide/input.js';

const HOLDS_MS = 600_000;
const WATCH_MS = 2_000;
const RETRY_MS = 300;
const ANSWER_MS = 3_000;
/**
 * Only a leader asks, and a process may stand still: where no ask ended for so long, nothing is known of the time between,
 * and silence has to be found anew. Longer than a pass in turn and an answer may take, far less than a site is lost after.
 */
const GAP_MS = 12_000;

interface Known {
  readonly capacity: HostCapacity | undefined;
  readonly askedAtMs: number;
  readonly silentSinceMs: number | null;
}

export class HostCapacities {
  private readonly known = new Map<string, Known>();
  private readonly asking = new Set<string>();

  constructor(
    private readonly peers: Peers,
    private readonly nowMs: () => number,
    private readonly onChange: () => void,
  ) {}

  /** Those that have answered ever, or are silent now. */
  get(): ReadonlyMap<string, HostCapacity> {
    const capacities = new Map<string, HostCapacity>();
    for (const [address, known] of this.known) {
      const { capacity, silentSinceMs } = known;
      if (silentSinceMs !== null && this.isStale(known)) continue;
      if (capacity !== undefined) capacities.set(address, { ...capacity, silentSinceMs });
      // Silent from the first: what is known of it is its silence.
      else if (silentSinceMs !== null) capacities.set(address, { cpus: 0, memoryBytes: 0, silentSinceMs });
    }
    return capacities;
  }

  /** Asks those that are due; never waits for them. `watched`: loss has to be noticed. */
  ask(addresses: Iterable<string>, watched: boolean): void {
    for (const address of addresses) {
      const known = this.known.get(address);
      const due = known === undefined || this.nowMs() >= known.askedAtMs + everyMs(known, watched);
      if (due && address !== '' && !this.asking.has(address)) void this.askOne(address);
    }
  }

  private isStale({ askedAtMs }: Known): boolean {
    return this.nowMs() - askedAtMs > GAP_MS;
  }

  private async askOne(address: string): Promise<void> {
    this.asking.add(address);
    const before = this.known.get(address);
    try {
      const askedAtMs = this.nowMs();
      const info = await this.peers.call('agent', address, 'hello', {}, { deadlineMs: ANSWER_MS });
      const capacity = capacityOf(info, this.nowMs());
      this.known.set(address, { capacity, askedAtMs, silentSinceMs: null });
      if (differs(before, capacity)) this.onChange();
    } catch {
      const nowMs = this.nowMs();
      const goesOn = before !== undefined && before.silentSinceMs !== null && !this.isStale(before);
      const silentSinceMs = goesOn ? before.silentSinceMs : nowMs;
      this.known.set(address, { capacity: before?.capacity, askedAtMs: nowMs, silentSinceMs });
    } finally {
      this.asking.delete(address);
    }
  }
}

const everyMs = ({ capacity, silentSinceMs }: Known, watched: boolean): number => {
  if (capacity === undefined) return RETRY_MS;
  return watched || silentSinceMs !== null ? WATCH_MS : HOLDS_MS;
};

const capacityOf = ({ cpus, memoryBytes, drivers }: agent.AgentInfo, nowMs: number): HostCapacity => {
  const docker = drivers.find(({ driver }) => driver === 'docker');
  return {
    cpus,
    memoryBytes,
    silentSinceMs: null,
    ...(docker === undefined
      ? {}
      : {
          engine: {
            usable: docker.usable,
            detail: docker.detail,
            forMs: Math.max(0, nowMs - docker.sinceMs),
          },
        }),
  };
};

/** An engine that stays away matters again when it has been away for long: each answer of it counts. */
const differs = (before: Known | undefined, now: HostCapacity): boolean => {
  const was = before?.capacity;
  return (
    was === undefined ||
    before?.silentSinceMs !== null ||
    was.cpus !== now.cpus ||
    was.memoryBytes !== now.memoryBytes ||
    was.engine?.usable !== now.engine?.usable ||
    now.engine?.usable === false
  );
};
