/**
 * The level as the autoscaler sees it at one moment, and its translation into one observation per component. Plain data:
 * in production an adapter fills it from etcd and the monitor, in a simulation the simulated level does.
 */
import type {
  CeilingRecord,
  Component,
  EndpointsRecord,
  InstanceRecord,
  ObjectiveRecord,
  OverrideRecord,
  TargetRecord,
  TypeGraph,
} from '@mitosis/contracts';
import { own } from './by-name.js';
import type { ComponentObservation, ExternalAnswer, RequestMetrics, ResourceMetrics } from './observation.js';
import { perKey } from './per-key.js';

export interface ComponentMetrics {
  readonly requests: RequestMetrics;
  readonly usage: ResourceMetrics | null;
}

export interface CostPoint {
  readonly p95Ms: number;
  readonly instances: number;
  readonly costPerHour: number;
}

/** What a child level last said that latencies would cost it, and which one it was asked to hold then. */
export interface ChildCost {
  readonly p95Ms: number;
  readonly points: readonly CostPoint[];
}

export interface LevelInput {
  readonly nowMs: number;
  readonly generation: number;
  readonly typeGraph: TypeGraph;
  /** The share the parent handed down; null: none. */
  readonly handedDown: ObjectiveRecord | null;
  readonly targets: ReadonlyMap<string, TargetRecord>;
  readonly overrides: ReadonlyMap<string, OverrideRecord>;
  /** What other services hold scale-out at; absent where there are none. */
  readonly ceilings?: readonly CeilingRecord[];
  readonly instances: readonly InstanceRecord[];
  readonly endpoints: ReadonlyMap<string, EndpointsRecord>;
  /** By component; null: the monitor is silent or its data is stale. */
  readonly metrics: ReadonlyMap<string, ComponentMetrics> | null;
  /** The counts are those of a system that somebody else scales: advice is all there is to give. Absent: they are ours. */
  readonly foreign?: boolean;
  /** Answers of external policies, by component and address; absent where nobody asks any. */
  readonly external?: ReadonlyMap<string, Readonly<Record<string, ExternalAnswer>>>;
  /** Mean over the level's sites; absent or 0: nothing has a price. */
  readonly pricePerCpuHour?: number;
  /** By component; absent: no child level has said anything. */
  readonly children?: ReadonlyMap<string, ChildCost>;
}

/** Components the autoscaler sets a target for. */
export const isScaled = (component: Component): boolean => component.kind === 'service' && !component.runOnce;

export const scaledComponents = perKey((typeGraph: TypeGraph): readonly Component[] =>
  Object.values(typeGraph.components).filter(isScaled),
);

export const componentOf = (typeGraph: TypeGraph, name: string): Component | undefined =>
  own(typeGraph.components, name);

/** Processors an instance is paid for: its limit, else what is reserved for it, else what it is seen to use. */
export const cpusOfInstance = ({ resources, usage }: ComponentObservation): number =>
  resources.limits.cpus ||
  resources.reservations.cpus ||
  (usage === null ? 0 : usage.cpuCores / Math.max(1, usage.instancesSeen));

export const priceOfInstance = (observation: ComponentObservation, pricePerCpuHour: number): number =>
  cpusOfInstance(observation) * pricePerCpuHour;
