/** What `slo` has learned of a component, for those who look at a level as a whole. */
import type { SloState } from '../plugins/slo.policy.js';
import { own, type ByName } from './by-name.js';
import type { PolicyState } from './policy.js';

/** By component: its policy's kind and state. */
export type Policies = ByName<{ readonly kind: string; readonly policy: PolicyState }>;

/** null: it has another policy, or none yet. */
export const sloStateOf = (policies: Policies, component: string): SloState | null => {
  const known = own(policies, component);
  return known?.kind === 'slo' ? (known.policy as SloState) : null;
};
