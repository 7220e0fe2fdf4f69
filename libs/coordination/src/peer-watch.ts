/** Which other candidates' processes are watched: one connection per lease, few at most, each lease accused once. */
import type { SeenCandidate } from './decide/leader-choice.js';
import type { ProcessProbe } from './process-probe.js';

/** More candidates than this are not worth a connection each: their leases expire. */
const WATCHED_MAX = 16;

export class PeerWatch {
  readonly #stops = new Map<string, () => void>();

  constructor(
    private readonly probe: ProcessProbe,
    private readonly onGone: (peer: SeenCandidate) => void,
  ) {}

  /** Watches exactly these from now on. */
  set(peers: readonly SeenCandidate[]): void {
    const wanted = new Map(peers.slice(0, WATCHED_MAX).map((peer) => [peer.lease, peer]));
    for (const [lease, stop] of this.#stops) {
      if (wanted.has(lease)) continue;
      stop();
      this.#stops.delete(lease);
    }
    for (const [lease, peer] of wanted) {
      if (this.#stops.has(lease)) continue;
      this.#stops.set(
        lease,
        this.probe.watch(peer.address, () => this.onGone(peer)),
      );
    }
  }

  close(): void {
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
  }
}
