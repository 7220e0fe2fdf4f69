/**
 * What a decision of health is made from: plain readonly data, the clock and the randomness among it. Whatever could not
 * be read is `undefined` or `synced: false`, never an empty value: the two are different facts.
 */
import type {
  agent,
  BirthRecord,
  ChildRecord,
  EndpointsRecord,
  EtcdMember,
  EtcdMembersRecord,
  Epoch,
  InstanceId,
  InstanceRecord,
  LevelId,
  ListenersRecord,
  PlacementRecord,
  Release,
  ReplicaId,
  RolloutRecord,
  SiteId,
  SiteRecord,
  SpecRecord,
  TargetRecord,
} from '@mitosis/contracts';

/** A record and the revision it was seen at; a change made because of it compares this revision. */
export interface Versioned<T> {
  readonly value: T;
  readonly modRevision: number;
}

export type Versions<T> = ReadonlyMap<string, Versioned<T>>;

/** What a site's agent reports of this level. */
export interface SiteObservation {
  /** False while the stream is down or has not told everything: then nothing here may be read as absence. */
  readonly synced: boolean;
  /** The address instances of this host are reached at; empty until the agent said hello. */
  readonly host: string;
  readonly statuses: ReadonlyMap<InstanceId, agent.InstanceStatus>;
  /** Since when nothing was heard of it; absent while it is in sync. */
  readonly silentSinceMs?: number;
}

/** One router replica as discovered. */
export interface RouterObservation {
  readonly replica: ReplicaId;
  /** Revision its table includes; null: it has not acknowledged anything yet. */
  readonly ackRevision: number | null;
  readonly busy: ReadonlySet<InstanceId>;
  /** When its lease was seen to have ended; null while it lives. */
  readonly leaseEndedAtMs: number | null;
}

/** A child level as its own health leader tells. */
export interface ChildObservation {
  readonly state: string;
  readonly reason: string;
  readonly ready: boolean;
  /** The child's composer says that nothing is left to drain or stop. */
  readonly disposed: boolean;
  readonly atMs: number;
}

/** What acts of this session have brought so far; empty after a change of leader, which only means doing them again. */
export interface ActOutcomes {
  /** Ids for which the agent answered that they are gone and will never come again. */
  readonly stopped: ReadonlySet<InstanceId>;
  /** Ids the agent refuses for good (tombstone, impossible description), with its words. */
  readonly refused: ReadonlyMap<InstanceId, string>;
  /** Sockets held per site, as the agent answered. */
  readonly listeners: ReadonlyMap<SiteId, readonly agent.Listener[]>;
  /** Published sockets that were released, by `releaseKey`. */
  readonly released: ReadonlySet<string>;
  /** Sites whose agent is to be asked once more for what it could not bind. */
  readonly listenAgain: ReadonlySet<SiteId>;
  /** `<component>@<incarnation>` of births that were answered. */
  readonly born: ReadonlySet<string>;
  readonly purged: ReadonlySet<string>;
}

export interface ManagementSettings {
  /** Null when this process was started by hand: then it starts no management. */
  readonly release: Release | null;
  /** Comma-separated etcd client URLs of this level. */
  readonly etcd: string;
  readonly leaseTtlMs: number;
}

export interface HealthInput {
  readonly nowMs: number;
  readonly level: LevelId;
  /** The replica that decides. */
  readonly self: ReplicaId;
  readonly epoch: Epoch;
  /** Uniform in [0, 1); chooses ids. */
  readonly random: () => number;
  readonly management: ManagementSettings;
  /** Undefined: none yet. */
  readonly spec: Versioned<SpecRecord> | undefined;
  readonly targets: Versions<TargetRecord>;
  readonly placements: Versions<PlacementRecord>;
  readonly sites: Versions<SiteRecord>;
  readonly instances: Versions<InstanceRecord>;
  readonly rollouts: Versions<RolloutRecord>;
  readonly endpoints: Versions<EndpointsRecord>;
  readonly listeners: Versions<ListenersRecord>;
  readonly children: Versions<ChildRecord>;
  readonly births: Versions<BirthRecord>;
  readonly agents: ReadonlyMap<SiteId, SiteObservation>;
  readonly routers: readonly RouterObservation[];
  readonly childHealth: ReadonlyMap<string, ChildObservation>;
  readonly outcomes: ActOutcomes;
  /** Members of the level's etcd as it tells itself; absent: not known (yet), and nothing is concluded. */
  readonly etcdMembers?: readonly EtcdMember[] | undefined;
  /** `etcd/members`; undefined: none yet. */
  readonly etcdRecord?: Versioned<EtcdMembersRecord> | undefined;
}
