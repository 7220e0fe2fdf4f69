/**
 * What a standby decides for practice: the answer to the loss of one instance, first with the loss not yet recorded, then
 * with it recorded. Its successor's first decision is made when somebody waits for it, and code that has never run is ten
 * times as slow. Must never be committed or carried out: what it supposes has not happened.
 */
import { PREFIXES, type InstanceId, type InstanceRecord } from '@mitosis/contracts';
import { decideHealth } from './decide-health.js';
import type { HealthInput, SiteObservation, Versioned } from './input.js';
import type { HealthPlan } from './plan.js';

/** The plans before and after the changes of the first are recorded; none: nothing runs whose loss could be supposed. */
export const drill = (input: HealthInput): readonly HealthPlan[] => {
  const supposed = withLoss(input);
  if (supposed === undefined) return [];
  const first = decideHealth(supposed);
  return [first, decideHealth(recorded(supposed, first))];
};

/** The first instance of the application that is ready, as if its agent had just seen it end. */
const withLoss = (input: HealthInput): HealthInput | undefined => {
  for (const { value } of input.instances.values()) {
    if (value.phase !== 'ready' || value.class !== 'application') continue;
    const observation = input.agents.get(value.site);
    const status = observation?.statuses.get(value.id);
    if (observation?.synced !== true || status === undefined) continue;
    const statuses = new Map(observation.statuses);
    statuses.set(value.id, { ...status, state: 'exited', exitKnown: true, exitCode: 137 });
    const agents = new Map(input.agents).set(value.site, {
      ...observation,
      statuses,
    } satisfies SiteObservation);
    return { ...input, agents };
  }
  return undefined;
};

const recorded = (input: HealthInput, { changes }: HealthPlan): HealthInput => {
  const instances = new Map<string, Versioned<InstanceRecord>>(input.instances);
  for (const write of changes.flatMap(({ writes }) => writes)) {
    if (!write.key.startsWith(PREFIXES.instances)) continue;
    const id = write.key.slice(PREFIXES.instances.length) as InstanceId;
    if (write.kind === 'delete') instances.delete(id);
    else instances.set(id, { value: write.value as InstanceRecord, modRevision: 1 });
  }
  return { ...input, instances };
};
