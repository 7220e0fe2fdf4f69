import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capToBudget, type BudgetItem } from './budget.js';

const item = (overrides: Partial<BudgetItem> = {}): BudgetItem => ({
  component: 'web',
  wanted: 5,
  least: 1,
  current: 5,
  price: 1,
  late: (count) => 100 / (1 + count),
  ...overrides,
});

const anyItems = fc
  .array(
    fc.record({
      least: fc.integer({ min: 0, max: 4 }),
      more: fc.integer({ min: 0, max: 30 }),
      current: fc.integer({ min: 0, max: 30 }),
      price: fc.double({ min: 0, max: 3, noNaN: true }),
      load: fc.double({ min: 0, max: 500, noNaN: true }),
      knee: fc.integer({ min: 1, max: 30 }),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all.map(({ least, more, current, price, load, knee }, i): BudgetItem => ({
      component: `c${i}`,
      wanted: least + more,
      least,
      current,
      price,
      late: (count) => load * Math.max(0, 1 - count / knee),
    })),
  );

const costOf = (items: readonly BudgetItem[], counts: ReadonlyMap<string, number>): number =>
  items.reduce((sum, { component, price }) => sum + price * (counts.get(component) ?? 0), 0);

describe(capToBudget, () => {
  it('gives all that is wanted while it fits', () => {
    const plan = capToBudget([item()], 5, 0);
    expect(plan).toMatchObject({ wantedCost: 5, cost: 5, overdrawn: false });
    expect(plan.counts.get('web')).toBe(5);
  });

  it('takes first what saves the fewest late requests for its money', () => {
    const dear = item({ component: 'dear', price: 4, late: (count) => 40 / (1 + count) });
    const cheap = item({ component: 'cheap', late: (count) => 40 / (1 + count) });
    const { counts, cost } = capToBudget([dear, cheap], 14, 0);
    expect(Object.fromEntries(counts)).toEqual({ dear: 2, cheap: 5 });
    expect(cost).toBe(13);
  });

  it('leaves what there is alone where another of equal worth would have to be started for it', () => {
    const late = (count: number): number => Math.max(0, 40 - 10 * count);
    const there = item({ component: 'there', wanted: 3, current: 3, late });
    const new_ = item({ component: 'new', wanted: 3, current: 1, late });
    expect(Object.fromEntries(capToBudget([new_, there], 4, 0).counts)).toEqual({ there: 3, new: 1 });
  });

  it("counts what is not this level's to decide", () => {
    expect(capToBudget([item()], 5, 2).counts.get('web')).toBe(3);
  });

  it('says when what must be there costs more than the budget', () => {
    const plan = capToBudget([item({ least: 3 })], 2, 0);
    expect(plan).toMatchObject({ overdrawn: true, cost: 3 });
    expect(plan.counts.get('web')).toBe(3);
  });

  it('never costs more than the budget unless the least alone does, never goes below the least nor above what is wanted', () => {
    fc.assert(
      fc.property(
        anyItems,
        fc.double({ min: 0, max: 200, noNaN: true }),
        fc.double({ min: 0, max: 20, noNaN: true }),
        (items, budget, spent) => {
          const plan = capToBudget(items, budget, spent);
          const floor = items.reduce((sum, { least, price }) => sum + least * price, spent);
          const cost = spent + costOf(items, plan.counts);
          expect(plan.cost).toBeCloseTo(cost, 6);
          if (plan.overdrawn) expect(cost).toBeCloseTo(floor, 6);
          else expect(cost).toBeLessThanOrEqual(budget + 1e-6);
          for (const { component, least, wanted } of items) {
            expect(plan.counts.get(component)).toBeGreaterThanOrEqual(least);
            expect(plan.counts.get(component)).toBeLessThanOrEqual(wanted);
          }
        },
      ),
    );
  });

  it('gives no component fewer when the budget is larger', () => {
    fc.assert(
      fc.property(
        anyItems,
        fc.double({ min: 0, max: 200, noNaN: true }),
        fc.double({ min: 0, max: 50, noNaN: true }),
        (items, budget, more) => {
          const small = capToBudget(items, budget, 0).counts;
          const large = capToBudget(items, budget + more, 0).counts;
          for (const { component } of items)
            expect(large.get(component)).toBeGreaterThanOrEqual(small.get(component) ?? 0);
        },
      ),
    );
  });
});
