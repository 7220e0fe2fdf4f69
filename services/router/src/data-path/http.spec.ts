import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { component, spec } from '../decide/table.testing.js';
import type { RouterConfig } from '../router.config.js';
import { ask, at, closeServer, freePort, openBench, until, type Bench } from './data-path.testing.js';

let bench: Bench;
const open = async (config: Partial<RouterConfig> = {}): Promise<void> => {
  bench = await openBench(config);
};
const counters = () => [...bench.path.routes].find(({ route }) => route.component === 'web')?.counters;

afterEach(() => bench.close());

describe('an HTTP route', () => {
  it('passes a request and its answer through, fields and all', async () => {
    await open();
    const target = await bench.target((req, res) => {
      res.writeHead(201, 'Made', { 'X-Seen': req.headers['x-in'], 'Set-Cookie': ['a=1', 'b=2'] });
      res.end(`${req.method} ${req.url} ${String(req.headers['x-forwarded-for'])} ${req.headers.host}`);
    });
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    const answer = await ask(bench.port, {
      path: '/p?q=1',
      headers: { 'X-In': 'yes', Host: 'shop.example' },
    });
    expect(answer).toMatchObject({ status: 201, body: 'GET /p?q=1 127.0.0.1 shop.example' });
    expect(answer.headers).toMatchObject({ 'x-seen': 'yes', 'set-cookie': ['a=1', 'b=2'] });
    expect(counters()).toMatchObject({ requests: 1, errors: 0, inFlight: 0 });
    expect(counters()?.targets.get('web-a')).toMatchObject({ requests: 1, errors: 0, inFlight: 0 });
  });

  it.each([
    ['small', 1_000],
    ['large', 3_000_000],
  ])('carries a %s body both ways unharmed', async (_name, size) => {
    await open();
    const target = await bench.target((req, res) => void req.pipe(res));
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    const body = randomBytes(size).toString('base64');
    for (const headers of [{ 'Content-Length': String(body.length) }, { 'Transfer-Encoding': 'chunked' }]) {
      const answer = await ask(bench.port, { method: 'POST', body, headers });
      expect(digest(answer.body)).toBe(digest(body));
    }
  });

  it('streams an answer as it comes', async () => {
    await open();
    let finish = (): void => undefined;
    const target = await bench.target((_req, res) => {
      res.write('first');
      finish = () => res.end('last');
    });
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    let body = '';
    const ended = new Promise((resolve) => {
      request({ host: '127.0.0.1', port: bench.port, agent: false }, (res) => {
        res.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        res.on('end', resolve);
      }).end();
    });
    await until(() => body === 'first');
    finish();
    await ended;
    expect(body).toBe('firstlast');
  });

  it('repeats a GET elsewhere when the connection is reset before an answer', async () => {
    await open();
    const bad = await bench.target((req) => req.socket.resetAndDestroy());
    const good = await bench.target((_req, res) => void res.end('good'));
    bench.apply({ endpoints: { web: [at('bad', bad.port), at('good', good.port)] } });
    for (let i = 0; i < 20; i += 1) expect((await ask(bench.port)).body).toBe('good');
    expect(counters()).toMatchObject({ requests: 20, errors: 0 });
    expect(counters()?.targets.get('bad')?.errors).toBeGreaterThan(0);
  });

  it('does not repeat a POST that was reset, but does when the endpoint cannot be reached', async () => {
    await open();
    let got = 0;
    const bad = await bench.target((req) => {
      got += 1;
      req.socket.resetAndDestroy();
    });
    bench.apply({ endpoints: { web: [at('bad', bad.port)] } });
    const answer = await ask(bench.port, { method: 'POST', body: 'x' });
    expect([answer.status, got]).toEqual([502, 1]);
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'reset', component: 'web' });

    const good = await bench.target((req, res) => void req.pipe(res));
    bench.apply({ endpoints: { web: [at('gone', await freePort()), at('good', good.port)] } });
    for (const body of ['small', 'large'.repeat(30_000)])
      for (let i = 0; i < 4; i += 1)
        expect((await ask(bench.port, { method: 'POST', body })).body).toBe(body);
  });

  it('breaks the connection when an answer breaks off in the middle', async () => {
    await open();
    const target = await bench.target((_req, res) => {
      res.writeHead(200, { 'Content-Length': '100' });
      res.write('part', () => res.socket?.resetAndDestroy());
    });
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    await expect(ask(bench.port)).rejects.toThrow();
    expect(counters()).toMatchObject({ requests: 1, errors: 1, inFlight: 0 });
  });

  it('holds a request until an endpoint appears', async () => {
    await open();
    const target = await bench.target((_req, res) => void res.end('at last'));
    const answer = ask(bench.port);
    await until(() => [...bench.path.routes].some(({ queued }) => queued === 1), 'a held request');
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    expect((await answer).body).toBe('at last');
  });

  it('answers 503 with a reason when none appears in time, at once when too many wait', async () => {
    await open({ holdMaxMs: 60, holdQueueMax: 1 });
    const answers = await Promise.all([ask(bench.port), ask(bench.port)]);
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
    }
    const reasons = answers.map(({ body }) => (JSON.parse(body) as { reason: string }).reason).sort();
    expect(reasons).toEqual(['no endpoint', 'too many requests wait for an endpoint']);
    expect(counters()).toMatchObject({ requests: 2, errors: 2, rejected: 2 });
  });

  it('holds a request longer for a component that may have no instance yet', async () => {
    await open({ holdMaxMs: 20, zeroHoldMaxMs: 10_000 });
    bench.apply({
      spec: spec('web', [{ ...component('web'), scale: { min: 0, max: 3, initial: 0 } }]),
      endpoints: { web: [] },
    });
    let settled = false;
    const answer = ask(bench.port).finally(() => (settled = true));
    await until(() => [...bench.path.routes].some(({ queued }) => queued === 1), 'a held request');
    // Ten times as long as one of a component with a minimum would be held.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(settled).toBe(false);
    const target = await bench.target((_req, res) => void res.end('awake'));
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    expect((await answer).body).toBe('awake');
  });

  it('asks the only endpoint again when it refused and came back', async () => {
    await open();
    const port = await freePort();
    bench.apply({ endpoints: { web: [at('web-a', port)] } });
    const answer = ask(bench.port);
    await until(() => (counters()?.targets.get('web-a')?.errors ?? 0) > 0, 'a refused attempt');
    const target = await bench.target((_req, res) => void res.end('back'));
    await new Promise((resolve) => target.server.close(resolve));
    await new Promise<void>((resolve) => target.server.listen(port, '127.0.0.1', resolve));
    expect((await answer).body).toBe('back');
  });

  it('fails no GET of a constant load when an instance dies with requests in flight', async () => {
    await open();
    const slow = () => bench.target((_req, res) => void setTimeout(() => res.end('ok'), 5));
    const [a, b] = [await slow(), await slow()];
    bench.apply({ endpoints: { web: [at('a', a.port), at('b', b.port)] } });
    let sent = 0;
    const statuses: number[] = [];
    const client = async (): Promise<void> => {
      while (sent < 400) {
        sent += 1;
        if (sent === 120) void closeServer(a.server);
        statuses.push((await ask(bench.port)).status);
      }
    };
    await Promise.all(Array.from({ length: 24 }, client));
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(counters()?.errors).toBe(0);
    expect(counters()?.inFlight).toBe(0);
  });

  it('gives up the attempt of a client that went away', async () => {
    await open();
    let closed = false;
    const target = await bench.target((_req, res) => void res.on('close', () => (closed = true)));
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    const req = request({ host: '127.0.0.1', port: bench.port, agent: false }).on('error', () => undefined);
    req.end();
    await until(() => counters()?.targets.get('web-a')?.inFlight === 1, 'a request in flight');
    req.destroy();
    await until(() => closed, 'the end of the attempt');
    await until(() => counters()?.inFlight === 0, 'no request in flight');
    expect(counters()?.errors).toBe(0);
  });

  it('answers 504 when the target does not', async () => {
    await open({ answerTimeoutMs: 50 });
    const target = await bench.target(() => undefined);
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    expect((await ask(bench.port)).status).toBe(504);
  });

  it('refuses heads that are too large or malformed', async () => {
    await open({ headerBytesMax: 1_024 });
    expect((await ask(bench.port, { headers: { 'X-Big': 'x'.repeat(2_000) } })).status).toBe(431);
    expect(await raw(bench.port, 'NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await raw(bench.port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(
      / 400 /,
    );
  });

  it('ends a connection whose head does not come in time', async () => {
    await open({ requestHeadTimeoutMs: 50 });
    expect(await raw(bench.port, 'GET / HTTP/1.1\r\nHost: a\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('answers clients that offer h2c in plain HTTP, body included', async () => {
    await open();
    const target = await bench.target((req, res) => void req.pipe(res));
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    const headers = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' };
    const body = 'x'.repeat(200_000);
    const answer = await ask(bench.port, {
      method: 'POST',
      body,
      headers: { ...headers, 'Content-Length': String(body.length) },
    });
    expect(answer.body.length).toBe(body.length);
    expect((await ask(bench.port, { headers })).status).toBe(200);
  });

  it('says close while it stops, finishes what is in flight, and takes no new connection', async () => {
    await open();
    let finish: (() => void) | undefined;
    const target = await bench.target((_req, res) => {
      finish = () => void res.end('done');
    });
    bench.apply({ endpoints: { web: [at('web-a', target.port)] } });
    const answer = ask(bench.port, { headers: { Connection: 'keep-alive' } });
    await until(() => finish !== undefined, 'a request in flight');
    const stopped = bench.path.stop();
    await expect(ask(bench.port)).rejects.toThrow();
    finish?.();
    expect((await answer).headers.connection).toBe('close');
    expect(await stopped).toBe(true);
  });
});

const digest = (text: string): string => createHash('sha1').update(text).digest('hex');

/** Sends text on a connection and collects what comes back until it is closed. */
const raw = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let got = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setEncoding('utf8').on('data', (chunk: string) => (got += chunk));
    socket.on('end', () => resolve(got)).on('error', reject);
  });
