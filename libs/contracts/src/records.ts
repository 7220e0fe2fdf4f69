/**
 * What lies in a level's etcd: one type per key family. Each family has one writing function (ARCHITECTURE.md,
 * "one writer per fact"); only its leader writes, fenced. Values are JSON with a version `v`.
 */
import type { Epoch } from './generated/mitosis/v1/common.js';
import type { FunctionName } from './functions.js';
import type { ComponentName, DecisionId, InstanceId, LevelId, ReplicaId, SiteId } from './ids.js';
import type { Component, InstanceSize, TypeGraph } from './type-graph.js';

/** `spec/current` — composer */
export interface SpecRecord {
  readonly v: 1;
  readonly generation: number;
  readonly phase: 'operating' | 'disposing' | 'disposed';
  readonly typeGraph: TypeGraph;
  readonly appliedAtMs: number;
}

/** `spec/overrides/<component>` — composer */
export interface OverrideRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly count: number;
  /** 0: until removed. */
  readonly expiresAtMs: number;
  readonly reason: string;
}

/** `bindings/<component>` — composer. Weights sum to 1; the active alternative has the largest. */
export interface BindingRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly active: string;
  readonly split: readonly BindingTarget[];
  /** Cheaper alternatives that are passed over only because none of their instances was ready. */
  readonly absent?: readonly string[];
  readonly sinceMs: number;
  readonly reason: string;
  readonly decision: DecisionId;
}

export interface BindingTarget {
  /** Name of the alternative. */
  readonly alternative: string;
  readonly target:
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'component'; readonly component: ComponentName };
  readonly weight: number;
}

/** `children/<component>` — composer. Health births what is wanted here; the incarnation only rises. */
export interface ChildRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly level: LevelId;
  readonly incarnation: number;
  readonly wanted: 'operating' | 'disposed';
  /** gRPC addresses at which the child's managers were last seen; the parent dials these. */
  readonly managers: readonly string[];
  /** Generation of the parent's spec the child's type graph was last applied from; 0: not yet. */
  readonly appliedDigest: string;
}

/** `targets/<component>` — autoscaler */
export interface TargetRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly count: number;
  readonly generation: number;
  readonly atMs: number;
  readonly reason: string;
  readonly decision: DecisionId;
}

/**
 * `sizes/<component>` — autoscaler: limits of one instance, learned from use. The composer puts them in force in the spec,
 * where health sees another version and rolls it; they hold for as long as the composition says what it said then.
 */
export interface SizeRecord extends InstanceSize {
  readonly v: 1;
  readonly component: ComponentName;
  /** Limits the composition itself said. */
  readonly of: InstanceSize;
  readonly atMs: number;
  readonly reason: string;
  readonly decision: DecisionId;
}

/** `objective/level` — autoscaler: the share the parent handed down. */
export interface ObjectiveRecord {
  readonly v: 1;
  readonly p95Ms: number;
  readonly errorRatio: number;
  readonly atMs: number;
}

/**
 * `ceilings/<function>` — that function, any but the autoscaler: how far components may be scaled out now. The autoscaler
 * raises no target above the lowest one in force. It lowers none because of it, and bounds, overrides and the first instance
 * of a component at zero go before it: a ceiling costs latency, never availability.
 */
export interface CeilingRecord {
  readonly v: 1;
  readonly function: FunctionName;
  /** By component; one that is not named is not held. */
  readonly counts: Readonly<Record<string, number>>;
  /** One sentence, repeated in the autoscaler's decisions. */
  readonly reason: string;
  /** Void from then on: whoever wants it to last writes it again, so that it ends with its writer. */
  readonly expiresAtMs: number;
  readonly decision: DecisionId;
}

/** `sites/<site>` — placer */
export interface SiteRecord {
  readonly v: 1;
  readonly site: SiteId;
  readonly driver: 'process' | 'docker';
  readonly agent: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly zone: string;
  readonly pricePerCpuHour: number;
  /** Why nothing new is placed there; absent: nothing is wrong. */
  readonly trouble?: SiteTrouble;
}

/**
 * `closed`: the agent says that its engine does not answer; what runs there goes on and is kept. `lost`: the agent has been
 * silent for longer than is waited for; its instances are replaced elsewhere, and end by committed decisions when it is back.
 */
export interface SiteTrouble {
  readonly kind: 'closed' | 'lost';
  readonly sinceMs: number;
  readonly reason: string;
}

/** `placements/<component>` — placer; answers the target with this modification revision. */
export interface PlacementRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly targetRevision: number;
  /** How many instances on each site; sums to the target's count when everything fits. */
  readonly counts: Readonly<Record<string, number>>;
  readonly unplaced: number;
  readonly reason: string;
  readonly decision: DecisionId;
}

export type InstancePhase =
  /** committed; the agent is being told, or has been */
  | 'starting'
  /** the process runs, not yet healthy */
  | 'running'
  /** healthy: in the endpoints */
  | 'ready'
  /** out of the endpoints; waiting for the routers' acknowledgements */
  | 'draining'
  /** drained: the agent may stop it (irreversible) */
  | 'stopping'
  /** a run-once instance that ended with 0 */
  | 'completed'
  /** ended or never came up; kept while its back-off and its place in the record matter */
  | 'failed';

/** `instances/<id>` — health */
export interface InstanceRecord {
  readonly v: 1;
  readonly id: InstanceId;
  readonly component: ComponentName;
  readonly class: 'application' | 'management';
  readonly version: string;
  readonly site: SiteId;
  readonly phase: InstancePhase;
  readonly sinceMs: number;
  readonly createdAtMs: number;
  /** Where it listens, by port name; empty until the agent told. */
  readonly host: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly exitCode: number | null;
  readonly reason: string;
  readonly decision: DecisionId;
  /** Failures in a row of this instance's place before it; absent means 0. The back-off grows with it. */
  readonly attempt?: number;
}

/**
 * `rollouts/<component>` — health: the definition of a component that is in force. The spec holds only the newest one;
 * a successor that finds an instance of an older version, or has to go back to it, finds here how it is run.
 */
export interface RolloutRecord {
  readonly v: 1;
  readonly component: ComponentName;
  /** Instances of other versions are replaced by this one. */
  readonly definition: Component;
  /** What it replaces, until the roll-out has settled. */
  readonly previous: Component | null;
  readonly state: 'settled' | 'rolling' | 'paused';
  /** A version that was rolled back: not tried again until the spec names another one. Empty: none. */
  readonly refused: string;
  /** Instances of the new version that failed while it was rolled out. */
  readonly failures: number;
  readonly sinceMs: number;
  readonly reason: string;
  readonly decision: DecisionId;
}

/** `births/<component>` — health: where a child level was born and with which ids, chosen once. */
export interface BirthRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly level: LevelId;
  readonly incarnation: number;
  readonly site: SiteId;
  readonly etcd: readonly InstanceId[];
  readonly manager: InstanceId;
  readonly phase: 'birthing' | 'operating' | 'disposing' | 'purging';
  readonly sinceMs: number;
  readonly reason: string;
  readonly decision: DecisionId;
}

/** `endpoints/<component>` — health. Empty list: known to have none. */
export interface EndpointsRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly instance: InstanceId;
  readonly host: string;
  readonly ports: Readonly<Record<string, number>>;
  /** `draining`: no new request; the router acknowledges when the last has ended. */
  readonly state: 'ready' | 'draining';
  readonly readySinceMs: number;
}

/** `listeners/<site>` — health: the sockets this site's agent holds; addresses never change while told to an instance. */
export interface ListenersRecord {
  readonly v: 1;
  readonly site: SiteId;
  readonly listeners: readonly ListenerRecord[];
}

export interface ListenerRecord {
  /** `<component>/<port>` for internal ones, `<component>/<port>@<host>:<port>` for published ones. */
  readonly name: string;
  readonly component: ComponentName;
  readonly port: string;
  readonly protocol: 'http' | 'tcp';
  readonly host: string;
  readonly number: number;
  readonly published: boolean;
  /**
   * `docker`: containers of the site's host reach the component there, by its name and its own port. With an empty host
   * they reach its containers directly instead (an engine without an agent of its own). Absent: for processes.
   */
  readonly network?: 'docker';
}

/** `children-entries/<component>` — router: the entry endpoints of a child level, as its router leader told. */
export interface ChildEntryRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly ready: boolean;
  readonly endpoints: readonly { readonly port: string; readonly host: string; readonly number: number }[];
}

/** `routes/<component>` — router leader: ejections agreed over all replicas (those with `until` in the past are void). */
export interface RouteRecord {
  readonly v: 1;
  readonly component: ComponentName;
  readonly ejected: readonly { readonly target: string; readonly untilMs: number; readonly reason: string }[];
}

/** `acks/<replica>` — each router replica, under its own lease. */
export interface AckRecord {
  readonly v: 1;
  readonly replica: ReplicaId;
  /** Revision of the store up to which this router's table has taken in endpoints. */
  readonly revision: number;
  /** Draining instances that still have a request here. */
  readonly busy: readonly InstanceId[];
}

/** `members/<replica>` — every replica, under its own lease: discovery. */
export interface MemberRecord {
  readonly v: 1;
  readonly replica: ReplicaId;
  readonly host: string;
  readonly site: SiteId;
  readonly pid: number;
  readonly grpc: string;
  readonly http: string;
  readonly functions: readonly FunctionName[];
  readonly startedAtMs: number;
}

/** `election/<function>/<replica>` — candidates, under their lease; the lowest create-revision leads. */
export interface CandidateRecord {
  readonly v: 1;
  readonly replica: ReplicaId;
  /** Where the process can be seen to live or to be gone: its gRPC address. */
  readonly address: string;
  /** Decimal id of the candidate's lease, for the early revocation. */
  readonly lease: string;
}

/** A member of the level's etcd cluster, as the cluster tells. No record: asked for where it is needed. */
export interface EtcdMember {
  /** Decimal. */
  readonly id: string;
  /** As it was started with; empty until it has been. */
  readonly name: string;
  readonly peerUrl: string;
  /** Empty until it has been started. */
  readonly clientUrl: string;
  /** Takes part without a vote. */
  readonly learner: boolean;
}

/** `etcd/members` — health: where the level's store is reached now. Every process follows it; none yet: as at its start. */
export interface EtcdMembersRecord {
  readonly v: 1;
  /** Client URLs of all members with a vote, sorted. */
  readonly clients: readonly string[];
}

/** `control/<function>` — the function itself */
export interface ControlRecord {
  readonly v: 1;
  readonly mode: ControlMode;
  readonly atMs: number;
}
/** `advise` decides, records and applies nothing; `paused` neither decides nor applies. Bounds and overrides of the spec still hold. */
export type ControlMode = 'run' | 'advise' | 'paused';

/** `decisions/<function>/<id>` — the function itself; bounded in number and age. */
export interface DecisionRecord {
  readonly v: 1;
  readonly id: DecisionId;
  readonly function: FunctionName;
  readonly atMs: number;
  readonly epoch: Epoch;
  /** What it is about: a component, or empty for the level. */
  readonly component: string;
  /** `scale`, `start`, `replace`, `drain`, `stop`, `rebind`, `place`, `birth`, `apply`, … */
  readonly action: string;
  /** The change in short, for people: "2 → 5", "acme → own". */
  readonly change: string;
  /** One sentence. */
  readonly reason: string;
  readonly policy: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The decisions this one follows from. */
  readonly causes: readonly DecisionId[];
  readonly applied: boolean;
}

/** `level` — written at birth: which incarnation this store is. */
export interface LevelRecord {
  readonly v: 1;
  readonly level: LevelId;
  readonly incarnation: number;
}

/** JSON of Health.InstanceGraph. */
export interface InstanceGraphView {
  readonly level: LevelId;
  readonly revision: number;
  readonly instances: readonly InstanceRecord[];
  readonly targets: readonly TargetRecord[];
  readonly placements: readonly PlacementRecord[];
  readonly listeners: readonly ListenersRecord[];
  readonly children: readonly ChildRecord[];
  readonly bindings: readonly BindingRecord[];
}
