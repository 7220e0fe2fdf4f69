import { createServer as createHttps, type Server } from 'node:https';
import { componentName, type BindingTarget } from '@mitosis/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { component, listener, spec } from '../decide/table.testing.js';
import { ask, at, freePort, listen, openBench, type Bench } from './data-path.testing.js';
import { LOCALHOST_CERT, LOCALHOST_KEY } from './localhost.testing.js';

let bench: Bench;
const SHOP = spec('payment', [component('payment', 'binding'), component('payment-local')]);

const apply = (split: readonly BindingTarget[], own: number[] = []): void =>
  bench.apply({
    spec: SHOP,
    listeners: [listener('payment/default', 'payment', bench.port)],
    bindings: { payment: split },
    endpoints: { 'payment-local': own.map((port, i) => at(`own-${i}`, port)) },
  });
const party = (url: string, weight = 1): BindingTarget => ({
  alternative: 'acme',
  target: { kind: 'url', url },
  weight,
});
const countersOf = (name: string) =>
  [...bench.path.routes].find(({ route }) => route.component === name)?.counters;

afterEach(() => bench.close());

describe('a binding', () => {
  it('sends a third party its own host and path, and nothing of the inside', async () => {
    bench = await openBench();
    const { port } = await bench.target((req, res) => {
      res.end(`${req.headers.host} ${req.url} ${String(req.headers['x-forwarded-for'] ?? 'nothing')}`);
    });
    apply([party(`http://localhost:${port}/v1/`)]);
    expect((await ask(bench.port, { path: '/pay' })).body).toBe(`localhost:${port} /v1/pay nothing`);
    expect(countersOf('payment')?.targets.get('acme')?.requests).toBe(1);
  });

  it('splits by weight and counts at the alternative and at the component behind it', async () => {
    bench = await openBench();
    const acme = await bench.target((_req, res) => void res.end('acme'));
    const own = await bench.target((_req, res) => void res.end('own'));
    apply(
      [
        party(`http://127.0.0.1:${acme.port}`, 0.5),
        {
          alternative: 'own',
          target: { kind: 'component', component: componentName('payment-local') },
          weight: 0.5,
        },
      ],
      [own.port],
    );
    const bodies: string[] = [];
    for (let i = 0; i < 60; i += 1) bodies.push((await ask(bench.port)).body);
    const toOwn = bodies.filter((body) => body === 'own').length;
    // 60 fair coins fall outside 10 … 50 once in 10^7 runs.
    expect(toOwn).toBeGreaterThan(10);
    expect(toOwn).toBeLessThan(50);
    expect(countersOf('payment')?.requests).toBe(60);
    expect(countersOf('payment')?.targets.get('own')?.requests).toBe(toOwn);
    expect(countersOf('payment-local')).toMatchObject({ requests: toOwn, inFlight: 0 });
    expect(countersOf('payment-local')?.targets.get('own-0')?.requests).toBe(toOwn);
  });

  it('goes to the other alternative of the split when one cannot be reached', async () => {
    bench = await openBench();
    const own = await bench.target((_req, res) => void res.end('own'));
    apply(
      [
        party(`http://127.0.0.1:${await freePort()}`, 0.9),
        {
          alternative: 'own',
          target: { kind: 'component', component: componentName('payment-local') },
          weight: 0.1,
        },
      ],
      [own.port],
    );
    for (let i = 0; i < 5; i += 1) expect((await ask(bench.port)).body).toBe('own');
  });
});

describe('a third party over TLS', () => {
  const ca = LOCALHOST_CERT;
  let server: Server;
  let port = 0;

  beforeAll(async () => {
    server = createHttps({ key: LOCALHOST_KEY, cert: ca }, (req, res) => {
      res.end(`secure ${req.headers.host}`);
    });
    port = await listen(server);
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('is reached when its certificate is that of the host', async () => {
    bench = await openBench({}, { ca });
    apply([party(`https://localhost:${port}`)]);
    expect((await ask(bench.port)).body).toBe(`secure localhost:${port}`);
  });

  it('is refused at once when the certificate is of another host, or signed by nobody known', async () => {
    bench = await openBench({}, { ca });
    apply([party(`https://127.0.0.1:${port}`)]);
    expect(await ask(bench.port)).toMatchObject({ status: 502 });
    await bench.close();
    bench = await openBench();
    apply([party(`https://localhost:${port}`)]);
    const answer = await ask(bench.port);
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'untrusted' });
  });
});
