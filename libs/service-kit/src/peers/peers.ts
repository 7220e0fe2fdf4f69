/**
 * Calls to other processes: discovery through etcd (or a fixed address), a deadline on every call, one opossum breaker
 * per remote process and service.
 */
import type {
  agent,
  autoscaler,
  composer,
  FunctionName,
  health,
  management,
  MemberRecord,
  monitor,
  placer,
  policy,
  router,
} from '@mitosis/contracts';
import type {
  ClientReadableStream,
  ClientUnaryCall,
  Metadata,
  ServiceError,
  CallOptions as GrpcCallOptions,
} from '@grpc/grpc-js';
import type { LeaderInfo } from '@mitosis/coordination';

/** The gRPC clients by the name they are asked for. */
export interface Clients {
  readonly agent: agent.AgentClient;
  readonly autoscaler: autoscaler.AutoscalerClient;
  readonly composer: composer.ComposerClient;
  readonly health: health.HealthClient;
  readonly management: management.ManagementClient;
  readonly monitor: monitor.MonitorClient;
  readonly placer: placer.PlacerClient;
  /** A scaling policy of the user's own, outside of every level. */
  readonly policy: policy.ExternalPolicyClient;
  readonly router: router.RouterClient;
}
export type ServiceName = keyof Clients;

export interface CallOptions {
  /** Default 1,000 ms. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** Request and response of a unary method of a generated client (its overload with metadata and options). */
export type Unary<M> = M extends (
  request: infer Q,
  metadata: Metadata,
  options: Partial<GrpcCallOptions>,
  callback: (error: ServiceError | null, response: infer R) => void,
) => ClientUnaryCall
  ? { readonly request: Q; readonly response: R }
  : never;

/** Request and message of a server-streaming method. */
export type Streaming<M> = M extends (
  request: infer Q,
  metadata?: Metadata,
  options?: Partial<GrpcCallOptions>,
) => ClientReadableStream<infer R>
  ? { readonly request: Q; readonly message: R }
  : never;

export interface Peers {
  /** Members of this level as discovered; fresh from the watched view. */
  members(): readonly MemberRecord[];
  leader(fn: FunctionName): LeaderInfo | undefined;
  /**
   * One unary call. Throws MitosisError: `deadline`, `unavailable` (also while the breaker is open), or what the other
   * side answered.
   */
  call<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    request: Unary<Clients[S][M]>['request'],
    options?: CallOptions,
  ): Promise<Unary<Clients[S][M]>['response']>;
  /**
   * A server stream that is opened again after it broke (back-off 100 ms … 2 s, jittered) until the signal aborts.
   * `onState('broken')` is called at each break.
   */
  stream<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    request: Streaming<Clients[S][M]>['request'],
    handlers: StreamHandlers<Streaming<Clients[S][M]>['message']>,
    signal: AbortSignal,
  ): void;
}

export interface StreamHandlers<T> {
  readonly onMessage: (message: T) => void;
  readonly onState?: (state: 'open' | 'broken') => void;
}
