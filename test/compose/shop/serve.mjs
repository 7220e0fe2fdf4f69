/** A server that ends well: after SIGTERM it takes nothing new, finishes what it has, and exits. */
import http from 'node:http';

/** @param {(request: http.IncomingMessage) => Promise<{ status: number, body: string }>} answer */
export const serve = (answer) => {
  const respond = async (request, response) => {
    const alive = request.url === '/alive';
    const { status, body } = alive ? { status: 200, body: 'alive' } : await answer(request);
    // The connection is not kept once the end has begun.
    response.writeHead(status, server.listening ? {} : { connection: 'close' }).end(body);
  };
  const server = http.createServer((request, response) => void respond(request, response));
  // Longer than any router keeps an idle connection.
  server.keepAliveTimeout = 90_000;
  server.listen(8080);
  process.on('SIGTERM', () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
};
