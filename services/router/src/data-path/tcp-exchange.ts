/**
 * One TCP connection through the router: bytes both ways, half-closes passed on. The target is chosen by fewest
 * connections.
 */
import type { Socket } from 'node:net';
import { JoinedExchange } from './joined-exchange.js';
import type { Lane } from './live-target.js';
import type { LiveRoute } from './live-route.js';
import type { PathContext } from './path-context.js';

export class TcpExchange extends JoinedExchange {
  readonly method = 'CONNECT';

  constructor(
    context: PathContext,
    route: LiveRoute,
    private readonly client: Socket,
    ca: string,
  ) {
    super(context, route, client, ca);
  }

  protected joined(upstream: Socket, lane: Lane, begunMs: number): void {
    lane.count('ok', this.context.monotonicMs() - begunMs, this.context.nowMs());
    this.count(true);
    joinSockets(this.client, upstream, () => {
      lane.end();
      this.finish();
    });
  }

  /** A reset, so that the client does not take it for an empty answer. */
  protected refuse(): void {
    this.client.resetAndDestroy();
  }
}

/** Bytes both ways until both directions have ended; an error at one side ends the other. `done` once both are closed. */
export const joinSockets = (a: Socket, b: Socket, done: () => void): void => {
  let open = 2;
  const closed = (other: Socket) => () => {
    other.destroySoon();
    open -= 1;
    if (open === 0) done();
  };
  a.once('close', closed(b));
  b.on('error', () => a.resetAndDestroy()).once('close', closed(a));
  a.on('error', () => b.resetAndDestroy());
  a.pipe(b).pipe(a);
};
