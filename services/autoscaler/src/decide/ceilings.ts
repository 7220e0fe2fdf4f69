/**
 * How far other services let a component be scaled out, for example while a budget is spent. Must hold nothing but a scale-out
 * that a policy wants: what is there stays, and one instance may always be.
 */
import type { CeilingRecord, DecisionId } from '@mitosis/contracts';

export interface Ceiling {
  /** At least 1. */
  readonly count: number;
  readonly by: string;
  readonly reason: string;
  readonly decision: DecisionId;
}

/** The lowest in force; null: nobody holds the component. A count that is none (negative, no number) holds nothing. */
export const ceilingOf = (
  records: readonly CeilingRecord[],
  component: string,
  nowMs: number,
): Ceiling | null => {
  let lowest: Ceiling | null = null;
  for (const { function: by, counts, expiresAtMs, reason, decision } of records) {
    if (expiresAtMs <= nowMs || !Object.hasOwn(counts, component)) continue;
    const count = Math.max(1, Math.floor(counts[component] ?? Number.NaN));
    if (!Number.isFinite(count) || (lowest !== null && lowest.count <= count)) continue;
    lowest = { count, by, reason, decision };
  }
  return lowest;
};

/** `to` as far as the ceiling lets it rise from `from`; never below `from` unless `to` is. */
export const heldAt = (from: number, to: number, ceiling: Ceiling): number =>
  to <= from ? to : Math.min(to, Math.max(from, ceiling.count));
