/**
 * Calls to other processes over gRPC. Every call has a deadline and goes through a breaker; every stream opens again
 * after a break. Must never wait without a bound and never throw anything but MitosisError.
 */
import {
  Metadata,
  type CallOptions as GrpcCallOptions,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { MitosisError, type FunctionName, type MemberRecord } from '@mitosis/contracts';
import type { LeaderInfo } from '@mitosis/coordination';
import { fromGrpcError } from '../grpc-errors.js';
import { CancelledError, ChannelCache, type CredentialsFor } from './channels.js';
import { followStream } from './follow-stream.js';
import type { CallOptions, Clients, Peers, ServiceName, StreamHandlers, Streaming, Unary } from './peers.js';

const DEADLINE_MS = 1_000;

/** Where members and leaders are known from; a tool without a store knows none. */
export interface Directory {
  members(): readonly MemberRecord[];
  leader(fn: FunctionName): LeaderInfo | undefined;
}

const EMPTY_DIRECTORY: Directory = { members: () => [], leader: () => undefined };

export interface GrpcPeersOptions {
  readonly directory?: Directory;
  /** Default: insecure, for loopback and unix sockets. */
  readonly credentialsFor?: CredentialsFor;
}

type UnaryMethod = (
  request: unknown,
  metadata: Metadata,
  options: Partial<GrpcCallOptions>,
  callback: (error: ServiceError | null, response: unknown) => void,
) => ClientUnaryCall;

export class GrpcPeers implements Peers {
  private readonly channels: ChannelCache;
  private readonly directory: Directory;

  constructor(options: GrpcPeersOptions = {}) {
    this.channels = new ChannelCache(options.credentialsFor);
    this.directory = options.directory ?? EMPTY_DIRECTORY;
  }

  members(): readonly MemberRecord[] {
    return this.directory.members();
  }

  leader(fn: FunctionName): LeaderInfo | undefined {
    return this.directory.leader(fn);
  }

  async call<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    request: Unary<Clients[S][M]>['request'],
    options: CallOptions = {},
  ): Promise<Unary<Clients[S][M]>['response']> {
    const where = `${service}.${String(method)} at ${address}`;
    const peer = this.channels.get(address);
    const client = peer.client(service);
    const run = (client[method] as UnaryMethod).bind(client);
    try {
      return await peer.breaker(service).fire(() => unary(run, request, options, where));
    } catch (error) {
      throw fromBreaker(error, where);
    }
  }

  stream<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    request: Streaming<Clients[S][M]>['request'],
    handlers: StreamHandlers<Streaming<Clients[S][M]>['message']>,
    signal: AbortSignal,
  ): void {
    followStream(this.channels, { service, address, method: String(method), request }, handlers, signal);
  }

  /** Closes every channel; calls and streams under way end. */
  close(): void {
    this.channels.close();
  }
}

const unary = (
  run: UnaryMethod,
  request: unknown,
  { deadlineMs = DEADLINE_MS, signal }: CallOptions,
  where: string,
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new CancelledError(where));
      return;
    }
    const cancel = (): void => call.cancel();
    const call = run(request, new Metadata(), { deadline: Date.now() + deadlineMs }, (error, response) => {
      signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(signal?.aborted === true ? new CancelledError(where) : fromGrpcError(error, where));
    });
    signal?.addEventListener('abort', cancel, { once: true });
  });

/** opossum's own refusals carry a `code`; everything else comes from the call. */
const fromBreaker = (error: unknown, where: string): MitosisError => {
  if (error instanceof MitosisError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EOPENBREAKER') return new MitosisError('unavailable', `${where}: the breaker is open`);
  if (code === 'ESEMLOCKED') return new MitosisError('exhausted', `${where}: too many calls in flight`);
  if (code === 'ESHUTDOWN')
    return new MitosisError('unavailable', `${where}: this process closed the channel`);
  return new MitosisError('internal', `${where}: ${String(error)}`, { cause: error });
};
