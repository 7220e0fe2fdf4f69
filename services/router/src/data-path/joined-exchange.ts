/**
 * What every exchange that ends in two joined sockets does: seeks a target that can be reached, joins it once, and gives
 * back what it held, however it ends. Before it is joined nothing has been sent, so a target that cannot be reached costs
 * the client nothing but time.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AttemptFailure } from '../decide/retry.js';
import { connectTarget } from './connect.js';
import { countRequest } from './counters.js';
import { classifyFailure } from './failure.js';
import type { Lane } from './live-target.js';
import type { LiveRoute } from './live-route.js';
import type { PathContext } from './path-context.js';
import { Turn, type TurnOwner } from './turn.js';

export abstract class JoinedExchange implements TurnOwner {
  abstract readonly method: string;
  private readonly startedMs: number;
  private readonly turn: Turn;
  private cancel: (() => void) | undefined;
  private state: 'seeking' | 'joined' | 'over' = 'seeking';
  private counted = false;

  constructor(
    protected readonly context: PathContext,
    protected readonly route: LiveRoute,
    private readonly stream: Duplex,
    private readonly ca: string,
  ) {
    this.startedMs = context.monotonicMs();
    this.turn = new Turn(context, route, this);
  }

  /** The target is connected; `begunMs` is when the attempt began. Must end with `lane.end()` and `finish()`. */
  protected abstract joined(upstream: Socket, lane: Lane, begunMs: number): void;
  /** Tells the client that no target could be had. */
  protected abstract refuse(reason: string, failure: AttemptFailure | undefined): void;

  start(): void {
    this.route.counters.inFlight += 1;
    this.stream.on('error', () => undefined).once('close', this.onClosed);
    this.turn.next();
  }

  readonly answerBegun = (): boolean => false;
  readonly bodyReplayable = (): boolean => true;

  readonly attempt = (lane: Lane): void => {
    const begunMs = this.context.monotonicMs();
    const options = { timeoutMs: this.context.config.connectTimeoutMs, ca: this.ca };
    const give = connectTarget(lane.target, options, (result) => {
      this.cancel = undefined;
      if (!(result instanceof Error)) {
        this.state = 'joined';
        this.turn.close();
        this.joined(result, lane, begunMs);
        return;
      }
      lane.count('unreachable', this.context.monotonicMs() - begunMs, this.context.nowMs());
      lane.end();
      const failure = classifyFailure(result, false);
      this.turn.failed(lane, failure === 'invalid' ? 'unreachable' : failure);
    });
    this.cancel = () => {
      give();
      lane.end();
    };
  };

  readonly giveUp = (reason: string, failure: AttemptFailure | undefined): void => {
    if (failure === undefined) this.route.counters.rejected += 1;
    this.count(false);
    this.finish();
    this.refuse(reason, failure);
  };

  /** Counts the whole exchange, once. */
  protected count(ok: boolean): void {
    if (this.counted) return;
    this.counted = true;
    countRequest(this.route.counters, ok, this.context.monotonicMs() - this.startedMs);
  }

  protected finish(): void {
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
