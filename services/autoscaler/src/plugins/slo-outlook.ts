/**
 * By whose forecast a component plans: in a chain all tiers by that of the entry, so that all are ready for the same load.
 * Each by its own would have another headroom, and the least of them is what the chain has. By its own where what comes
 * to it is not what comes to the entry, or where an instance takes another time to start.
 */
import type { Chances } from '../decide/chances.js';
import { outlookOf, type Outlook, type OutlookState } from '../decide/demand-outlook.js';
import type { ComponentObservation } from '../decide/observation.js';

/** Errors of a forecast are those of its horizon: one that differs by more than this share is another one. */
const HORIZON_NEAR = 0.25;
/** What comes may be this many times what the entry's calls are known to bring, and some chance more or less. */
const LEAST = 0.6;
const MOST = 1.25;
const CHANCE = 5;

const scaled = ({ rates, weights }: Chances, visits: number): Chances => ({
  rates: rates.map((rate) => rate * visits),
  weights,
});

class ScaledOutlook implements Outlook {
  readonly expected: number;

  constructor(
    private readonly outlook: Outlook,
    private readonly visits: number,
  ) {
    this.expected = visits * outlook.expected;
  }

  get atEnd(): Chances {
    return scaled(this.outlook.atEnd, this.visits);
  }

  get highest(): Chances {
    return scaled(this.outlook.highest, this.visits);
  }
}

export const outlookFor = (
  own: OutlookState,
  { endToEnd, heldBack }: ComponentObservation,
  horizonMs: number,
): Outlook => {
  if (endToEnd === null || endToEnd.forecast === null) return outlookOf(own, horizonMs);
  const { visits, forecast } = endToEnd;
  const called = visits * forecast.level;
  const isNear = Math.abs(forecast.horizonMs - horizonMs) <= HORIZON_NEAR * horizonMs;
  // What callers hold up is on its way here, and not yet seen.
  const isLess = own.level + CHANCE < LEAST * called && heldBack === 0;
  if (!isNear || isLess || own.level > MOST * called + CHANCE) return outlookOf(own, horizonMs);
  return new ScaledOutlook(forecast.outlook, visits);
};
