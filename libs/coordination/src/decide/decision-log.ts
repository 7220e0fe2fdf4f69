/** Ids of decisions, and which old ones a commit takes away: the newest 500 of a function are kept. */
import { decisionId } from '@mitosis/contracts';
import type { DecisionId } from '@mitosis/contracts';

export const DECISIONS_KEPT = 500;
/** A commit deletes at most this many beside its own writes, so that clearing a backlog never makes it too large. */
export const PRUNED_PER_COMMIT_MAX = 64;

/** Nine digits reach to the year 5188. */
const TIME_DIGITS = 9;
const SEQUENCE_DIGITS = 4;

/**
 * Sorts by time, then by `seq`. `origin` tells writers apart that may decide in the same millisecond; the epoch's
 * revision is a good one.
 */
export const newDecisionId = (nowMs: number, seq: number, origin: number | string = ''): DecisionId => {
  const time = Math.floor(nowMs).toString(36).padStart(TIME_DIGITS, '0');
  const order = seq.toString(36).padStart(SEQUENCE_DIGITS, '0');
  const from = typeof origin === 'number' ? origin.toString(36) : origin;
  return decisionId(from === '' ? `${time}-${order}` : `${time}-${order}-${from}`);
};

/** `keys` oldest first, before the commit; returns those to delete when `added` more are written. */
export const prunable = (keys: readonly string[], added: number): readonly string[] =>
  keys.slice(0, Math.min(Math.max(0, keys.length + added - DECISIONS_KEPT), PRUNED_PER_COMMIT_MAX));
