/** What a parent handed down: when it is worth writing. A parent tells it every second; only a change is a fact. */
import type { ObjectiveRecord } from '@mitosis/contracts';

/** Shares follow measurements and move a little all the time; a tenth is no new objective. */
const CHANGE_MIN = 0.1;

const differs = (before: number, after: number): boolean =>
  before === 0 || after === 0 ? before !== after : Math.abs(after - before) / before > CHANGE_MIN;

/** The record to write, or null when what is there still says it. */
export const decideHandedDown = (
  before: ObjectiveRecord | null,
  share: { readonly p95Ms: number; readonly errorRatio: number },
  nowMs: number,
): ObjectiveRecord | null => {
  const same =
    before === null
      ? share.p95Ms === 0 && share.errorRatio === 0
      : !differs(before.p95Ms, share.p95Ms) && !differs(before.errorRatio, share.errorRatio);
  return same ? null : { v: 1, p95Ms: share.p95Ms, errorRatio: share.errorRatio, atMs: nowMs };
};
