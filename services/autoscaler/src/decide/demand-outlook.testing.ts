/** An outlook that has seen loads, one a second, for tests. */
import { EMPTY_DEMAND, observeDemand } from './demand.js';
import { EMPTY_OUTLOOK, observeOutlook, type LoadScale, type OutlookState } from './demand-outlook.js';

const BEGIN_MS = 1_000_000;

/** Of components whose requests take much less than a second. */
export const USUAL_SCALE: LoadScale = { unit: 1, averageS: 15 };

export interface SeenOutlook {
  readonly outlook: OutlookState;
  /** The level after each load, by when it came. */
  readonly levels: ReadonlyMap<number, number>;
}

export const outlookAfter = (
  rates: readonly number[],
  horizonMs: number,
  scale = USUAL_SCALE,
): SeenOutlook => {
  let demand = EMPTY_DEMAND;
  let outlook = EMPTY_OUTLOOK;
  const levels = new Map<number, number>();
  rates.forEach((completed, second) => {
    const nowMs = BEGIN_MS + second * 1_000;
    demand = observeDemand(demand, { nowMs, completed, seconds: 1, inside: 0 });
    outlook = observeOutlook(outlook, demand, horizonMs, scale);
    levels.set(nowMs, outlook.level);
  });
  return { outlook, levels };
};
