/**
 * What a count of a component would cost its clients, as its policy's model sees it: late requests per second. Only `slo`
 * has such a model; of the others nothing is known, and nothing is made up here.
 */
import type { CombineState } from '../plugins/combine.policy.js';
import { planInput, worthOf } from '../plugins/slo-input.js';
import { forecastDemand } from './demand.js';
import { outlookOf } from './demand-outlook.js';
import { horizonOf } from './horizon.js';
import { capacityOf } from './instance-model.js';
import type { ComponentObservation } from './observation.js';
import type { PolicyState } from './policy.js';
import type { SloState } from './slo-state.js';
import { lateRate } from './worth-plan.js';

export type ExpectedLate = (count: number) => number;

const lateOfSlo = (state: SloState, observation: ComponentObservation): ExpectedLate | null => {
  if (capacityOf(state.model, observation.resources.limits.cpus) === 0) return null;
  const forecast = forecastDemand(state.demand, 0);
  const worth = worthOf(planInput(observation, state.demand, state.model, forecast));
  if (worth === null) return null;
  const { atEnd } = outlookOf(state.outlook, horizonOf(observation));
  return (count) => lateRate(atEnd, count, worth);
};

interface Part {
  readonly kind: string;
  readonly policy: PolicyState;
}

const partsOf = ({ kind, policy }: Part): readonly Part[] =>
  kind === 'combine' ? (policy as CombineState).parts : [{ kind, policy }];

/** Until an instance started now would be ready; null: unknown. */
export const expectedLateOf = (state: Part, observation: ComponentObservation): ExpectedLate | null => {
  const slo = partsOf(state).find(({ kind }) => kind === 'slo');
  return slo === undefined ? null : lateOfSlo(slo.policy as SloState, observation);
};
