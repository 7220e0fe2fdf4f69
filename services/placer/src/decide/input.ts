/** What a decision of the placer is made from. An agent that has not answered has unknown capacity, which is not zero. */
import type {
  Epoch,
  InstanceRecord,
  PlacementRecord,
  SiteId,
  SiteRecord,
  SpecRecord,
  TargetRecord,
} from '@mitosis/contracts';

export interface Versioned<T> {
  readonly value: T;
  readonly modRevision: number;
}
export type Versions<T> = ReadonlyMap<string, Versioned<T>>;

/** What a host's agent says of it. */
export interface HostCapacity {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** What it said of its Docker engine last; undefined: nothing. */
  readonly engine?: EngineState | undefined;
  /** Since when calls of its agent have failed in a row; null: the last one was answered. */
  readonly silentSinceMs: number | null;
}

export interface EngineState {
  readonly usable: boolean;
  readonly detail: string;
  /** When `usable` last changed, by the clock of its host. */
  readonly forMs: number;
}

/** What the parent lets this level use of a site. */
export interface Budget {
  readonly site: SiteId;
  readonly driver: 'process' | 'docker';
  readonly agent: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly zone: string;
  readonly pricePerCpuHour: number;
}

/** What child levels use of a site, as their placers tell. */
export interface Use {
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface PlacerInput {
  readonly nowMs: number;
  readonly epoch: Epoch;
  /** Uniform in [0, 1); chooses ids of decisions. */
  readonly random: () => number;
  /** The site this process runs on; its agent's address is empty when there is none. */
  readonly own: { readonly site: SiteId; readonly agent: string };
  readonly spec: Versioned<SpecRecord> | undefined;
  readonly targets: Versions<TargetRecord>;
  readonly sites: Versions<SiteRecord>;
  readonly placements: Versions<PlacementRecord>;
  readonly instances: Versions<InstanceRecord>;
  /** Null: the parent has not said, or there is none. */
  readonly budget: readonly Budget[] | null;
  /** By address of the agent. */
  readonly hosts: ReadonlyMap<string, HostCapacity>;
  readonly childUse: ReadonlyMap<SiteId, Use>;
}
