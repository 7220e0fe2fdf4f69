/** Asks the agents of the sites what their hosts have; an answer holds for ten minutes, hosts seldom change. */
import type { Peers } from '@mitosis/service-kit';
import type { HostCapacity } from '../decide/input.js';

const HOLDS_MS = 600_000;
const RETRY_MS = 300;

interface Known {
  readonly capacity: HostCapacity | undefined;
  readonly askAgainAtMs: number;
}

export class HostCapacities {
  private readonly known = new Map<string, Known>();
  private readonly asking = new Set<string>();

  constructor(
    private readonly peers: Peers,
    private readonly nowMs: () => number,
    private readonly onChange: () => void,
  ) {}

  get(): ReadonlyMap<string, HostCapacity> {
    const capacities = new Map<string, HostCapacity>();
    for (const [address, { capacity }] of this.known) {
      if (capacity !== undefined) capacities.set(address, capacity);
    }
    return capacities;
  }

  /** Asks those that have not answered; never waits for them. */
  ask(addresses: Iterable<string>): void {
    for (const address of addresses) {
      const known = this.known.get(address);
      const due = known === undefined || known.askAgainAtMs <= this.nowMs();
      if (due && address !== '' && !this.asking.has(address)) void this.askOne(address);
    }
  }

  private async askOne(address: string): Promise<void> {
    this.asking.add(address);
    const before = this.known.get(address)?.capacity;
    try {
      const { cpus, memoryBytes } = await this.peers.call('agent', address, 'hello', {});
      this.known.set(address, { capacity: { cpus, memoryBytes }, askAgainAtMs: this.nowMs() + HOLDS_MS });
      if (before?.cpus !== cpus || before.memoryBytes !== memoryBytes) this.onChange();
    } catch {
      this.known.set(address, { capacity: before, askAgainAtMs: this.nowMs() + RETRY_MS });
    } finally {
      this.asking.delete(address);
    }
  }
}
