/**
 * How one process sees that another is gone: its port refuses. Only when refusals can reach it: a partition, a stopped
 * process or a machine that is off say nothing.
 */
import type { ProcessProbe } from '@mitosis/coordination';
import type { Network, Party } from '../world/network.js';
import type { ProcessClock } from '../world/process-clock.js';
import type { Addresses } from '../world/sim-peers.js';

/** Three refusals (coordination/process-probe.ts). */
const GONE_MS = 18;
const LOOK_AGAIN_MS = 1_000;

export class SimProbe implements ProcessProbe {
  constructor(
    private readonly self: Party,
    private readonly clock: ProcessClock,
    private readonly network: Network,
    private readonly addresses: Addresses,
    /** Told of each process that is watched, with what accuses it. */
    private readonly onWatch: (self: Party, party: Party, accuse: () => void) => () => void,
  ) {}

  watch(address: string, onGone: () => void): () => void {
    const party = this.addresses.partyAt(address);
    let stopped = false;
    let cancel: () => void = () => undefined;
    const look = (): void => {
      if (stopped) return;
      const refuses = this.addresses.at(address) === undefined && this.network.isWhole(this.self, party);
      if (refuses) onGone();
      else cancel = this.clock.setTimer(LOOK_AGAIN_MS, look);
    };
    // The connection breaks with the process.
    const offReset = this.network.link(this.self, party).onReset(() => {
      this.clock.receive(() => {
        cancel();
        cancel = this.clock.setTimer(GONE_MS, look);
      });
    });
    const offWatch = this.onWatch(this.self, party, () => this.clock.receive(onGone));
    cancel = this.clock.setTimer(LOOK_AGAIN_MS, look);
    return () => {
      stopped = true;
      cancel();
      offReset();
      offWatch();
    };
  }
}
