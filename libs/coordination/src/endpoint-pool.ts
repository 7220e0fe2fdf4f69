/**
 * Connections to the members of an etcd cluster, for etcd3's low-level clients. One member is used until it fails, then
 * the next. It replaces the library's own pool, which retries by itself and opens a breaker of five seconds: both cost
 * more than a lease lives. A call that got no answer in time also costs its connection, because nothing tells a black hole
 * from a slow server and a new connection finds out.
 */
import * as grpc from '@grpc/grpc-js';
import { MitosisError } from '@mitosis/contracts';
import type { ErrorCode } from '@mitosis/contracts';
import type { ICallable } from 'etcd3';
import { Host } from 'etcd3/lib/connection-pool.js';

/** gRPC call options, with the signal that it does not know. */
export interface SignalCallOptions extends grpc.CallOptions {
  readonly signal?: AbortSignal;
}

type Service = Parameters<ICallable<Host>['exec']>[0];

/** One connection per service and member: a large listing never delays a keep-alive behind it. */
interface Endpoint {
  readonly url: string;
  readonly hosts: Map<Service, Host>;
}

const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  // Listings and catch-ups are bounded by etcd's own quota; a limit here would break the same stream for ever.
  'grpc.max_receive_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  // A shared pool would hand the stuck connection out again after a reset.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
};

/** Safe to send again when a member could not be reached: reading, ending a lease, and a lease nobody learnt of. */
const REPEATABLE: ReadonlySet<string> = new Set(['range', 'leaseGrant', 'leaseRevoke', 'leaseTimeToLive']);

/** A connection that is not there by then comes with the first call. */
const WARM_UP_MS = 2_000;

const CODES: Readonly<Partial<Record<grpc.status, ErrorCode>>> = {
  [grpc.status.DEADLINE_EXCEEDED]: 'deadline',
  [grpc.status.INVALID_ARGUMENT]: 'invalid_input',
  [grpc.status.NOT_FOUND]: 'not_found',
  [grpc.status.RESOURCE_EXHAUSTED]: 'exhausted',
  [grpc.status.OUT_OF_RANGE]: 'internal',
};

const isServiceError = (error: unknown): error is grpc.ServiceError =>
  error instanceof Error && 'code' in error && typeof error.code === 'number';

/** What is not known for certain counts as `unavailable`: the outcome is unknown, and callers take the safe path. */
export const toMitosisError = (error: unknown): MitosisError => {
  if (error instanceof MitosisError) return error;
  if (!isServiceError(error)) return new MitosisError('unavailable', String(error), { cause: error });
  return new MitosisError(CODES[error.code] ?? 'unavailable', `etcd: ${error.details}`, { cause: error });
};

type UnaryMethod = (
  payload: unknown,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  callback: (error: grpc.ServiceError | null, response: unknown) => void,
) => grpc.ClientUnaryCall;

export class EndpointPool implements ICallable<Host> {
  readonly callOptionsFactory = undefined;
  #endpoints: readonly Endpoint[];
  readonly #streaming = new Map<Service, Host>();
  #current = 0;
  #closed = false;

  constructor(
    urls: readonly string[],
    private readonly credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
  ) {
    if (urls.length === 0) throw new MitosisError('invalid_input', 'at least one etcd endpoint is needed');
    this.#endpoints = urls.map((url) => ({ url, hosts: new Map() }));
  }

  async exec<T>(
    service: Service,
    method: string,
    payload: unknown,
    options: SignalCallOptions = {},
  ): Promise<T> {
    const attempts = REPEATABLE.has(method) ? this.#endpoints.length : 1;
    for (let attempt = 1; ; attempt++) {
      const host = this.#host(service);
      try {
        // The library's response types are what the server's protocol says; nothing checks them at run time.
        return (await callUnary(host.getServiceClient(service), method, payload, options)) as T;
      } catch (error) {
        const failure = toMitosisError(error);
        if (options.signal?.aborted === true) throw failure;
        this.#onFailure(host, failure);
        if (failure.code !== 'unavailable' || attempt >= attempts) throw failure;
      }
    }
  }

  async withConnection<R>(
    service: Service,
    run: (args: { resource: Host; client: grpc.Client; metadata: grpc.Metadata }) => Promise<R> | R,
  ): Promise<R> {
    const host = this.#host(service);
    this.#streaming.set(service, host);
    const metadata = new grpc.Metadata();
    // Without it a member that has lost its cluster would keep a watch open and silent.
    if (service === 'Watch') metadata.set('hasleader', 'true');
    return run({ resource: host, client: host.getServiceClient(service), metadata });
  }

  /**
   * Compiles what encodes and decodes the messages of a service, and connects. The library does both at the first use,
   * and the first use of some calls is in a failover.
   */
  warmUp(service: Service): void {
    const client = this.#host(service).getServiceClient(service);
    client.waitForReady(Date.now() + WARM_UP_MS, () => undefined);
    const { service: methods } = client.constructor as unknown as {
      readonly service: grpc.ServiceDefinition;
    };
    for (const { requestSerialize, responseDeserialize } of Object.values(methods)) {
      requestSerialize({});
      responseDeserialize(Buffer.alloc(0));
    }
  }

  markFailed(host: Host, error: Error): void {
    // Only this side cancels a stream: says nothing about the member.
    if (isServiceError(error) && error.code === grpc.status.CANCELLED) return;
    this.#onFailure(host, toMitosisError(error));
  }

  /** The newest stream of this service gave no answer in time. */
  markSilent(service: Service): void {
    const host = this.#streaming.get(service);
    if (host !== undefined) this.#onFailure(host, new MitosisError('deadline', 'no answer in time'));
  }

  /** The members are these from now on; connections to those that stay are kept. */
  setEndpoints(urls: readonly string[]): void {
    if (this.#closed || urls.length === 0) return;
    const before = this.#endpoints;
    const used = before[this.#current % before.length];
    this.#endpoints = [...new Set(urls)].map(
      (url) => before.find((endpoint) => endpoint.url === url) ?? { url, hosts: new Map() },
    );
    this.#current = Math.max(0, used === undefined ? 0 : this.#endpoints.indexOf(used));
    for (const endpoint of before) {
      if (!this.#endpoints.includes(endpoint)) for (const host of endpoint.hosts.values()) host.close();
    }
  }

  close(): void {
    this.#closed = true;
    for (const endpoint of this.#endpoints) for (const host of endpoint.hosts.values()) host.close();
  }

  #host(service: Service): Host {
    if (this.#closed) throw new MitosisError('unavailable', 'the store is closed');
    const endpoint = this.#endpoints[this.#current % this.#endpoints.length];
    if (endpoint === undefined) throw new MitosisError('internal', 'no endpoint');
    const host = endpoint.hosts.get(service) ?? new Host(endpoint.url, this.credentials, CHANNEL_OPTIONS);
    endpoint.hosts.set(service, host);
    return host;
  }

  /** The next call goes to the next member; of several failures at one member only the first moves on. */
  #onFailure(host: Host, failure: MitosisError): void {
    if (this.#closed || (failure.code !== 'deadline' && failure.code !== 'unavailable')) return;
    if (failure.code === 'deadline') host.resetAllServices();
    const index = this.#endpoints.findIndex((endpoint) => [...endpoint.hosts.values()].includes(host));
    if (index === this.#current % this.#endpoints.length) this.#current++;
  }
}

const callUnary = (
  client: grpc.Client,
  method: string,
  payload: unknown,
  options: SignalCallOptions,
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const { signal, ...callOptions } = options;
    if (signal?.aborted === true) {
      reject(new MitosisError('unavailable', 'the call was cancelled', { cause: signal.reason }));
      return;
    }
    const run = (client as unknown as Readonly<Record<string, UnaryMethod>>)[method];
    if (run === undefined) throw new MitosisError('internal', `etcd client has no method ${method}`);
    const onAbort = (): void => {
      call.cancel();
    };
    const call = run.call(client, payload, new grpc.Metadata(), callOptions, (error, response) => {
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(response);
      else reject(error);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
