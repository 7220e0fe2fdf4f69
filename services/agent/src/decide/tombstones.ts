/**
 * Which tombstones may be forgotten. One is only needed while a start of its id can still arrive: every start of an epoch
 * at or before the stop is refused by the fence once a newer epoch was seen, and a newer leader has read the committed
 * `stopping` of that id. (A store restored from an older backup may name the id again; then the graph knows of it, so
 * nothing unnamed can come of it. All the same the newest are kept.)
 */
import { compareEpochs, type Epoch } from '@mitosis/contracts';

export interface Tombstone {
  readonly id: string;
  /** Highest epoch of the level when it was stopped. */
  readonly epoch: Epoch;
}

/** Kept even where it is safe to forget them. */
export const TOMBSTONES_KEPT = 10_000;

/** Oldest first, as given; what is not provably safe stays however many they are. */
export const keptTombstones = (
  all: readonly Tombstone[],
  highest: Epoch,
  kept: number = TOMBSTONES_KEPT,
): readonly Tombstone[] => {
  const surplus = all.length - kept;
  return all.filter((one, index) => index >= surplus || compareEpochs(one.epoch, highest) >= 0);
};
