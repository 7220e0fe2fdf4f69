/**
 * One TCP connection through the router: bytes both ways, half-closes passed on. The target is chosen by fewest
 * connections; one that cannot be reached costs the client nothing but time, since nothing has been sent yet.
 */
import type { Socket } from 'node:net';
import type { AttemptFailure } from '../decide/retry.js';
import { connectTarget } from './connect.js';
import { countRequest } from './counters.js';
import { classifyFailure } from './failure.js';
import type { Lane } from './live-target.js';
import type { LiveRoute } from './live-route.js';
import type { PathContext } from './path-context.js';
import { Turn, type TurnOwner } from './turn.js';

export class TcpExchange implements TurnOwner {
  readonly method = 'CONNECT';
  private readonly startedMs: number;
  private readonly turn: Turn;
  private cancel: (() => void) | undefined;
  private state: 'seeking' | 'joined' | 'over' = 'seeking';

  constructor(
    private readonly context: PathContext,
    private readonly route: LiveRoute,
    private readonly client: Socket,
    private readonly ca: string,
  ) {
    this.startedMs = context.monotonicMs();
    this.turn = new Turn(context, route, this);
  }

  start(): void {
    this.route.counters.inFlight += 1;
    this.client.on('error', () => undefined).once('close', this.onClosed);
    this.turn.next();
  }

  readonly answerBegun = (): boolean => false;
  readonly bodyReplayable = (): boolean => true;

  readonly attempt = (lane: Lane): void => {
    const begunMs = this.context.monotonicMs();
    const options = { timeoutMs: this.context.config.connectTimeoutMs, ca: this.ca };
    const give = connectTarget(lane.target, options, (result) => {
      this.cancel = undefined;
      const connected = !(result instanceof Error);
      const nowMs = this.context.nowMs();
      lane.count(connected ? 'ok' : 'unreachable', this.context.monotonicMs() - begunMs, nowMs);
      if (connected) return this.join(result, lane);
      lane.end();
      const failure = classifyFailure(result, false);
      this.turn.failed(lane, failure === 'invalid' ? 'unreachable' : failure);
    });
    this.cancel = () => {
      give();
      lane.end();
    };
  };

  readonly giveUp = (_reason: string, failure: AttemptFailure | undefined): void => {
    if (failure === undefined) this.route.counters.rejected += 1;
    this.count(false);
    this.finish();
    // A reset, so that the client does not take it for an empty answer.
    this.client.resetAndDestroy();
  };

  private join(upstream: Socket, lane: Lane): void {
    this.count(true);
    this.state = 'joined';
    this.turn.close();
    joinSockets(this.client, upstream, () => {
      lane.end();
      this.finish();
    });
  }

  private count(ok: boolean): void {
    countRequest(this.route.counters, ok, this.context.monotonicMs() - this.startedMs);
  }

  private finish(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.turn.close();
    this.route.counters.inFlight -= 1;
  }

  /** The client left before it was joined to a target. */
  private readonly onClosed = (): void => {
    if (this.state !== 'seeking') return;
    this.cancel?.();
    this.finish();
  };
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
