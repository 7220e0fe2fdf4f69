/** Peers of a test: answers are given by the test, calls are recorded, nothing touches the network. */
import { MitosisError, type FunctionName, type MemberRecord } from '@mitosis/contracts';
import type { LeaderInfo } from '@mitosis/coordination';
import type {
  CallOptions,
  Clients,
  Peers,
  ServiceName,
  StreamHandlers,
  Streaming,
  Unary,
} from '../peers/peers.js';

type AnyHandler = (request: unknown, address: string) => unknown;

export interface RecordedCall {
  readonly service: ServiceName;
  readonly method: string;
  readonly address: string;
  readonly request: unknown;
}

interface OpenStream {
  readonly key: string;
  readonly address: string;
  readonly handlers: StreamHandlers<never>;
}

export class FakePeers implements Peers {
  readonly calls: RecordedCall[] = [];
  private readonly answers = new Map<string, AnyHandler>();
  private readonly streams = new Set<OpenStream>();
  private known: readonly MemberRecord[] = [];
  private readonly leaders = new Map<FunctionName, LeaderInfo>();

  /** Answers every unary call of this method, at any address, from now on. Throw a MitosisError to fail the call. */
  answer<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    method: M,
    handler: (
      request: Unary<Clients[S][M]>['request'],
      address: string,
    ) => Unary<Clients[S][M]>['response'] | Promise<Unary<Clients[S][M]>['response']>,
  ): void {
    this.answers.set(keyOf(service, method), handler);
  }

  setMembers(members: readonly MemberRecord[]): void {
    this.known = members;
  }

  setLeader(fn: FunctionName, leader: LeaderInfo | undefined): void {
    if (leader === undefined) this.leaders.delete(fn);
    else this.leaders.set(fn, leader);
  }

  /** Addresses at which this stream is open now. */
  streamsOpen<S extends ServiceName>(service: S, method: keyof Clients[S]): readonly string[] {
    const key = keyOf(service, method);
    return [...this.streams].filter((stream) => stream.key === key).map((stream) => stream.address);
  }

  /** Sends a message on every open stream of this method at this address; returns how many there were. */
  push<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    message: Streaming<Clients[S][M]>['message'],
  ): number {
    return this.each(keyOf(service, method), address, (handlers) => handlers.onMessage(message as never));
  }

  /** Breaks every open stream of this method at this address, which then opens again at once. */
  breakStreams<S extends ServiceName>(service: S, address: string, method: keyof Clients[S]): number {
    return this.each(keyOf(service, method), address, (handlers) => {
      handlers.onState?.('broken');
      handlers.onState?.('open');
    });
  }

  members(): readonly MemberRecord[] {
    return this.known;
  }

  leader(fn: FunctionName): LeaderInfo | undefined {
    return this.leaders.get(fn);
  }

  async call<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    request: Unary<Clients[S][M]>['request'],
    options?: CallOptions,
  ): Promise<Unary<Clients[S][M]>['response']> {
    const key = keyOf(service, method);
    this.calls.push({ service, method: String(method), address, request });
    if (options?.signal?.aborted === true)
      throw new MitosisError('deadline', `${key}: cancelled by the caller`);
    const handler = this.answers.get(key);
    if (handler === undefined)
      throw new MitosisError('unavailable', `${key} at ${address}: the test gave no answer`);
    return handler(request, address);
  }

  stream<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    _request: Streaming<Clients[S][M]>['request'],
    handlers: StreamHandlers<Streaming<Clients[S][M]>['message']>,
    signal: AbortSignal,
  ): void {
    if (signal.aborted) return;
    const stream: OpenStream = { key: keyOf(service, method), address, handlers };
    this.streams.add(stream);
    signal.addEventListener('abort', () => this.streams.delete(stream), { once: true });
    handlers.onState?.('open');
  }

  private each(key: string, address: string, run: (handlers: StreamHandlers<never>) => void): number {
    const found = [...this.streams].filter((stream) => stream.key === key && stream.address === address);
    for (const stream of found) run(stream.handlers);
    return found.length;
  }
}

const keyOf = (service: ServiceName, method: PropertyKey): string => `${service}.${String(method)}`;
