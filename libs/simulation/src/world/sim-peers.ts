/**
 * gRPC as the functions see it, over the simulated network: deadlines, refusals, answers that are lost, streams that break
 * and open again. Must never be kinder than the real one: a call whose answer is lost has been carried out.
 */
import { MitosisError, type FunctionName, type MemberRecord } from '@mitosis/contracts';
import type { LeaderInfo, VirtualClock } from '@mitosis/coordination';
import {
  backoffMs,
  type CallOptions,
  type Clients,
  type LevelDirectory,
  type Peers,
  type ServiceName,
  type StreamHandlers,
  type Streaming,
  type Unary,
} from '@mitosis/service-kit';
import type { Network, Party } from './network.js';
import type { ProcessClock } from './process-clock.js';

const DEADLINE_MS = 1_000;

/** Starts sending; returns what ends it. */
export type StreamSource = (request: unknown, send: (message: unknown) => void) => () => void;

/** One process that answers at an address. */
export interface RpcServer {
  readonly party: Party;
  readonly clock: ProcessClock;
  /** By `service.method`. */
  readonly unary: ReadonlyMap<string, (request: unknown) => unknown>;
  readonly streams: ReadonlyMap<string, StreamSource>;
}

/** Who listens where; an address whose process is dead refuses. */
export class Addresses {
  private readonly servers = new Map<string, RpcServer>();
  private readonly parties = new Map<string, Party>();

  listen(address: string, server: RpcServer): void {
    this.servers.set(address, server);
    this.parties.set(address, server.party);
  }

  at(address: string): RpcServer | undefined {
    const server = this.servers.get(address);
    return server?.clock.isDead === true ? undefined : server;
  }

  /** Who is, or was last, at the address: tells which link a call takes. */
  partyAt(address: string): Party {
    return this.parties.get(address) ?? address;
  }
}

export interface SimPeersOptions {
  readonly self: Party;
  readonly clock: ProcessClock;
  readonly world: VirtualClock;
  readonly network: Network;
  readonly addresses: Addresses;
  readonly directory: Pick<LevelDirectory, 'members' | 'leader'>;
  readonly random: () => number;
  /** Told of each call as it leaves the process. */
  readonly onCall: (method: string, request: unknown) => void;
}

export class SimPeers implements Peers {
  constructor(private readonly options: SimPeersOptions) {}

  members(): readonly MemberRecord[] {
    return this.options.directory.members();
  }

  leader(fn: FunctionName): LeaderInfo | undefined {
    return this.options.directory.leader(fn);
  }

  call<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    request: Unary<Clients[S][M]>['request'],
    options: CallOptions = {},
  ): Promise<Unary<Clients[S][M]>['response']> {
    const name = `${service}.${String(method)}`;
    return this.callNow(name, address, request, options);
  }

  stream<S extends ServiceName, M extends keyof Clients[S]>(
    service: S,
    address: string,
    method: M,
    request: Streaming<Clients[S][M]>['request'],
    handlers: StreamHandlers<Streaming<Clients[S][M]>['message']>,
    signal: AbortSignal,
  ): void {
    const name = `${service}.${String(method)}`;
    this.follow(name, address, request, handlers, signal);
  }

  private callNow<T>(name: string, address: string, request: unknown, options: CallOptions): Promise<T> {
    const { self, clock, network, addresses } = this.options;
    const { signal, deadlineMs = DEADLINE_MS } = options;
    const where = `${name} at ${address}`;
    return new Promise((resolve, reject) => {
      const party = addresses.partyAt(address);
      let over = false;
      const settle = (outcome: () => void): void => {
        if (over) return;
        over = true;
        cancelTimer();
        offReset();
        signal?.removeEventListener('abort', onAbort);
        outcome();
      };
      const fail = (error: unknown): void => settle(() => reject(error));
      const unavailable = (why: string): MitosisError => new MitosisError('unavailable', `${where}: ${why}`);
      const onAbort = (): void => fail(new MitosisError('deadline', `${where}: cancelled by the caller`));
      const cancelTimer = clock.setTimer(deadlineMs, () =>
        fail(new MitosisError('deadline', `${where}: no answer within ${deadlineMs} ms`)),
      );
      const offReset = network.link(self, party).onReset(() => {
        clock.receive(() => fail(unavailable('the connection broke')));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) return onAbort();
      if (clock.isDead || network.isCut(self, party)) return fail(unavailable('it cannot be reached'));
      this.options.onCall(name, request);
      const answer = (outcome: () => void): void =>
        network.carry(party, self, () => clock.receive(() => settle(outcome)));
      network.carry(self, party, () => {
        const server = addresses.at(address);
        if (server === undefined) return answer(() => reject(unavailable('connection refused')));
        server.clock.receive(() =>
          this.serve(server, name, request, answer, { resolve: (value) => resolve(value as T), reject }),
        );
      });
    });
  }

  private serve(
    server: RpcServer,
    name: string,
    request: unknown,
    answer: (outcome: () => void) => void,
    { resolve, reject }: { resolve: (value: unknown) => void; reject: (error: unknown) => void },
  ): void {
    const handler = server.unary.get(name);
    if (handler === undefined)
      return answer(() => reject(new MitosisError('internal', `${name} is not served`)));
    void this.run(server, handler, request, answer, { resolve, reject });
    return undefined;
  }

  private async run(
    server: RpcServer,
    handler: (request: unknown) => unknown,
    request: unknown,
    answer: (outcome: () => void) => void,
    { resolve, reject }: { resolve: (value: unknown) => void; reject: (error: unknown) => void },
  ): Promise<void> {
    let outcome: () => void;
    try {
      const value = await handler(request);
      outcome = () => resolve(value);
    } catch (error) {
      outcome = () => reject(error);
    }
    if (!server.clock.isDead) answer(outcome);
  }

  private follow(
    name: string,
    address: string,
    request: unknown,
    handlers: StreamHandlers<unknown>,
    signal: AbortSignal,
  ): void {
    const { clock, random } = this.options;
    let attempt = 0;
    let cancelWait: () => void = () => undefined;
    const open = (): void => {
      signal.removeEventListener('abort', cancelWait);
      if (signal.aborted || clock.isDead) return;
      this.openOnce(name, address, request, signal, {
        onMessage: (message) => {
          attempt = 0;
          handlers.onMessage(message);
        },
        onOpen: () => handlers.onState?.('open'),
        onBroken: () => {
          if (signal.aborted) return;
          handlers.onState?.('broken');
          cancelWait = clock.setTimer(backoffMs(attempt, random), open);
          attempt += 1;
          signal.addEventListener('abort', cancelWait, { once: true });
        },
      });
    };
    open();
  }

  private openOnce(
    name: string,
    address: string,
    request: unknown,
    signal: AbortSignal,
    handlers: { onMessage: (message: unknown) => void; onOpen: () => void; onBroken: () => void },
  ): void {
    const { self, clock, network, addresses } = this.options;
    const party = addresses.partyAt(address);
    let state: 'opening' | 'open' | 'ended' = 'opening';
    let endSource: () => void = () => undefined;
    const end = (): void => {
      state = 'ended';
      offReset();
      signal.removeEventListener('abort', cancel);
      endSource();
    };
    const cancel = (): void => end();
    const broken = (): void => {
      if (state === 'ended') return;
      end();
      handlers.onBroken();
    };
    const offReset = network.link(self, party).onReset(() => {
      // The server sees it, too.
      endSource();
      clock.receive(broken);
    });
    signal.addEventListener('abort', cancel, { once: true });
    const toClient = (run: () => void): void =>
      network.carry(party, self, () =>
        clock.receive(() => {
          if (state !== 'ended') run();
        }),
      );
    if (network.isCut(self, party)) {
      // As a connect that fails at once: told in a later turn, never from within the call.
      clock.setTimer(0, broken);
      return;
    }
    network.carry(self, party, () => {
      const server = addresses.at(address);
      const source = server?.streams.get(name);
      if (server === undefined || source === undefined) return toClient(broken);
      server.clock.receive(() => {
        if (state === 'ended') return;
        toClient(() => {
          state = 'open';
          handlers.onOpen();
        });
        try {
          endSource = source(request, (message) => toClient(() => handlers.onMessage(message)));
        } catch {
          toClient(broken);
        }
      });
    });
  }
}
