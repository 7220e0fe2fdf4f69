/**
 * The router's hot path as one object: tables go in, requests flow, counters come out. Knows nothing of etcd, gRPC or
 * Nest; everything it decides per request comes from decide/.
 */
import type { Socket } from 'node:net';
import type { InstanceId } from '@mitosis/contracts';
import { routeKey, sameTable, type Table } from '../decide/table.js';
import type { RouterConfig } from '../router.config.js';
import { HttpFront } from './http-front.js';
import { Listeners, type HeldSocket } from './listeners.js';
import type { LiveRoute } from './live-route.js';
import { LiveTable } from './live-table.js';
import type { PathContext } from './path-context.js';
import { TcpExchange } from './tcp-exchange.js';
import { Upstreams } from './upstreams.js';

export interface DataPathOptions {
  readonly config: RouterConfig;
  /** Sockets handed down; undefined: bind them. */
  readonly held: readonly HeldSocket[] | undefined;
  /** PEM of authorities trusted beside the system's; empty: none. */
  readonly ca: string;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly random: () => number;
  /** The busy set may have become smaller. */
  readonly onDrained: () => void;
  readonly onListenerError: (name: string, error: Error) => void;
}

const STOP_POLL_MS = 50;

export class DataPath {
  private readonly live: LiveTable;
  private readonly upstreams: Upstreams;
  private readonly front: HttpFront;
  private readonly listeners: Listeners;
  private readonly context: PathContext;
  private table: Table | undefined;
  private stopping = false;

  constructor(private readonly options: DataPathOptions) {
    const { config, random, nowMs, monotonicMs } = options;
    this.upstreams = new Upstreams(config, { ca: options.ca });
    this.live = new LiveTable(config.holdQueueMax, random, {
      onRetired: (target) => this.upstreams.release(target),
      onDrained: options.onDrained,
    });
    const stopping = () => this.stopping;
    this.context = { config, upstreams: this.upstreams, nowMs, monotonicMs, random, stopping };
    this.front = new HttpFront(this.context, options.ca);
    this.listeners = new Listeners(
      options.held,
      config.connectionsMax,
      { onConnection: (name, socket) => this.accept(name, socket), onError: options.onListenerError },
      monotonicMs,
    );
  }

  /** Puts a table in force unless it equals the one that is. */
  apply(table: Table): 'swapped' | 'same' {
    const same = this.table !== undefined && sameTable(this.table, table);
    if (!same) {
      this.table = table;
      this.live.swap(table);
    }
    this.listeners.open(Object.values(table.listeners));
    return same ? 'same' : 'swapped';
  }

  /** Tries those again that could not be bound. */
  retryListeners(): void {
    if (this.table) this.listeners.open(Object.values(this.table.listeners));
  }

  get current(): Table | undefined {
    return this.table;
  }

  get routes(): Iterable<LiveRoute> {
    return this.live.routes.values();
  }

  /** Instances that get no new request and still have one here. */
  busy(): readonly InstanceId[] {
    return this.live.busy();
  }

  ejected(): ReadonlySet<string> {
    return this.live.ejected(this.options.nowMs());
  }

  get listening(): readonly string[] {
    return this.listeners.listening;
  }

  /** Listeners handed down that no table has named yet. */
  get unopened(): readonly string[] {
    return this.listeners.unopened;
  }

  get inFlight(): number {
    let count = 0;
    for (const route of this.routes) count += route.counters.inFlight;
    return count;
  }

  /**
   * Stops accepting, tells clients to close, lets requests in flight finish, and ends. Connections without a request get
   * `drainIdleMs` to bring one more, since one may be on its way. Resolves true when nothing was cut off.
   */
  async stop(): Promise<boolean> {
    const { config, monotonicMs } = this.options;
    this.stopping = true;
    this.listeners.stopAccepting();
    const begunMs = monotonicMs();
    const drained = await this.until(() => {
      const elapsedMs = monotonicMs() - begunMs;
      if (elapsedMs >= config.drainIdleMs) this.front.closeIdle();
      return this.listeners.connections === 0 || elapsedMs >= config.drainMaxMs;
    });
    const clean = drained && this.listeners.connections === 0;
    this.front.closeAll();
    this.listeners.destroyConnections();
    this.front.stop();
    await this.upstreams.destroy();
    return clean;
  }

  private async until(reached: () => boolean): Promise<true> {
    while (!reached()) await new Promise((resolve) => setTimeout(resolve, STOP_POLL_MS));
    return true;
  }

  private accept(name: string, socket: Socket): void {
    // A kernel socket can be gone between accept and here.
    socket.on('error', () => undefined);
    if (this.live.listener(name)?.protocol === 'tcp') this.acceptTcp(name, socket);
    else this.front.take(socket, () => this.routeOf(name));
  }

  private acceptTcp(name: string, socket: Socket): void {
    const route = this.routeOf(name);
    if (route) new TcpExchange(this.context, route, socket, this.options.ca).start();
    else socket.resetAndDestroy();
  }

  private routeOf(name: string): LiveRoute | undefined {
    const listener = this.live.listener(name);
    return listener && this.live.routes.get(routeKey(listener.component, listener.port));
  }
}
