/**
 * Notices that the store has gone backwards: restored from an older snapshot, emptied, or another cluster at the same
 * address. Judges only by answers that cannot be old news: linearizable ones whose request was sent after the higher
 * revision had been seen. Everything else is a suspicion that such an answer must confirm.
 */
import type { WireHeader } from './wire.js';

/** What was known when a request was sent; hand it back with the answer. */
export interface EraMark {
  readonly era: number;
  readonly revision: number;
  readonly raftTerm: number;
}

export class StoreEra {
  /** Rises with each regress. */
  era = 0;
  #clusterId: string | undefined;
  #revision = 0;
  /** From linearizable answers only: a member cut off from the others inflates its term. */
  #raftTerm = 0;
  readonly #listeners = new Set<() => void>();

  /** Highest revision any answer of this era has shown. */
  get revision(): number {
    return this.#revision;
  }

  onRegress(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  mark(): EraMark {
    return { era: this.era, revision: this.#revision, raftTerm: this.#raftTerm };
  }

  /** A linearizable answer to a request sent at `mark`. Returns false when it belongs to an era that is over. */
  judge(header: WireHeader, mark: EraMark): boolean {
    if (mark.era !== this.era) return false;
    const backwards = header.revision < mark.revision || header.raftTerm < mark.raftTerm;
    if (backwards || this.#isOtherCluster(header)) {
      this.#restart(header);
      return true;
    }
    this.#raftTerm = Math.max(this.#raftTerm, header.raftTerm);
    this.#revision = Math.max(this.#revision, header.revision);
    return true;
  }

  /** Any other answer. True: it looks like a regress; ask something linearizable. */
  isSuspicious(header: WireHeader): boolean {
    if (this.#isOtherCluster(header) || header.revision < this.#revision) return true;
    this.#revision = header.revision;
    return false;
  }

  #isOtherCluster(header: WireHeader): boolean {
    const known = this.#clusterId;
    this.#clusterId ??= header.clusterId;
    return known !== undefined && known !== header.clusterId;
  }

  #restart(header: WireHeader): void {
    this.era++;
    this.#clusterId = header.clusterId;
    this.#revision = header.revision;
    this.#raftTerm = header.raftTerm;
    for (const listener of Array.from(this.#listeners)) listener();
  }
}
