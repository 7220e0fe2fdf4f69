/**
 * The sockets clients connect to. Inherited ones (MITOSIS_LISTENERS) are shared with the agent and the other routers of
 * the host: closing one here stops accepting in this process only. A listener is opened once its protocol is known from a
 * table; until then connections wait in the kernel.
 */
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';

/** One entry of MITOSIS_LISTENERS. */
export interface HeldSocket {
  readonly name: string;
  readonly fd: number;
  readonly host: string;
  readonly port: number;
}

export interface ListenerEvents {
  readonly onConnection: (name: string, socket: Socket) => void;
  readonly onError: (name: string, error: Error) => void;
}

export interface ListenAddress {
  readonly name: string;
  readonly host: string;
  readonly number: number;
}

/** Half-open: who has said everything may still listen. Kept alive: a peer that vanished is noticed in the end. */
const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;
/** Before a socket that could not be bound is tried again. */
const REBIND_MS = 250;

/**
 * Routers in containers of their own share an address where Node can (22.12 and newer: the kernel spreads connections
 * over them); with an older Node one of them has it, and another takes it over when that one ends.
 */
const ownAddress = ({ host, number }: ListenAddress): ListenOptions & { readonly reusePort: boolean } => ({
  host,
  port: number,
  reusePort: process.platform === 'linux',
});

export class Listeners {
  private readonly servers = new Map<string, Server>();
  private readonly sockets = new Map<string, Set<Socket>>();
  private readonly failedAtMs = new Map<string, number>();
  private stopped = false;

  /** @param held - undefined: none are handed down, so that this process binds them itself */
  constructor(
    private readonly held: readonly HeldSocket[] | undefined,
    private readonly connectionsMax: number,
    private readonly events: ListenerEvents,
    private readonly monotonicMs: () => number,
  ) {}

  /** Opens those of `wanted` that this process may listen on and has not opened yet; own ones no longer wanted are closed. */
  open(wanted: readonly ListenAddress[]): void {
    if (this.stopped) return;
    for (const address of wanted) {
      const held = this.held?.find(({ name }) => name === address.name);
      if (this.servers.has(address.name) || (this.held !== undefined && held === undefined)) continue;
      if (this.monotonicMs() - (this.failedAtMs.get(address.name) ?? -REBIND_MS) < REBIND_MS) continue;
      this.listen(address, held);
    }
    if (this.held !== undefined) return;
    const names = new Set(wanted.map(({ name }) => name));
    for (const [name, server] of this.servers)
      if (!names.has(name)) {
        server.close();
        this.servers.delete(name);
      }
  }

  /** Names listened on. */
  get listening(): readonly string[] {
    return [...this.servers].filter(([, server]) => server.listening).map(([name]) => name);
  }

  /** Handed down, but not opened yet. */
  get unopened(): readonly string[] {
    return (this.held ?? []).map(({ name }) => name).filter((name) => !this.servers.get(name)?.listening);
  }

  get connections(): number {
    let count = 0;
    for (const open of this.sockets.values()) count += open.size;
    return count;
  }

  stopAccepting(): void {
    this.stopped = true;
    for (const server of this.servers.values()) server.close();
    this.servers.clear();
  }

  destroyConnections(): void {
    for (const open of this.sockets.values()) for (const socket of open) socket.destroy();
  }

  private listen(address: ListenAddress, held: HeldSocket | undefined): void {
    const { name } = address;
    const open = this.sockets.get(name) ?? new Set<Socket>();
    this.sockets.set(name, open);
    const server = createServer(SOCKET_OPTIONS, (socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      this.events.onConnection(name, socket);
    });
    server.maxConnections = this.connectionsMax;
    server.on('error', (error) => {
      this.servers.delete(name);
      // Tried again for ever, told once.
      const told = this.failedAtMs.has(name);
      this.failedAtMs.set(name, this.monotonicMs());
      if (!told) this.events.onError(name, error);
    });
    server.on('listening', () => this.failedAtMs.delete(name));
    this.servers.set(name, server);
    if (held) server.listen({ fd: held.fd });
    else server.listen(ownAddress(address));
  }
}
