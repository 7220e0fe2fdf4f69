/**
 * The level's budget (`x-mitosis.budget.cost`) over what its policies want, in one decision for all components: prices,
 * what each instance saves, and the words for what was given up. What bounds and people ask for is not touched.
 */
import type { ComponentAdvice } from './level.js';
import { priceOfInstance, type ChildCost, type LevelInput } from './level-input.js';
import { capToBudget, type BudgetItem } from './budget.js';

export interface BudgetWant {
  readonly advice: ComponentAdvice;
  readonly wanted: number;
  readonly current: number;
  /** Not the budget's to take. */
  readonly least: number;
}

/** What a component gets instead of what is wanted of it. */
export interface Cut {
  readonly count: number;
  readonly reason: string;
}

export interface BudgetStatus {
  readonly perHour: number;
  readonly wantedPerHour: number;
  readonly costPerHour: number;
  /** Of it, the child levels at the latencies they have to hold. */
  readonly childrenPerHour: number;
  /** Bounds and counts set by hand alone cost more. */
  readonly overdrawn: boolean;
  readonly gaveUp: readonly { readonly component: string; readonly wanted: number; readonly count: number }[];
}

export interface BudgetDecision {
  readonly cuts: ReadonlyMap<string, Cut>;
  readonly status: BudgetStatus;
}

/** On the curve the child handed up, between its points; at its ends where the share lies outside. */
const costOfChild = ({ p95Ms, points }: ChildCost): number => {
  const sorted = points.toSorted((a, b) => a.p95Ms - b.p95Ms);
  const after = sorted.findIndex((point) => point.p95Ms >= p95Ms);
  const high = after < 0 ? sorted.at(-1) : sorted[after];
  const low = after <= 0 ? high : sorted[after - 1];
  if (high === undefined || low === undefined) return 0;
  const width = high.p95Ms - low.p95Ms;
  const part = width <= 0 ? 0 : Math.max(0, Math.min(1, (p95Ms - low.p95Ms) / width));
  return low.costPerHour + part * (high.costPerHour - low.costPerHour);
};

const rateOf = ({ observation }: ComponentAdvice): number => observation.requests?.last10?.rate ?? 0;

/** Without a model, what is taken of the wanted is taken for late in proportion: the more is asked of it the later it gives. */
const lateOf = ({ advice, wanted }: BudgetWant): BudgetItem['late'] => {
  const known = advice.expectedLate();
  if (known !== null) return known;
  const rate = Math.max(1, rateOf(advice));
  return (count) => rate * Math.max(0, 1 - count / Math.max(1, wanted));
};

const money = (perHour: number): string => `${perHour.toFixed(2)}/h`;

const shareText = (late: number, rate: number): string =>
  `${((100 * Math.min(late, rate)) / Math.max(rate, 1e-9)).toFixed(1)} %`;

const effectOf = (want: BudgetWant, count: number): string => {
  const late = want.advice.expectedLate();
  const rate = rateOf(want.advice);
  return late === null || rate <= 0
    ? 'what that does to latency is not known'
    : `${shareText(late(count), rate)} late expected, with ${want.wanted} ${shareText(late(want.wanted), rate)}`;
};

/** null: there is no budget, or nothing has a price. */
export const decideBudget = (input: LevelInput, wants: readonly BudgetWant[]): BudgetDecision | null => {
  const perHour = input.typeGraph.budgetPerHour;
  const pricePerCpuHour = input.pricePerCpuHour ?? 0;
  const children = [...(input.children?.values() ?? [])];
  const childrenPerHour = children.reduce((sum, child) => sum + costOfChild(child), 0);
  if (perHour === null || (pricePerCpuHour <= 0 && childrenPerHour <= 0)) return null;
  const items = wants.map((want): BudgetItem => {
    let late: BudgetItem['late'] | undefined;
    return {
      component: want.advice.component.name,
      wanted: want.wanted,
      least: Math.min(want.least, want.wanted),
      current: want.current,
      price: priceOfInstance(want.advice.observation, pricePerCpuHour),
      // Asked for only while too much is wanted.
      late: (count) => (late ??= lateOf(want))(count),
    };
  });
  const plan = capToBudget(items, perHour, childrenPerHour);
  const over = plan.overdrawn ? `, of which ${money(plan.cost)} are bounds and counts set by hand` : '';
  const cuts = new Map<string, Cut>();
  for (const want of wants) {
    const { name } = want.advice.component;
    const count = plan.counts.get(name) ?? want.wanted;
    if (count >= want.wanted) continue;
    const reason = `${count} of ${want.wanted} are within the budget of ${money(perHour)}, ${money(plan.wantedCost)} are wanted${over}: ${effectOf(want, count)}`;
    cuts.set(name, { count, reason });
  }
  return {
    cuts,
    status: {
      perHour,
      wantedPerHour: plan.wantedCost,
      costPerHour: plan.cost,
      childrenPerHour,
      overdrawn: plan.overdrawn,
      gaveUp: wants.flatMap(({ advice: { component }, wanted }) => {
        const cut = cuts.get(component.name);
        return cut === undefined ? [] : [{ component: component.name, wanted, count: cut.count }];
      }),
    },
  };
};
