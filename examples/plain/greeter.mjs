/** Greets whoever is named in the path. */
import http from 'node:http';

const server = http.createServer((request, response) => {
  response.end(`${process.env.GREETING}, ${decodeURIComponent((request.url ?? '/').slice(1)) || 'stranger'}`);
});
server.listen(Number(process.env.PORT ?? 8091), process.env.HOST ?? '127.0.0.1');
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
