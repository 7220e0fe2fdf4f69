import { describe, expect, it } from 'vitest';
import { gainOver, isGap } from './cadence.js';
import { EMPTY_DEMAND, observeDemand } from './demand.js';
import { EMPTY_OUTLOOK, observeOutlook, outlookOf, type Outlook } from './demand-outlook.js';
import { USUAL_SCALE } from './demand-outlook.testing.js';
import { meanOf } from './chances.js';

describe(gainOver.name, () => {
  it('comes to the same whether it is done each second or once for all of them', () => {
    let each = 0;
    for (let i = 0; i < 30; i += 1) each += gainOver(0.05, 1) * (1 - each);
    expect(gainOver(0.05, 30)).toBeCloseTo(each, 12);
  });
});

describe(isGap.name, () => {
  it('is where more time passed than the sample speaks for', () => {
    expect(isGap(10_000, 15_000, 1)).toBe(false);
    expect(isGap(10_000, 15_001, 1)).toBe(true);
    expect(isGap(10_000, 40_000, 30)).toBe(false);
    expect(isGap(10_000, 60_000, 30)).toBe(true);
    expect(isGap(0, 1_000, 30)).toBe(true);
  });
});

const HORIZON_MS = 60_000;

/** Looked at every `seconds`, with the mean of them: two hours that go up and down by a fifth within 40 minutes. */
const outlookAfter = (seconds: number): { readonly outlook: Outlook; readonly level: number } => {
  const rateAt = (second: number): number => 200 * (1 + 0.2 * Math.sin((2 * Math.PI * second) / 2_400));
  let demand = EMPTY_DEMAND;
  let outlook = EMPTY_OUTLOOK;
  for (let second = seconds; second <= 7_200; second += seconds) {
    const nowMs = 1_000_000 + second * 1_000;
    const completed = rateAt(second - seconds / 2);
    demand = observeDemand(demand, { nowMs, completed, inside: 10, seconds });
    outlook = observeOutlook(outlook, demand, HORIZON_MS, USUAL_SCALE);
  }
  return { outlook: outlookOf(outlook, HORIZON_MS), level: outlook.level };
};

describe('what may be asked', () => {
  it.each([5, 10, 30])('is thought the same of where it is looked every %i s', (seconds) => {
    const [each, seldom] = [outlookAfter(1), outlookAfter(seconds)];
    expect(Math.abs(seldom.level / each.level - 1)).toBeLessThan(0.03);
    expect(Math.abs(meanOf(seldom.outlook.atEnd) / meanOf(each.outlook.atEnd) - 1)).toBeLessThan(0.05);
    const highest = ({ outlook }: typeof each): number => meanOf(outlook.highest);
    expect(Math.abs(highest(seldom) / highest(each) - 1)).toBeLessThan(0.05);
  });

  it('follows a leap at once that it sees in a sample of many seconds', () => {
    let demand = EMPTY_DEMAND;
    let outlook = EMPTY_OUTLOOK;
    for (let i = 1; i <= 20; i += 1) {
      const completed = i < 20 ? 100 : 180;
      demand = observeDemand(demand, { nowMs: i * 10_000, completed, inside: 5, seconds: 10 });
      outlook = observeOutlook(outlook, demand, HORIZON_MS, USUAL_SCALE);
    }
    expect(outlook.level).toBe(180);
  });
});
