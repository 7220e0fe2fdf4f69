/**
 * The type graph: what is persisted as desired state. The Compose file is a front-end to it (libs/model);
 * everything is defaulted here, nothing is optional, durations are milliseconds, sizes bytes.
 */
import type { Release } from './release.js';
import type { ComponentName, LevelId } from './ids.js';

export interface TypeGraph {
  readonly v: 1;
  readonly level: LevelId;
  readonly name: string;
  /** Component clients reach; null when nothing is published. */
  readonly entry: ComponentName | null;
  readonly objective: Objective | null;
  /** Cost ceiling per hour in the user's currency; null: none. */
  readonly budgetPerHour: number | null;
  readonly components: Readonly<Record<string, Component>>;
  readonly sites: readonly SiteSpec[];
  readonly management: ManagementSpec;
  /** Hash of everything above: equal digests mean nothing to apply. */
  readonly digest: string;
}

export interface ManagementSpec {
  /** Manager replicas (`mitosisd`). */
  readonly managers: number;
  readonly routers: number;
  /** 1 or, with high availability, 3. */
  readonly etcdMembers: number;
  /**
   * The release the management is to run: what `mitosis up` and `apply` were run with. Replicas of another one are rolled.
   * Absent (an older command line): whatever runs.
   */
  readonly release?: Release;
}

/** So many per cent of the requests within so many milliseconds. */
export interface LatencyBound {
  readonly percentile: number;
  readonly ms: number;
}

export interface Objective {
  /** Latency bound per percentile, e.g. [{ percentile: 95, ms: 300 }]. */
  readonly latency: readonly LatencyBound[];
  /** Highest share of failed requests, 0..1; null: none. */
  readonly errorRatio: number | null;
  /** Least requests per second that must be servable; null: none. */
  readonly throughput: number | null;
}

export type ComponentKind =
  /** instances are processes or containers of this level */
  | 'service'
  /** a child level */
  | 'composition'
  /** no instances of its own: bound to one of its alternatives */
  | 'binding';

export interface Component {
  readonly name: ComponentName;
  readonly kind: ComponentKind;
  /** Hash of what makes a running instance out of date: a rolling update replaces instances of other versions. */
  readonly version: string;
  readonly run: RunSpec | null;
  readonly ports: readonly PortSpec[];
  readonly dependsOn: readonly Dependency[];
  readonly probe: Probe;
  readonly scale: Scale;
  readonly policy: ScalingPolicy;
  readonly objective: Objective | null;
  readonly resources: Resources;
  /** Whether the autoscaler may change the limits above; absent: it only advises. */
  readonly sizing?: SizingPolicy;
  /** What the composition itself says, while a size of the autoscaler is in force instead. */
  readonly said?: { readonly version: string; readonly resources: Resources };
  readonly restart: RestartPolicy;
  readonly update: UpdatePolicy;
  /** No replacement starts before the death of its predecessor is certain. */
  readonly exclusive: boolean;
  /** Runs to completion once per version (a dependent waits with `service_completed_successfully`). */
  readonly runOnce: boolean;
  readonly alternatives: readonly Alternative[];
  readonly rebind: RebindPolicy;
  /** The child's type graph, for kind `composition`. */
  readonly composition: TypeGraph | null;
  readonly drainDeadlineMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface RunSpec {
  readonly driver: 'process' | 'docker';
  readonly image: string | null;
  /** Empty with driver docker: the image's own. */
  readonly command: readonly string[];
  readonly workingDir: string;
  /** Values that begin with `sealed:v1:` are opened by the agent (libs/identity, seal.ts). */
  readonly env: Readonly<Record<string, string>>;
  /** Names in `env` whose values are secrets: sealed before they leave the command line. */
  readonly secretEnv?: readonly string[];
  readonly user: string;
  readonly stopSignal: string;
  readonly stopGraceMs: number;
  /**
   * Everything else Compose says about a container, normalised, for container drivers; of a process, its secrets. In force,
   * a secret's definition is `{ sealed: 'sealed:v1:…' }`.
   */
  readonly container: Readonly<Record<string, unknown>>;
}

export interface PortSpec {
  /** The container port as text, or "default" when the composition names none. */
  readonly name: string;
  /** Container port; 0 for "default". */
  readonly target: number;
  readonly protocol: 'http' | 'tcp';
  /** Where the router binds it for clients; empty: only internal. */
  readonly published: readonly { readonly host: string; readonly port: number }[];
}

export interface Dependency {
  readonly component: ComponentName;
  readonly condition: 'started' | 'healthy' | 'completed';
  readonly required: boolean;
  readonly restart: boolean;
}

export interface Probe {
  readonly kind: 'none' | 'exec' | 'tcp' | 'http';
  readonly command: readonly string[];
  /** A port name of the component. */
  readonly port: string;
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

export interface Scale {
  readonly min: number;
  readonly max: number;
  /** Count at birth, within min..max. */
  readonly initial: number;
  /** With min 0: no request for this long takes the last instance; absent: five minutes. */
  readonly idleMs?: number;
}

export type ScalingPolicy =
  | { readonly kind: 'fixed' }
  | {
      /** Holds the latency objective from a queueing model. */
      readonly kind: 'slo';
      /** No scale-in before the count was too high for this long; 0: the autoscaler's own setting (60 s). */
      readonly holdMs: number;
      /** Requests an instance works on at once, 1 or more; absent: that is learned. */
      readonly concurrency?: number;
    }
  | {
      /** Keeps the mean of a metric per instance at a value (HPA's ratio rule). */
      readonly kind: 'target';
      readonly metric: ScalingMetric;
      readonly value: number;
      readonly tolerance: number;
      readonly downWindowMs: number;
    }
  | {
      readonly kind: 'threshold';
      readonly rules: readonly ThresholdRule[];
    }
  | HpaPolicy
  | KpaPolicy
  | {
      /** Counts by the calendar; the minimum outside of every window. */
      readonly kind: 'schedule';
      /** IANA name. */
      readonly timezone: string;
      readonly windows: readonly ScheduleWindow[];
    }
  | {
      /** Asks a gRPC service (`ExternalPolicy`) of the user's own. */
      readonly kind: 'external';
      /** host:port */
      readonly address: string;
      /** Handed over as they are. */
      readonly options: Readonly<Record<string, string>>;
    }
  | {
      /** Several at once: the one that wants most instances wins. */
      readonly kind: 'combine';
      readonly policies: readonly SinglePolicy[];
    };

/** Kubernetes' HorizontalPodAutoscaler (autoscaling/v2), in full; several metrics: the highest answer wins. */
export interface HpaPolicy {
  readonly kind: 'hpa';
  readonly metrics: readonly HpaMetric[];
  readonly tolerance: number;
  readonly syncMs: number;
  readonly up: HpaBehavior;
  readonly down: HpaBehavior;
}

export interface HpaMetric {
  readonly metric: ScalingMetric;
  /** Per instance for cpu, memory, rps and concurrency; the value itself for p95 and errors. */
  readonly value: number;
}

export interface HpaBehavior {
  /** Stabilisation: the lowest (up), the highest (down) recommendation of this time counts. */
  readonly windowMs: number;
  /** Which of several limits holds: the one that allows the most change, the least, or no change at all. */
  readonly select: 'max' | 'min' | 'disabled';
  readonly limits: readonly HpaLimit[];
}

export interface HpaLimit {
  readonly by: 'pods' | 'percent';
  readonly value: number;
  readonly periodMs: number;
}

/** Knative's pod autoscaler. */
export interface KpaPolicy {
  readonly kind: 'kpa';
  readonly metric: 'concurrency' | 'rps';
  /** Wanted of one instance: requests inside (waiting ones included) or per second. */
  readonly target: number;
  readonly stableWindowMs: number;
  /** Share of the stable window, 0..1. */
  readonly panicWindow: number;
  /** Panic when this many times more instances are wanted than are ready. */
  readonly panicThreshold: number;
  readonly upRateMax: number;
  readonly downRateMax: number;
  /** The highest answer of this time counts. */
  readonly downDelayMs: number;
}

export type SinglePolicy = Exclude<ScalingPolicy, { readonly kind: 'combine' }>;

/** In force from each match of `start` until the next match of `end`; both are cron patterns of five fields. */
export interface ScheduleWindow {
  readonly start: string;
  readonly end: string;
  readonly count: number;
}

/** `cpu`: cores used per instance · `rps`: requests/s per instance · `concurrency`: in-flight per instance · `p95`: ms · `errors`: 0..1 */
export type ScalingMetric = 'cpu' | 'memory' | 'rps' | 'concurrency' | 'p95' | 'errors';

export interface ThresholdRule {
  readonly metric: ScalingMetric;
  readonly comparator: 'above' | 'below';
  readonly threshold: number;
  /** The condition must hold this long. */
  readonly periodMs: number;
  /** Instances added (positive) or removed (negative). */
  readonly change: number;
  readonly cooldownMs: number;
}

export interface Resources {
  readonly limits: ResourceAmount;
  readonly reservations: ResourceAmount;
}

/** 0: unset. */
export interface ResourceAmount {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly pids: number;
}

/** Bounds for what the autoscaler learns from use; 0: none said. */
export interface SizingPolicy {
  readonly mode: 'advise' | 'apply';
  readonly least: InstanceSize;
  readonly most: InstanceSize;
}

export interface InstanceSize {
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface RestartPolicy {
  readonly condition: 'none' | 'on-failure' | 'any';
  readonly delayMs: number;
  /** 0: unlimited. */
  readonly maxAttempts: number;
  readonly windowMs: number;
}

export interface UpdatePolicy {
  /** 0: all at once. */
  readonly parallelism: number;
  readonly delayMs: number;
  readonly monitorMs: number;
  readonly failureAction: 'pause' | 'continue' | 'rollback';
  readonly maxFailureRatio: number;
  readonly order: 'start-first' | 'stop-first';
}

export interface Alternative {
  readonly name: string;
  readonly target:
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'component'; readonly component: ComponentName };
  /** Price per request. */
  readonly price: number;
}

/** When the composer leaves an alternative and when it returns to a better one. */
export interface RebindPolicy {
  /** Quality bounds an alternative must hold; taken from the component's objective when unset there. */
  readonly p95Ms: number;
  readonly errorRatio: number;
  /** Worse than the bounds for this long: rebind. */
  readonly afterMs: number;
  /** A better alternative must be good for this long before it gets the traffic back. */
  readonly returnAfterMs: number;
  /** Share of requests sent to alternatives not in force, to know their quality, 0..0.2. */
  readonly trialShare: number;
}

export interface SiteSpec {
  readonly name: string;
  readonly driver: 'process' | 'docker';
  /** gRPC address of the host's agent; empty: this machine's. */
  readonly agent: string;
  /** 0: what the agent reports. */
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly zone: string;
  readonly pricePerCpuHour: number;
}
