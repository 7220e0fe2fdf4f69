/**
 * The HTTP server behind every HTTP listener: one parser configuration, no socket of its own. Listeners hand it accepted
 * connections, so that closing a listener leaves those alone.
 */
import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Readable, type Duplex } from 'node:stream';
import { HttpExchange } from './http-exchange.js';
import { answerError, answerErrorOnSocket, endWithStatus } from './http-error.js';
import type { LiveRoute } from './live-route.js';
import type { PathContext } from './path-context.js';
import { RequestBody } from './request-body.js';
import { isWebSocket, UpgradeExchange } from './upgrade.js';

/** How often slow senders are looked for. */
const SLOW_CHECK_MS = 2_000;

export class HttpFront {
  private readonly server: Server;
  private readonly routes = new WeakMap<object, () => LiveRoute | undefined>();
  private watches = false;

  constructor(
    private readonly context: PathContext,
    private readonly ca: string,
  ) {
    const { config } = context;
    this.server = createServer({
      headersTimeout: config.requestHeadTimeoutMs,
      // Bodies may take as long as they like: uploads are streams.
      requestTimeout: 0,
      keepAliveTimeout: config.keepAliveMs,
      maxHeaderSize: config.headerBytesMax,
      connectionsCheckingInterval: SLOW_CHECK_MS,
      noDelay: true,
    });
    this.server.on('request', (req, res) => this.onRequest(req, res));
    this.server.on('upgrade', (req, socket, head) => this.onUpgrade(req, socket, head));
    this.server.on('clientError', onClientError);
  }

  /** @param route - asked again for each request: tables are swapped under open connections */
  take(socket: Socket, route: () => LiveRoute | undefined): void {
    this.routes.set(socket, route);
    this.watchSlow();
    this.server.emit('connection', socket);
  }

  /** It never listens; this starts its watch over slow senders and idle connections. Without any no timer holds it. */
  private watchSlow(): void {
    if (this.watches) return;
    this.watches = true;
    this.server.emit('listening');
  }

  closeIdle(): void {
    this.server.closeIdleConnections();
  }

  closeAll(): void {
    this.server.closeAllConnections();
  }

  /** Ends the watch over slow senders; connections are the caller's to end. */
  stop(): void {
    this.server.close();
  }

  private onRequest(req: IncomingMessage, res: ServerResponse): void {
    const route = this.routes.get(req.socket)?.();
    if (route) new HttpExchange(this.context, route, req, res).start();
    else answerError(res, 'no-route', '', 'nothing is known to be served here');
  }

  private onUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const route = this.routes.get(socket)?.();
    if (!route) return answerErrorOnSocket(socket, 'no-route', '', 'nothing is known to be served here');
    if (isWebSocket(req)) return new UpgradeExchange(this.context, route, req, socket, head, this.ca).start();
    this.withoutUpgrade(route, req, socket, head);
  }

  /**
   * Clients that offer another protocol (`h2c`, as Java's HttpClient does) are content with an ordinary answer. Node has
   * taken the connection off its parser by now, so the answer is the connection's last.
   */
  private withoutUpgrade(route: LiveRoute, req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const length = RequestBody.lengthOf(req);
    if (length === Infinity)
      return answerErrorOnSocket(
        socket,
        'not-supported',
        route.route.component,
        'an upgrade with a chunked body',
      );
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket as Socket);
    res.once('finish', () => socket.end());
    // Node's own listeners are gone with the parser.
    socket.on('error', () => res.destroy()).on('drain', () => res.emit('drain'));
    new HttpExchange(this.context, route, req, res, bodyOf(socket, head, length)).start();
  }
}

/** `length` bytes, the first of which have been read. */
const bodyOf = (socket: Duplex, head: Buffer, length: number): Readable => {
  let left = length - head.length;
  const body = new Readable({ read: () => socket.resume() });
  const take = (chunk: Buffer): void => {
    if (!body.push(chunk)) socket.pause();
    if (left <= 0) body.push(null);
  };
  if (length === 0) body.push(null);
  else take(head.subarray(0, length));
  socket.on('data', (chunk: Buffer) => {
    if (left <= 0) return;
    const part = chunk.subarray(0, left);
    left -= part.length;
    take(part);
  });
  socket.once('close', () => body.destroy());
  return body;
};

const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

const onClientError = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === 'ECONNRESET') socket.destroy();
  else endWithStatus(socket, STATUS_OF[error.code ?? ''] ?? 400, [['Content-Length', '0']], '');
};
