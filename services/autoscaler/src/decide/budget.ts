/**
 * What a level may cost per hour, and what is given up where more is wanted: the instance that saves the fewest late
 * requests for its money goes first. Pure arithmetic on what each component wants. Must never go below what a component
 * must have, and must say so when that alone costs more than the budget.
 */

export interface BudgetItem {
  readonly component: string;
  /** What is wanted of it; at least `least`. */
  readonly wanted: number;
  /** Bounds, what was set by hand, an instance that waits to be the first: not the budget's to take. */
  readonly least: number;
  /** In force now. */
  readonly current: number;
  /** Per instance and hour. */
  readonly price: number;
  /** Late requests per second expected with so many. */
  readonly late: (count: number) => number;
}

export interface BudgetPlan {
  /** By component; as wanted where nothing had to be given up. */
  readonly counts: ReadonlyMap<string, number>;
  readonly wantedCost: number;
  readonly cost: number;
  /** What must be there alone costs more. */
  readonly overdrawn: boolean;
}

/** An instance that is there is worth this much more than one still to be started: else two of equal worth change places for ever. */
const INCUMBENT = 1.25;
/** Of a cent: sums of prices are no exact numbers. */
const ROUNDING = 1e-9;

interface Candidate {
  readonly item: BudgetItem;
  count: number;
  /** Late requests more per unit of money, if its last instance went; Infinity: it may not go. */
  hurt: number;
}

const hurtOf = (item: BudgetItem, count: number): number => {
  if (count <= item.least || item.price <= 0) return Infinity;
  const more = Math.max(0, item.late(count - 1) - item.late(count));
  return ((count <= item.current ? INCUMBENT : 1) * more) / item.price;
};

/** Of equals the one with more to lose: what two components need alike, each gets half of. */
const isBefore = (a: Candidate, b: Candidate): boolean =>
  a.hurt < b.hurt || (a.hurt === b.hurt && a.count - a.item.least > b.count - b.item.least);

/**
 * The order in which instances go does not depend on the budget, so that with a larger one no component ever gets fewer.
 * `spent`: what is not for this level to decide, its children's cost.
 */
export const capToBudget = (
  items: readonly BudgetItem[],
  budgetPerHour: number,
  spent: number,
): BudgetPlan => {
  const costOf = (count: (item: BudgetItem) => number): number =>
    items.reduce((sum, item) => sum + count(item) * item.price, spent);
  const wantedCost = costOf(({ wanted }) => wanted);
  if (wantedCost <= budgetPerHour + ROUNDING) {
    const counts = new Map(items.map(({ component, wanted }) => [component, wanted]));
    return { counts, wantedCost, cost: wantedCost, overdrawn: false };
  }
  const open = items.map((item): Candidate => ({
    item,
    count: item.wanted,
    hurt: hurtOf(item, item.wanted),
  }));
  let cost = wantedCost;
  while (cost > budgetPerHour + ROUNDING) {
    let next: Candidate | undefined;
    for (const candidate of open) {
      if (candidate.hurt === Infinity) continue;
      if (next === undefined || isBefore(candidate, next)) next = candidate;
    }
    if (next === undefined) break;
    next.count -= 1;
    next.hurt = hurtOf(next.item, next.count);
    cost -= next.item.price;
  }
  return {
    counts: new Map(open.map(({ item, count }) => [item.component, count])),
    wantedCost,
    cost,
    overdrawn: cost > budgetPerHour + ROUNDING,
  };
};
