/** What `slo` has learned of a component, for those who look at a level as a whole. */
import type { SloState } from '../plugins/slo.policy.js';
import type { PolicyState } from './policy.js';

/** By component: its policy's kind and state. */
export interface Policies {
  readonly [component: string]: { readonly kind: string; readonly policy: PolicyState };
}

/** null: it has another policy, or none yet. */
export const sloStateOf = (policies: Policies, component: string): SloState | null => {
  const own = Object.hasOwn(policies, component) ? policies[component] : undefined;
  return own?.kind === 'slo' ? (own.policy as SloState) : null;
};
