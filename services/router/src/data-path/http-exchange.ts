/**
 * One HTTP request from its head to the end of its answer. Streams both ways with back-pressure; a client that goes away
 * takes its attempt with it. Must answer every request exactly once, and count it exactly once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { responseHeaders, targetPath } from '../decide/headers.js';
import type { AttemptFailure } from '../decide/retry.js';
import { countRequest } from './counters.js';
import { HttpAttempt } from './http-attempt.js';
import { answerError } from './http-error.js';
import type { Lane } from './live-target.js';
import type { LiveRoute } from './live-route.js';
import type { PathContext } from './path-context.js';
import { RequestBody } from './request-body.js';
import { Turn, type TurnOwner } from './turn.js';

export class HttpExchange implements TurnOwner {
  private readonly startedMs: number;
  private readonly turn: Turn;
  private readonly body: RequestBody;
  private current: HttpAttempt | undefined;
  private over = false;

  /** @param bodySource - where the body is read from when it is not the request itself */
  constructor(
    readonly context: PathContext,
    private readonly route: LiveRoute,
    readonly req: IncomingMessage,
    readonly res: ServerResponse,
    bodySource: Readable = req,
  ) {
    this.startedMs = context.monotonicMs();
    this.turn = new Turn(context, route, this);
    this.body = new RequestBody(bodySource, RequestBody.lengthOf(req), context.config.replayBytesMax);
  }

  start(): void {
    this.route.counters.inFlight += 1;
    // A client that goes away while it is written to: `close` says the same.
    this.res.on('close', this.onClosed).on('error', () => undefined);
    if (targetPath(this.req.url ?? '/', '') === undefined)
      return this.refuse('only origin and absolute form can be forwarded');
    this.body.prepare(() => {
      if (!this.over) this.turn.next();
    });
  }

  get method(): string {
    return this.req.method ?? 'GET';
  }
  readonly answerBegun = (): boolean => this.res.headersSent;
  readonly bodyReplayable = (): boolean => this.body.replayable;

  readonly attempt = (lane: Lane): void => {
    this.current = new HttpAttempt(this, lane);
    this.current.start(this.body.open());
  };

  readonly giveUp = (reason: string, failure: AttemptFailure | undefined): void => {
    if (this.over) return;
    if (failure === undefined) this.route.counters.rejected += 1;
    this.finish(false);
    answerError(
      this.res,
      failure === undefined ? 'no-endpoint' : failure,
      this.route.route.component,
      reason,
    );
  };

  /** The attempt ended without an answer. */
  attemptFailed(attempt: HttpAttempt, failure: AttemptFailure): void {
    if (this.over || attempt !== this.current) return;
    this.current = undefined;
    this.turn.failed(attempt.lane, failure);
  }

  /** The request itself cannot be forwarded. */
  refuse(reason: string): void {
    if (this.over) return;
    this.finish(false);
    answerError(this.res, 'bad-request', this.route.route.component, reason);
  }

  /** Throws when the head cannot be sent on (fields no client would take). */
  answer(status: number, statusText: string, rawHeaders: readonly string[]): void {
    if (this.context.stopping()) this.res.shouldKeepAlive = false;
    this.res.writeHead(status, statusText, responseHeaders(rawHeaders));
  }

  answered(ok: boolean): void {
    if (this.over) return;
    this.finish(ok);
    this.res.end();
  }

  /** The answer broke off in the middle: the client must not take it for whole. */
  broken(): void {
    if (this.over) return;
    this.finish(false);
    this.res.destroy();
  }

  private finish(ok: boolean): void {
    this.leave();
    countRequest(this.route.counters, ok, this.context.monotonicMs() - this.startedMs);
  }

  private leave(): void {
    this.over = true;
    this.current = undefined;
    this.res.off('close', this.onClosed);
    this.turn.close();
    this.route.counters.inFlight -= 1;
  }

  /** The client is gone: nobody's error, and no latency that means anything. */
  private readonly onClosed = (): void => {
    if (this.over) return;
    const attempt = this.current;
    this.leave();
    this.route.counters.requests += 1;
    attempt?.abandon();
  };
}
