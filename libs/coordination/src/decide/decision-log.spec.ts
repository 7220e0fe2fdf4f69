import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DECISIONS_KEPT, newDecisionId, prunable, PRUNED_PER_COMMIT_MAX } from './decision-log.js';

describe('decision ids', () => {
  it('sort as time and sequence do', () => {
    const moment = fc.tuple(fc.nat(4_000_000_000_000), fc.nat(100_000));
    fc.assert(
      fc.property(moment, moment, ([aMs, aSeq], [bMs, bSeq]) => {
        const [a, b] = [newDecisionId(aMs, aSeq), newDecisionId(bMs, bSeq)];
        expect(a < b).toBe(aMs < bMs || (aMs === bMs && aSeq < bSeq));
      }),
    );
  });

  it('of two leaders in the same millisecond differ', () => {
    expect(newDecisionId(1, 0, 17)).not.toBe(newDecisionId(1, 0, 18));
  });
});

describe('pruning', () => {
  const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i}`);

  it('deletes the oldest beyond the number kept, a bounded number at once', () => {
    expect(prunable(keys(DECISIONS_KEPT - 1), 1)).toEqual([]);
    expect(prunable(keys(DECISIONS_KEPT), 2)).toEqual(['k0', 'k1']);
    expect(prunable(keys(DECISIONS_KEPT + 400), 1)).toHaveLength(PRUNED_PER_COMMIT_MAX);
  });
});
