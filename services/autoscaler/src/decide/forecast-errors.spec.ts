import { describe, expect, it } from 'vitest';
import { chancesOf, withError, type Errors } from './forecast-errors.js';

/** Loads that may come after silence, with how likely they are, once `loads` came after it again and again. */
const afterSilence = (loads: readonly number[]) => {
  let errors: Errors = [];
  for (let i = 0; i < 400; i += 1) errors = withError(errors, 0, loads[i % loads.length] ?? 0, 5, 1);
  return chancesOf([{ odds: 1, forecast: 0, errors, alike: false }], Infinity, 1);
};

describe('errors of forecasts', () => {
  it.each([40, 700, 5_000, 60_000])('tell how far a silent source leaps: to %i a second', (load) => {
    const { rates, weights } = afterSilence([0, 0, 0, load]);
    const leaps = rates.flatMap((rate, i) => ((weights[i] ?? 0) > 0.1 && rate > 10 ? [rate] : []));
    expect(leaps).toHaveLength(1);
    expect(leaps[0]).toBeGreaterThan(0.8 * load);
    expect(leaps[0]).toBeLessThan(1.25 * load);
  });

  it('tell leaps apart of which one is twice the other', () => {
    const { rates, weights } = afterSilence([0, 0, 3_000, 6_000]);
    const leaps = rates.filter((rate, i) => (weights[i] ?? 0) > 0.1 && rate > 10);
    expect(leaps).toHaveLength(2);
  });
});
