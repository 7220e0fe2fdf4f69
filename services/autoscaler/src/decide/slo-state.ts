/** What `slo` has learned of a component, for those who look at a level as a whole. */
import type { StandingPlan } from '../plugins/standing-plan.js';
import { own, type ByName } from './by-name.js';
import type { DemandState } from './demand.js';
import type { OutlookState } from './demand-outlook.js';
import type { FairPrice } from './fair-price.js';
import type { HoldState } from './hold-down.js';
import type { InstanceModel } from './instance-model.js';
import type { LateBudget } from './late-budget.js';
import type { PolicyState } from './policy.js';

export type SloState = {
  readonly demand: DemandState;
  readonly outlook: OutlookState;
  readonly budget: LateBudget;
  readonly price: FairPrice;
  readonly model: InstanceModel;
  readonly hold: HoldState;
  /** Instances wanted for a backlog, and until when: starts that were ordered for it are not taken back. */
  readonly extra: { readonly count: number; readonly untilMs: number };
  /** null: none was made by worth. */
  readonly standing: StandingPlan | null;
};

/** By component: its policy's kind and state. */
export type Policies = ByName<{ readonly kind: string; readonly policy: PolicyState }>;

/** null: it has another policy, or none yet. */
export const sloStateOf = (policies: Policies, component: string): SloState | null => {
  const known = own(policies, component);
  return known?.kind === 'slo' ? (known.policy as SloState) : null;
};
