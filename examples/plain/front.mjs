/** Asks the greeter, found under the name the Compose file gives it, and passes its answer on. */
import http from 'node:http';

const greeter = process.env.GREETER_URL ?? 'http://127.0.0.1:8091';

const ask = async (path) => {
  try {
    const answer = await fetch(new URL(path, greeter), { signal: AbortSignal.timeout(2_000) });
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    return { status: 502, text: String(error) };
  }
};

const server = http.createServer((request, response) => {
  void ask(request.url ?? '/').then(({ status, text }) => response.writeHead(status).end(`${text}\n`));
});
server.listen(Number(process.env.PORT ?? 8090), process.env.HOST ?? '127.0.0.1');
process.once('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
