import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { at, freePort, openBench, until, type Bench } from './data-path.testing.js';

let bench: Bench;
afterEach(() => bench.close());

/** Sends, half-closes, and collects the answer. */
const exchange = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let got = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(text));
    socket.setEncoding('utf8').on('data', (chunk: string) => (got += chunk));
    socket.on('end', () => resolve(got)).on('error', reject);
  });

describe('a TCP route', () => {
  it('carries bytes both ways and passes the half-close on', async () => {
    bench = await openBench({}, { protocol: 'tcp' });
    const echo = await bench.tcpTarget((socket) => {
      let got = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => (got += chunk));
      socket.on('end', () => socket.end(`got ${got.length}`));
    });
    bench.apply({ endpoints: { web: [at('a', echo.port)] } });
    expect(await exchange(bench.port, 'x'.repeat(500_000))).toBe('got 500000');
    await until(() => bench.path.inFlight === 0, 'no connection left');
  });

  it('goes to another endpoint when one refuses', async () => {
    bench = await openBench({}, { protocol: 'tcp' });
    const echo = await bench.tcpTarget((socket) => void socket.pipe(socket));
    bench.apply({ endpoints: { web: [at('gone', await freePort()), at('good', echo.port)] } });
    for (let i = 0; i < 6; i += 1) expect(await exchange(bench.port, 'hello')).toBe('hello');
  });

  it('spreads connections by how many are open', async () => {
    bench = await openBench({}, { protocol: 'tcp' });
    const counts = { a: 0, b: 0 };
    const a = await bench.tcpTarget((socket) => void ((counts.a += 1), socket.pipe(socket)));
    const b = await bench.tcpTarget((socket) => void ((counts.b += 1), socket.pipe(socket)));
    bench.apply({ endpoints: { web: [at('a', a.port), at('b', b.port)] } });
    const sockets = Array.from({ length: 10 }, () => connect(bench.port, '127.0.0.1'));
    await until(() => counts.a + counts.b === 10, 'ten connections');
    expect(counts).toEqual({ a: 5, b: 5 });
    for (const socket of sockets) socket.destroy();
    await until(() => bench.path.inFlight === 0, 'no connection left');
  });

  it('holds a connection until an endpoint appears, and resets it when none does', async () => {
    bench = await openBench({ holdMaxMs: 100 }, { protocol: 'tcp' });
    await expect(exchange(bench.port, 'x')).rejects.toThrow(/ECONNRESET/);
    const echo = await bench.tcpTarget((socket) => void socket.pipe(socket));
    const answer = exchange(bench.port, 'x');
    await until(() => [...bench.path.routes].some(({ queued }) => queued === 1), 'a held connection');
    bench.apply({ endpoints: { web: [at('a', echo.port)] } });
    expect(await answer).toBe('x');
  });

  it('resets the client when the target resets', async () => {
    bench = await openBench({}, { protocol: 'tcp' });
    const bad = await bench.tcpTarget((socket) => void socket.once('data', () => socket.resetAndDestroy()));
    bench.apply({ endpoints: { web: [at('a', bad.port)] } });
    await expect(exchange(bench.port, 'x')).rejects.toThrow(/ECONNRESET/);
    await until(() => bench.path.inFlight === 0, 'no connection left');
  });
});
