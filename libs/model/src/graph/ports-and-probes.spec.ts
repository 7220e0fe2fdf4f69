import { describe, expect, it } from 'vitest';
import { componentWith, graphOf, only, told } from '../testing/composition.testing.js';

const published = (port: number, host = '0.0.0.0') => [{ host, port }];

describe('ports', () => {
  it.each([
    ['ports: ["8080:80"]', [{ name: '80', target: 80, protocol: 'http', published: published(8080) }]],
    ['ports: ["127.0.0.1:8080:80"]', [{ name: '80', published: published(8080, '127.0.0.1') }]],
    ['ports: ["localhost:8080:80"]', [{ published: published(8080, '127.0.0.1') }]],
    ['ports: ["[::1]:8080:80"]', [{ published: published(8080, '::1') }]],
    ['ports: ["80"]', [{ name: '80', published: [] }]],
    ['ports: [80]', [{ name: '80', published: [] }]],
    [
      'ports: ["9000-9001:90-91"]',
      [
        { name: '90', published: published(9000) },
        { name: '91', published: published(9001) },
      ],
    ],
    ['ports: ["8080:80", "8081:80"]', [{ name: '80', published: [...published(8080), ...published(8081)] }]],
    [
      'ports: [{ target: 80, published: "8080", host_ip: 10.0.0.1 }]',
      [{ published: published(8080, '10.0.0.1') }],
    ],
    [
      'ports: [{ target: 80, published: 8080, protocol: tcp, mode: host, name: web }]',
      [{ published: published(8080) }],
    ],
    ['expose: ["90", 91]', [{ name: '90', published: [] }, { name: '91' }]],
    ['{ expose: [80], ports: ["8080:80"] }', [{ name: '80', published: published(8080) }]],
    ['ports: ["8080:80/udp"]', []],
  ])('%s', (yaml, ports) => {
    const found = componentWith(`command: run\n${yaml.startsWith('{') ? `<<: ${yaml}` : yaml}`).ports;
    expect(found).toHaveLength(ports.length);
    expect(found).toMatchObject(ports);
  });

  it.each([
    ['command: run\nports: ["1:9999"]', 'http'],
    ['image: x\nports: ["1:8080"]', 'http'],
    ['image: x\nports: ["1:80"]', 'http'],
    ['image: x\nports: ["1:5432"]', 'tcp'],
    ['image: x\nports: [{ target: 5432, published: 1, app_protocol: http }]', 'http'],
    ['image: x\nports: [{ target: 80, published: 1, app_protocol: grpc }]', 'tcp'],
    ['command: run\nports: ["1:80"]\nx-mitosis: { protocol: tcp }', 'tcp'],
  ])('%j speaks %s', (yaml, protocol) => expect(componentWith(yaml).ports).toMatchObject([{ protocol }]));

  it('are added to what is called and to the entry', () => {
    const graph = graphOf(`
      x-mitosis: { entry: web }
      services:
        web: { command: web, depends_on: [api, cache] }
        api: { command: api }
        cache: { image: redis }
        worker: { command: work }
    `);
    const port = { name: 'default', target: 0, published: [] };
    expect(only(graph, 'web').ports).toEqual([{ ...port, protocol: 'http' }]);
    expect(only(graph, 'api').ports).toEqual([{ ...port, protocol: 'http' }]);
    // Nobody knows on which port a container listens: its name leads straight to it.
    expect(only(graph, 'cache').ports).toEqual([]);
    expect(only(graph, 'worker').ports).toEqual([]);
  });

  it('warns of what it cannot route', () => {
    expect(told('services: { a: { command: run, ports: ["1:1/udp", "80", "5-9:70"] } }', 'warnings')).toEqual(
      [
        'compose.yaml:1:40 services.a.ports: the router carries TCP, not udp: this port is not routed → remove it, or reach it without Mitosis',
        'compose.yaml:1:51 services.a.ports: port 80 has no port outside: it is reachable inside only → write "8080:80" to publish it',
        'compose.yaml:1:57 services.a.ports: of the range 5-9 the first port is taken → write the port you want: "5"',
      ],
    );
    expect(
      told('services: { a: { command: run, depends_on: [b] }, b: { image: redis } }', 'warnings'),
    ).toEqual([
      'compose.yaml:1:51 services.b: others call it, but it does not say on which port it listens: its name leads straight to its containers → add expose: ["5432"] with its port to have it routed, drained and scaled',
    ]);
  });
});

describe('entry', () => {
  it.each([
    ['services: { a: { command: x, ports: ["1:1"] }, b: { command: x } }', 'a'],
    ['services: { a: { command: x, ports: ["1:1"] }, b: { command: x, ports: ["2:2"] } }', null],
    ['services: { a: { command: x, ports: ["1"] } }', null],
    ['{ services: { a: { command: x, ports: ["1:1"] }, b: { command: x } }, x-mitosis: { entry: b } }', 'b'],
  ])('%s', (text, entry) => expect(graphOf(text).entry).toBe(entry));
});

describe('probes', () => {
  it.each([
    ['healthcheck: { test: curl -f x }', { kind: 'exec', command: ['/bin/sh', '-c', 'curl -f x'] }],
    ['healthcheck: { test: [CMD, curl, x] }', { kind: 'exec', command: ['curl', 'x'] }],
    ['healthcheck: { test: [CMD-SHELL, "a || b"] }', { kind: 'exec', command: ['/bin/sh', '-c', 'a || b'] }],
    ['healthcheck: { test: [NONE] }', { kind: 'none' }],
    ['healthcheck: { disable: true }\nports: ["1:1"]', { kind: 'none' }],
    ['ports: ["1:70"]', { kind: 'tcp', port: '70', intervalMs: 2_000, startIntervalMs: 100 }],
    ['user: x', { kind: 'none' }],
    [
      'ports: ["1:70"]\nx-mitosis: { probe: { http: healthz } }',
      { kind: 'http', port: '70', path: '/healthz' },
    ],
    ['expose: [70, 71]\nx-mitosis: { probe: { tcp: true, port: 71 } }', { kind: 'tcp', port: '71' }],
    [
      'healthcheck: { test: [CMD, x] }',
      { intervalMs: 30_000, timeoutMs: 30_000, retries: 3, startPeriodMs: 90_000, startIntervalMs: 500 },
    ],
    [
      'healthcheck: { test: [CMD, x], interval: 200ms, timeout: 1s, retries: 5, start_period: 2s, start_interval: 50ms }',
      { intervalMs: 200, timeoutMs: 1_000, retries: 5, startPeriodMs: 2_000, startIntervalMs: 50 },
    ],
    ['healthcheck: { test: [CMD, x], interval: 200ms }', { startPeriodMs: 30_000, startIntervalMs: 200 }],
    ['healthcheck: { interval: 5s }\nports: ["1:1"]', { kind: 'tcp', intervalMs: 5_000, timeoutMs: 2_000 }],
  ])('%j', (yaml, probe) => expect(componentWith(`command: run\n${yaml}`).probe).toMatchObject(probe));
});
