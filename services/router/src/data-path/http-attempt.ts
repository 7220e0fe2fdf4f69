/**
 * One attempt of a request at one target, as undici's handler. Knows whether the target can have got anything, which is
 * what a retry depends on. Its lane is freed only when undici is done with it, so that a drain never ends too early.
 */
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { AttemptOutcome } from '../decide/ejection.js';
import { requestHeaders, targetPath } from '../decide/headers.js';
import { classifyFailure } from './failure.js';
import type { HttpExchange } from './http-exchange.js';
import type { Lane } from './live-target.js';

type Controller = Dispatcher.DispatchController;

const ABANDONED = new Error('the client went away');

export class HttpAttempt implements Dispatcher.DispatchHandler {
  private readonly startedMs: number;
  private controller: Controller | undefined;
  private abandoned = false;
  private ended = false;
  private status = 0;

  constructor(
    private readonly exchange: HttpExchange,
    readonly lane: Lane,
  ) {
    this.startedMs = exchange.context.monotonicMs();
  }

  start(body: Buffer | Readable | null): void {
    const { context, req } = this.exchange;
    const { target } = this.lane;
    const path = targetPath(req.url ?? '/', target.basePath) ?? '/';
    const headers = requestHeaders(req.rawHeaders, {
      remoteAddress: req.socket.remoteAddress ?? '',
      authority: target.authority,
    });
    // Invalid arguments come back through onResponseError, like every other failure.
    context.upstreams.pool(target).dispatch({ method: this.exchange.method, path, headers, body }, this);
  }

  /** The client went away. */
  abandon(): void {
    this.abandoned = true;
    this.controller?.abort(ABANDONED);
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.abandoned) controller.abort(ABANDONED);
  }

  onResponseStart(controller: Controller, status: number, _headers: unknown, statusText = ''): void {
    if (status < 200) return;
    this.status = status;
    this.exchange.answer(status, statusText, latin1(controller.rawHeaders));
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    const { res } = this.exchange;
    if (res.write(chunk)) return;
    controller.pause();
    res.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    const ok = this.status < 500;
    this.end(ok ? 'ok' : 'failed');
    this.exchange.answered(ok);
  }

  onResponseError(_controller: Controller | undefined, error: Error): void {
    if (this.ended) return;
    if (this.abandoned) return this.release();
    const failure = classifyFailure(error, this.controller !== undefined);
    if (failure === 'invalid') return this.cannotBeSent(error.message);
    this.end(failure === 'unreachable' ? 'unreachable' : 'failed');
    if (this.status !== 0 && this.exchange.answerBegun()) this.exchange.broken();
    else this.exchange.attemptFailed(this, failure);
  }

  private cannotBeSent(reason: string): void {
    this.release();
    this.exchange.refuse(reason);
  }

  private end(outcome: AttemptOutcome): void {
    const { context } = this.exchange;
    this.lane.count(outcome, context.monotonicMs() - this.startedMs, context.nowMs());
    this.release();
  }

  private release(): void {
    if (this.ended) return;
    this.ended = true;
    this.lane.end();
  }
}

const latin1 = (raw: Controller['rawHeaders']): string[] =>
  Array.isArray(raw) ? raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))) : [];
