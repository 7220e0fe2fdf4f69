import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { ask, at, closeServer, freePort, listen, openBench, until, type Bench } from './data-path.testing.js';

let bench: Bench;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await bench.close();
  await Promise.all(closers.splice(0).map((close) => close()));
});

const echoServer = async (): Promise<number> => {
  const http = createServer((_req, res) => void res.end('plain'));
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket, req) => {
    socket.send(`${req.url} ${String(req.headers['x-forwarded-for'])}`);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  closers.push(() => {
    for (const client of sockets.clients) client.terminate();
    return closeServer(http);
  });
  return listen(http);
};

const talk = (port: number): { readonly socket: WebSocket; readonly got: string[] } => {
  const got: string[] = [];
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat?room=1`);
  socket.on('message', (data: Buffer) => got.push(data.toString('utf8')));
  socket.on('error', () => undefined);
  return { socket, got };
};

describe('a WebSocket', () => {
  it('is carried both ways and counts as in flight until it closes', async () => {
    bench = await openBench();
    bench.apply({ endpoints: { web: [at('a', await echoServer())] } });
    const { socket, got } = talk(bench.port);
    await until(() => got.length === 1, 'a greeting');
    expect(got[0]).toBe('/chat?room=1 127.0.0.1');
    socket.send('x'.repeat(100_000));
    await until(() => got.length === 2, 'an echo');
    expect(got[1]?.length).toBe(100_000);
    expect(bench.path.inFlight).toBe(1);
    bench.apply({ endpoints: { web: [] } });
    expect(bench.path.busy()).toEqual(['a']);
    socket.close();
    await until(() => bench.path.inFlight === 0, 'no request in flight');
    expect(bench.path.busy()).toEqual([]);
  });

  it('goes to another endpoint when one refuses, and waits for one when there is none', async () => {
    bench = await openBench();
    const { socket, got } = talk(bench.port);
    await until(() => [...bench.path.routes].some(({ queued }) => queued === 1), 'a held upgrade');
    bench.apply({ endpoints: { web: [at('gone', await freePort()), at('a', await echoServer())] } });
    await until(() => got.length === 1, 'a greeting');
    socket.terminate();
    await until(() => bench.path.inFlight === 0, 'no request in flight');
  });

  it('gets the answer of an endpoint that does not upgrade', async () => {
    bench = await openBench();
    const target = await bench.target((_req, res) => {
      res.writeHead(403);
      res.write('not ');
      res.end('here');
    });
    bench.apply({ endpoints: { web: [at('a', target.port)] } });
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    expect(await ask(bench.port, { headers })).toMatchObject({ status: 403, body: 'not here' });
    await until(() => bench.path.inFlight === 0, 'no request in flight');
  });

  it('ends when the endpoint dies', async () => {
    bench = await openBench();
    bench.apply({ endpoints: { web: [at('a', await echoServer())] } });
    const { socket, got } = talk(bench.port);
    let closed = false;
    socket.on('close', () => (closed = true));
    await until(() => got.length === 1, 'a greeting');
    await closers.splice(0)[0]?.();
    await until(() => closed, 'the end');
    await until(() => bench.path.inFlight === 0, 'no request in flight');
  });
});
