/** Asks the store under the name that the Compose file gives it. */
import http from 'node:http';
import net from 'node:net';
import { hostname } from 'node:os';

const [host, port] = process.env.STORE.split(':');

const ask = (line) =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host, port: Number(port) }, () => socket.write(`${line}\n`));
    socket.setTimeout(2_000, () => socket.destroy(new Error('the store does not answer')));
    socket.once('data', (text) => {
      resolve(JSON.parse(String(text)));
      socket.end();
    });
    socket.once('error', reject);
  });

const answer = async (request, response) => {
  const { pathname } = new URL(request.url, 'http://api');
  try {
    const visits = await ask(request.method === 'POST' ? `add ${pathname.slice(1)}` : 'all');
    response.end(JSON.stringify({ by: hostname(), visits }));
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
};

const server = http.createServer((request, response) => void answer(request, response));
server.listen(8080);
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
