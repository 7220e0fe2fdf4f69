/** The whole level as if it were one component: what its parent gets, of a size that does not grow with the level. */
import type { monitor } from '@mitosis/contracts';
import { isFresh } from './samples.js';
import type { ChildSummary } from './snapshot.js';

/** What an instance of a component holds and what that costs. */
export interface InstancePrice {
  readonly component: string;
  /** Cores reserved or allowed; 0: not said, then what it uses counts. */
  readonly cpus: number;
  readonly pricePerCpuHour: number;
}

export interface SummaryInput {
  readonly snapshot: monitor.LevelSnapshot;
  /** Component clients reach; null: none. */
  readonly entry: string | null;
  /** Application instances that run. */
  readonly instances: readonly InstancePrice[];
  readonly children: readonly ChildSummary[];
}

/**
 * `known` when the entry's requests are; resources are sums over all components, children included as components of this
 * level. `costPerHour` is that of the application's instances, the children's included.
 */
export const decideSummary = ({
  snapshot,
  entry,
  instances,
  ...input
}: SummaryInput): monitor.LevelSummary => {
  const children = input.children
    .filter((child) => isFresh(child, snapshot.atMs))
    .map(({ summary }) => summary);
  const component = snapshot.components.find(({ component }) => component === entry);
  const sum = (value: (snapshot: monitor.ComponentSnapshot) => number): number =>
    snapshot.components.reduce((total, one) => total + value(one), 0);
  return {
    level: snapshot.level,
    atMs: snapshot.atMs,
    known: component?.last10?.known ?? false,
    entry: component === undefined ? undefined : { ...component, targets: [] },
    cpuCores: sum(({ cpuCores }) => cpuCores),
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    instances: instances.length + children.reduce((total, child) => total + child.instances, 0),
    costPerHour:
      costPerHour(snapshot, instances) + children.reduce((total, child) => total + child.costPerHour, 0),
  };
};

const costPerHour = (snapshot: monitor.LevelSnapshot, instances: readonly InstancePrice[]): number => {
  const used = new Map(
    snapshot.components.map((one) => [
      one.component,
      one.instancesSeen === 0 ? 0 : one.cpuCores / one.instancesSeen,
    ]),
  );
  return instances.reduce(
    (total, { component, cpus, pricePerCpuHour }) =>
      total + (cpus > 0 ? cpus : (used.get(component) ?? 0)) * pricePerCpuHour,
    0,
  );
};
