/**
 * NestJS transport that serves the generated grpc-js services: handlers are ordinary `@GrpcMethod` controllers. Used in
 * place of Nest's own gRPC transport, which loads `.proto` files and its packages by name at run time (a bundle has
 * neither) and queues without a limit for a slow reader. Must never hold more than a bounded number of messages a call.
 */
import {
  Server as GrpcServer,
  ServerCredentials,
  type Metadata,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { MitosisError } from '@mitosis/contracts';
import { Server, Transport, type CustomTransportStrategy } from '@nestjs/microservices';
import { firstValueFrom, type Observable } from 'rxjs';
import { toGrpcError } from '../grpc-errors.js';
import { listenForGrpc, type EdgeGuard } from './guarded-edge.js';
import type { GrpcService } from '../service.js';

export interface GrpcTransportOptions {
  readonly host: string;
  /** 0: any free port; see `port` after listening. */
  readonly port: number;
  /** By the name controllers use in `@GrpcMethod(name)`. */
  readonly services: Readonly<Record<string, GrpcService>>;
  /** Null: without TLS, for loopback. */
  readonly guard: EdgeGuard | null;
  /** While false every call of this service is answered UNAVAILABLE: what it needs is not there yet. */
  readonly serves: (service: string) => boolean;
}

/** A reader that is this many messages behind is cut off; it can open its stream again and gets the present state. */
const STREAM_QUEUE_MAX = 256;
/** Streams never end by themselves, so waiting for them longer is pointless. */
const SHUTDOWN_MS = 200;

/** What Nest makes of a controller method; it passes all arguments on. */
type Handler = (request: unknown, metadata: Metadata, call: unknown) => unknown;
type UnaryCall = ServerUnaryCall<unknown, unknown>;
type StreamCall = ServerWritableStream<unknown, unknown>;

export class GrpcTransport extends Server implements CustomTransportStrategy {
  override readonly transportId = Transport.GRPC;
  private readonly server = new GrpcServer({
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
    // Readers that vanished without closing (host lost) must not hold their streams for ever.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
  });
  private boundPort = 0;
  private stopListening: () => void = () => undefined;

  constructor(private readonly options: GrpcTransportOptions) {
    super();
  }

  /** The port bound, 0 before. */
  get port(): number {
    return this.boundPort;
  }

  listen(callback: (error?: unknown) => void): void {
    for (const [name, service] of Object.entries(this.options.services)) {
      this.server.addService(service, this.implement(name, service));
    }
    const bound = this.options.guard === null ? this.bindPlain() : this.bindGuarded(this.options.guard);
    void settle(bound, callback);
  }

  private async bindGuarded(guard: EdgeGuard): Promise<void> {
    const { host, port } = this.options;
    const listener = await listenForGrpc(this.server, guard, { host, port });
    this.boundPort = listener.port;
    this.stopListening = () => listener.close();
  }

  private bindPlain(): Promise<void> {
    const { host, port } = this.options;
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
        this.boundPort = bound;
        if (error === null) resolve();
        else
          reject(
            new MitosisError('unavailable', `cannot bind ${address}: ${error.message}`, { cause: error }),
          );
      });
    });
  }

  async close(): Promise<void> {
    this.stopListening();
    let bound: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      bound = setTimeout(resolve, SHUTDOWN_MS);
      this.server.tryShutdown(() => resolve());
    });
    clearTimeout(bound);
    this.server.forceShutdown();
  }

  on(): never {
    throw new Error('the gRPC transport has no events');
  }

  unwrap(): never {
    throw new Error('the gRPC transport hands its server to nobody');
  }

  /** Every method of a served service must have a handler: a forgotten one is told at the start, not at the first call. */
  private implement(name: string, service: GrpcService): UntypedServiceImplementation {
    const implementation: Record<
      string,
      handleUnaryCall<unknown, unknown> | handleServerStreamingCall<unknown, unknown>
    > = {};
    for (const [method, definition] of Object.entries(service)) {
      const rpc = definition.path.slice(definition.path.lastIndexOf('/') + 1);
      const handler = this.getHandlerByPattern(
        this.normalizePattern({ service: name, rpc, streaming: 'no_stream' }),
      );
      if (handler === null) throw new Error(`no controller has @GrpcMethod('${name}', '${rpc}')`);
      if (definition.requestStream)
        throw new Error(`${definition.path}: streams from the client are not served`);
      implementation[method] = definition.responseStream
        ? this.streaming(this.gated(name, handler))
        : this.unary(this.gated(name, handler));
    }
    return implementation;
  }

  private gated(name: string, handler: Handler): Handler {
    return (...call) => {
      if (this.options.serves(name)) return handler(...call);
      throw new MitosisError('unavailable', `${name} is starting`);
    };
  }

  private unary(handler: Handler): handleUnaryCall<unknown, unknown> {
    return (call: UnaryCall, callback: sendUnaryData<unknown>): void => {
      void this.answer(handler, call, callback);
    };
  }

  private async answer(handler: Handler, call: UnaryCall, callback: sendUnaryData<unknown>): Promise<void> {
    let value: unknown;
    try {
      value = await firstValueFrom(await this.results(handler, call), { defaultValue: {} });
    } catch (error) {
      callback(asStatus(error));
      return;
    }
    callback(null, value);
  }

  private streaming(handler: Handler): handleServerStreamingCall<unknown, unknown> {
    return (call: StreamCall): void => {
      this.results(handler, call).then(
        (results) => pour(results, call),
        (error: unknown) => call.emit('error', asStatus(error)),
      );
    };
  }

  private async results(handler: Handler, call: UnaryCall | StreamCall): Promise<Observable<unknown>> {
    return this.transformToObservable<unknown>(await handler(call.request, call.metadata, call));
  }
}

const settle = async (work: Promise<void>, callback: (error?: unknown) => void): Promise<void> => {
  let failure: unknown;
  try {
    await work;
  } catch (error) {
    failure = error;
  }
  callback(failure);
};

/** Errors come mapped from the exception filter; what did not pass it is mapped here. */
const asStatus = (error: unknown): Error & { code: number; details: string } =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error
    ? (error as Error & { code: number; details: string })
    : toGrpcError(error);

const pour = (source: Observable<unknown>, call: StreamCall): void => {
  if (call.cancelled) return;
  const waiting: unknown[] = [];
  let writable = true;
  let end: (() => void) | undefined;
  const finish = (how: () => void): void => {
    end = how;
    if (waiting.length === 0) how();
  };
  const drain = (): void => {
    writable = true;
    while (writable && waiting.length > 0) writable = call.write(waiting.shift());
    if (waiting.length === 0) end?.();
  };
  const subscription = source.subscribe({
    next: (value) => {
      if (writable) writable = call.write(value);
      else if (waiting.length < STREAM_QUEUE_MAX) waiting.push(value);
      else {
        waiting.length = 0;
        subscription.unsubscribe();
        call.destroy(
          asStatus(new MitosisError('exhausted', `the reader is ${STREAM_QUEUE_MAX} messages behind`)),
        );
      }
    },
    error: (error: unknown) => finish(() => call.emit('error', asStatus(error))),
    complete: () => finish(() => call.end()),
  });
  call.on('drain', drain);
  call.on('cancelled', () => {
    waiting.length = 0;
    subscription.unsubscribe();
  });
};
