/**
 * WebSockets. The connection to a target is made here, with the same holding and retrying as everything else; http-proxy
 * then does the handshake over it and joins the sockets. An open WebSocket counts as a request in flight.
 */
import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import { requestHeaders, targetPath } from '../decide/headers.js';
import type { AttemptFailure } from '../decide/retry.js';
import type { Target } from '../decide/table.js';
import { connectTarget } from './connect.js';
import { countRequest } from './counters.js';
import { classifyFailure } from './failure.js';
import { answerErrorOnSocket } from './http-error.js';
import type { Lane } from './live-target.js';
import type { LiveRoute } from './live-route.js';
import type { PathContext } from './path-context.js';
import { Turn, type TurnOwner } from './turn.js';
import { originOf } from './upstreams.js';

export const isWebSocket = (req: IncomingMessage): boolean =>
  req.method === 'GET' && req.headers.upgrade?.toLowerCase() === 'websocket';

export class UpgradeExchange implements TurnOwner {
  readonly method = 'GET';
  private readonly startedMs: number;
  private readonly turn: Turn;
  private cancel: (() => void) | undefined;
  private state: 'seeking' | 'joined' | 'over' = 'seeking';
  private counted = false;

  constructor(
    private readonly context: PathContext,
    private readonly route: LiveRoute,
    private readonly req: IncomingMessage,
    private readonly client: Duplex,
    private readonly head: Buffer,
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
      if (!(result instanceof Error)) return this.shakeHands(result, lane, begunMs);
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
    answerErrorOnSocket(this.client, failure ?? 'no-endpoint', this.route.route.component, reason);
  };

  private shakeHands(upstream: Socket, lane: Lane, begunMs: number): void {
    this.state = 'joined';
    this.turn.close();
    let judged = false;
    const judge = (ok: boolean): void => {
      if (judged) return;
      judged = true;
      clearTimeout(timer);
      lane.count(ok ? 'ok' : 'failed', this.context.monotonicMs() - begunMs, this.context.nowMs());
      this.count(ok);
    };
    const timer = setTimeout(() => upstream.destroy(), this.context.config.answerTimeoutMs);
    // Whatever breaks it also closes it.
    upstream.on('error', () => undefined);
    upstream.once('close', () => {
      judge(false);
      lane.end();
      this.finish();
      this.client.end();
    });
    this.client.once('close', () => upstream.destroy());
    forward(this.req, this.client, this.head, upstream, lane.target, judge);
  }

  private count(ok: boolean): void {
    if (this.counted) return;
    this.counted = true;
    countRequest(this.route.counters, ok, this.context.monotonicMs() - this.startedMs);
  }

  private finish(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.turn.close();
    this.route.counters.inFlight -= 1;
  }

  private readonly onClosed = (): void => {
    if (this.state !== 'seeking') return;
    this.cancel?.();
    this.finish();
  };
}

/** Hands the connected socket to http-proxy. `judge` is called with whether the target took the upgrade (or answered below 500). */
const forward = (
  req: IncomingMessage,
  client: Duplex,
  head: Buffer,
  upstream: Socket,
  target: Target,
  judge: (ok: boolean) => void,
): void => {
  const proxy = httpProxy.createProxyServer({ ws: true });
  proxy.on('proxyReqWs', (proxyReq) => {
    proxyReq.on('upgrade', () => judge(true));
    // http-proxy writes the answer's own framing fields before a body it has unframed.
    proxyReq.on('response', (res) => {
      judge((res.statusCode ?? 500) < 500);
      delete res.headers['transfer-encoding'];
      delete res.headers['keep-alive'];
      res.headers.connection = 'close';
    });
  });
  const agent = target.tls ? new HttpsAgent() : new HttpAgent();
  agent.createConnection = () => upstream;
  rewriteHeaders(req, target);
  proxy.ws(req, client, head, { target: originOf(target), agent }, () => {
    judge(false);
    upstream.destroy();
  });
};

/** The request as http-proxy is to send it: it copies `req.headers` and `req.url`. */
const rewriteHeaders = (req: IncomingMessage, target: Target): void => {
  const flat = requestHeaders(req.rawHeaders, {
    remoteAddress: req.socket.remoteAddress ?? '',
    authority: target.authority,
  });
  const headers: IncomingMessage['headers'] = { connection: 'Upgrade', upgrade: req.headers.upgrade };
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase();
    const before = headers[name];
    headers[name] = before === undefined ? flat[i + 1] : `${String(before)}, ${flat[i + 1] ?? ''}`;
  }
  req.headers = headers;
  req.url = targetPath(req.url ?? '/', target.basePath) ?? '/';
};
