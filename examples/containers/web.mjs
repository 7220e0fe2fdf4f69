/** What clients reach; passes everything on to http://api:8080, as any Compose application would. */
import http from 'node:http';

const passOn = async (request, response) => {
  if (request.url === '/alive') {
    response.end('alive');
    return;
  }
  try {
    const answer = await fetch(`http://api:8080${request.url}`, {
      method: request.method,
      signal: AbortSignal.timeout(5_000),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  } catch (error) {
    response.writeHead(502).end(String(error.cause ?? error));
  }
};

const server = http.createServer((request, response) => void passOn(request, response));
server.listen(8080);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
