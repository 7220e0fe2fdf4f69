/**
 * Calls of the command line: a deadline on each, and every failure as a MitosisError that names who was asked for what.
 * Must never wait without a bound, nor show a gRPC status to a person.
 */
import {
  credentials,
  Metadata,
  status,
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  agent,
  composer,
  health,
  management,
  MitosisError,
  monitor,
  placer,
  type ErrorCode,
} from '@mitosis/contracts';

export const CLIENTS = {
  agent: agent.AgentClient,
  composer: composer.ComposerClient,
  health: health.HealthClient,
  management: management.ManagementClient,
  monitor: monitor.MonitorClient,
  placer: placer.PlacerClient,
} as const;
export type ServiceName = keyof typeof CLIENTS;
export type ClientOf<S extends ServiceName> = InstanceType<(typeof CLIENTS)[S]>;

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.enable_http_proxy': 0,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};

/** How errors travel between parts (service-kit, grpc-errors.ts): the exact code beside the status. */
const CODE_KEY = 'mitosis-code';
const LEADER_KEY = 'mitosis-leader';

const CODE_OF_STATUS: ReadonlyMap<status, ErrorCode> = new Map([
  [status.INVALID_ARGUMENT, 'invalid_input'],
  [status.OUT_OF_RANGE, 'invalid_input'],
  [status.UNIMPLEMENTED, 'invalid_input'],
  [status.NOT_FOUND, 'not_found'],
  [status.ABORTED, 'conflict'],
  [status.ALREADY_EXISTS, 'conflict'],
  [status.FAILED_PRECONDITION, 'fenced'],
  [status.UNAVAILABLE, 'unavailable'],
  [status.DEADLINE_EXCEEDED, 'deadline'],
  [status.CANCELLED, 'deadline'],
  [status.RESOURCE_EXHAUSTED, 'exhausted'],
] as const);

const CODES: ReadonlySet<string> = new Set([...CODE_OF_STATUS.values(), 'not_leader', 'internal']);

export class RemoteError extends MitosisError {
  constructor(
    code: ErrorCode,
    message: string,
    /** gRPC address of the leader, when the answer named it. */
    readonly leader: string,
    options: { readonly cause: unknown },
  ) {
    super(code, message, options);
    this.name = 'RemoteError';
  }
}

const told = (error: ServiceError, key: string): string => error.metadata?.get(key)[0]?.toString() ?? '';

export const toMitosisError = (error: ServiceError, where: string): RemoteError => {
  const code = told(error, CODE_KEY);
  const mapped = CODES.has(code) ? (code as ErrorCode) : (CODE_OF_STATUS.get(error.code) ?? 'internal');
  const text = error.details === '' ? error.message : error.details;
  return new RemoteError(mapped, `${where}: ${text}`, told(error, LEADER_KEY), { cause: error });
};

/** Request and response of a unary method (the overload with metadata and options). */
type Unary<M> = M extends (
  request: infer Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: infer R) => void,
) => ClientUnaryCall
  ? { readonly request: Q; readonly response: R }
  : never;
type Streaming<M> = M extends (
  request: infer Q,
  metadata?: Metadata,
  options?: Partial<CallOptions>,
) => ClientReadableStream<infer R>
  ? { readonly request: Q; readonly message: R }
  : never;

type UnaryMethod = (
  request: unknown,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: unknown) => void,
) => ClientUnaryCall;
type StreamingMethod = (
  request: unknown,
  metadata: Metadata,
  options: Partial<CallOptions>,
) => ClientReadableStream<unknown>;

/** How an address is reached; the agent's own socket needs no certificate. */
export type CredentialsOf = (level: string) => ChannelCredentials;

/** One connection per address and service, for the life of a command. */
export class Rpc {
  private readonly clients = new Map<string, Client>();
  private readonly levels = new Map<string, string>();

  constructor(private readonly credentialsOf: CredentialsOf = () => credentials.createInsecure()) {}

  /** Says whose the addresses are: the level's certificate is shown there. */
  belongsTo(level: string, addresses: Iterable<string>): void {
    for (const address of addresses) this.levels.set(address, level);
  }

  /** One call; throws RemoteError. */
  unary<S extends ServiceName, M extends keyof ClientOf<S> & string>(
    service: S,
    address: string,
    method: M,
    request: Unary<ClientOf<S>[M]>['request'],
    deadlineMs = 2_000,
  ): Promise<Unary<ClientOf<S>[M]>['response']> {
    const client = this.client(service, address);
    const invoke = client[method] as UnaryMethod;
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + deadlineMs };
      invoke.call(client, request, new Metadata(), options, (error, response) => {
        if (error === null) resolve(response);
        else reject(toMitosisError(error, `${service}.${method}`));
      });
    });
  }

  /**
   * A server stream as an async iteration; ends when the server ends it or the signal aborts. Throws RemoteError.
   * `deadlineMs` 0: as long as it lasts (the signal is the bound).
   */
  async *stream<S extends ServiceName, M extends keyof ClientOf<S> & string>(
    service: S,
    address: string,
    method: M,
    request: Streaming<ClientOf<S>[M]>['request'],
    options: { readonly signal?: AbortSignal; readonly deadlineMs: number },
  ): AsyncGenerator<Streaming<ClientOf<S>[M]>['message']> {
    const client = this.client(service, address);
    const invoke = client[method] as unknown as StreamingMethod;
    const callOptions = options.deadlineMs === 0 ? {} : { deadline: Date.now() + options.deadlineMs };
    const call = invoke.call(client, request, new Metadata(), callOptions);
    const cancel = (): void => call.cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of call) yield message as Streaming<ClientOf<S>[M]>['message'];
    } catch (error) {
      if (options.signal?.aborted === true) return;
      throw toMitosisError(error as ServiceError, `${service}.${method}`);
    } finally {
      options.signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
    this.clients.clear();
  }

  private client<S extends ServiceName>(service: S, address: string): ClientOf<S> {
    const key = `${service} ${address}`;
    const known = this.clients.get(key);
    if (known !== undefined) return known as ClientOf<S>;
    const level = this.levels.get(address);
    const secured = level === undefined ? credentials.createInsecure() : this.credentialsOf(level);
    const made = new CLIENTS[service](address, secured, CHANNEL_OPTIONS);
    this.clients.set(key, made);
    return made as ClientOf<S>;
  }
}
