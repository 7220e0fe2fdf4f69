/**
 * An HTTP server that ends well: after SIGTERM it accepts nothing new, finishes what it has and exits. It listens where
 * Mitosis says (PORT, HOST); started by hand it takes the port it is given here.
 */
import http from 'node:http';
import { Overloaded } from './workers.mjs';

/** Requests still running this long after SIGTERM are given up. */
const END_MS = 8_000;

/**
 * @param {{ port: number, routes: Record<string, (url: URL, request: http.IncomingMessage) => Promise<Answer>> }} program
 * @typedef {{ status?: number, body: unknown, headers?: Record<string, string> }} Answer
 */
export const serve = ({ port, routes }) => {
  const instance = process.env.MITOSIS_INSTANCE ?? 'by-hand';

  /** @param {http.IncomingMessage} request @returns {Promise<Answer>} */
  const answer = async (request) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/healthz') return { body: { ok: true, instance } };
    const route = routes[url.pathname];
    if (route === undefined) return { status: 404, body: { error: `nothing at ${url.pathname}` } };
    try {
      return await route(url, request);
    } catch (error) {
      const status = error instanceof Overloaded ? 503 : 502;
      return { status, body: { error: error instanceof Error ? error.message : String(error), instance } };
    }
  };

  const respond = async (request, response) => {
    const { status = 200, body, headers = {} } = await answer(request);
    // The connection is not kept once the end has begun: the client must find another instance for its next request.
    const connection = server.listening ? {} : { connection: 'close' };
    const type = typeof body === 'string' ? 'text/html; charset=utf-8' : 'application/json';
    response.writeHead(status, { 'content-type': type, 'x-instance': instance, ...connection, ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

  const server = http.createServer((request, response) => void respond(request, response));
  // Longer than any router keeps an idle connection: it is never this side that closes one under a new request.
  server.keepAliveTimeout = 75_000;
  server.listen(Number(process.env.PORT ?? port), process.env.HOST ?? '127.0.0.1', () => {
    console.log(`${instance} listens on ${JSON.stringify(server.address())}`);
  });

  const end = () => {
    console.log(`${instance} ends`);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(1), END_MS).unref();
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
};
