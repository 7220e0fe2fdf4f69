import { describe, expect, it } from 'vitest';
import { outlookOf, type OutlookState } from '../decide/demand-outlook.js';
import { outlookAfter } from '../decide/demand-outlook.testing.js';
import type { EndToEnd } from '../decide/observation.js';
import { anObservation } from '../decide/observation.testing.js';
import { outlookFor } from './slo-outlook.js';

const HORIZON_MS = 10_000;

/** Of a component that was asked this much in each of the last seconds. */
const having = (rates: readonly number[]): OutlookState => outlookAfter(rates, HORIZON_MS).outlook;

const steady = (rate: number): OutlookState => having(Array.from({ length: 120 }, () => rate));
/** As much now, but five times as much in every sixth of ten seconds. */
const leaping = (rate: number): OutlookState =>
  having(Array.from({ length: 605 }, (_, second) => (second % 60 < 50 ? rate : 5 * rate)));

const entry = leaping(100);

const called = (visits: number, known = true): EndToEnd => ({
  window: null,
  rejectedRate: 0,
  boundMs: 300,
  percentile: 99,
  visits,
  price: null,
  excused: false,
  forecast: known
    ? { level: entry.level, horizonMs: HORIZON_MS, outlook: outlookOf(entry, HORIZON_MS) }
    : null,
});

const planned = (own: OutlookState, endToEnd: EndToEnd | null, horizonMs = HORIZON_MS, heldBack = 0) =>
  outlookFor(own, anObservation({ endToEnd, heldBack }), horizonMs);

describe('what a tier plans for', () => {
  it('is what may come to the entry, times how often one request calls it', () => {
    const ofEntry = outlookOf(entry, HORIZON_MS);
    const seen = planned(steady(150), called(1.5));
    expect(seen.expected).toBeCloseTo(1.5 * ofEntry.expected);
    expect(seen.atEnd.rates).toEqual(ofEntry.atEnd.rates.map((rate) => 1.5 * rate));
    expect(seen.atEnd.weights).toEqual(ofEntry.atEnd.weights);
    expect(seen.highest.rates.at(-1)).toBeGreaterThan(600);
  });

  it.each([
    ['it is asked much more than those calls', steady(250), called(1.5), HORIZON_MS],
    ['it is asked much less', steady(50), called(1.5), HORIZON_MS],
    ['its instances take another time to start', steady(150), called(1.5), 2 * HORIZON_MS],
    ['nothing is known of the entry', steady(150), called(1.5, false), HORIZON_MS],
    ['it is judged by itself', steady(150), null, HORIZON_MS],
  ] as const)('is by its own forecast where %s', (_, own, endToEnd, horizonMs) => {
    expect(planned(own, endToEnd, horizonMs).atEnd).toEqual(outlookOf(own, horizonMs).atEnd);
  });

  it('is what callers hold up, too, though it is not seen yet', () => {
    expect(planned(steady(50), called(1.5), HORIZON_MS, 100).expected).toBeCloseTo(
      1.5 * outlookOf(entry, HORIZON_MS).expected,
    );
  });
});
