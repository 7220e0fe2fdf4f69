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
import { answerErrorOnSocket } from './http-error.js';
import { JoinedExchange } from './joined-exchange.js';
import type { Lane } from './live-target.js';
import type { LiveRoute } from './live-route.js';
import type { PathContext } from './path-context.js';
import { originOf } from './upstreams.js';

export const isWebSocket = (req: IncomingMessage): boolean =>
  req.method === 'GET' && req.headers.upgrade?.toLowerCase() === 'websocket';

export class UpgradeExchange extends JoinedExchange {
  readonly method = 'GET';

  constructor(
    context: PathContext,
    route: LiveRoute,
    private readonly req: IncomingMessage,
    private readonly client: Duplex,
    private readonly head: Buffer,
    ca: string,
  ) {
    super(context, route, client, ca);
  }

  protected refuse(reason: string, failure: AttemptFailure | undefined): void {
    answerErrorOnSocket(this.client, failure ?? 'no-endpoint', this.route.route.component, reason);
  }

  protected joined(upstream: Socket, lane: Lane, begunMs: number): void {
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
