import { levelId } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { readOutside, type Outside } from './outside-file.js';

const COMPOSE = `
services:
  web:
    image: my/web:1
    ports: ["127.0.0.1:8080:8080"]
    x-mitosis: { scale: { min: 1, max: 9 }, policy: { kind: target, metric: rps, value: 50/s } }
  api:
    image: my/api:1
    expose: ["9000", "9001"]
`;

const outside = (text: string, compose = COMPOSE): Outside =>
  readOutside(
    '/etc/shop/outside.yaml',
    levelId('shop'),
    (path) => ({ '/etc/shop/outside.yaml': text, '/etc/shop/compose.yaml': compose })[path],
    {},
  );

describe('the file about the outside', () => {
  it('names a composition beside itself, and who serves its components', () => {
    const { typeGraph, endpoints, prometheus } = outside(`
composition: compose.yaml
endpoints:
  web: ["10.0.0.5:8080", "[fd00::1]:8080"]
  api: [{ host: 10.0.0.6, ports: { "9000": 9000, "9001": 9001 } }]
`);
    expect(typeGraph.level).toBe('shop');
    expect(endpoints['web']).toMatchObject([
      { instance: 'web@10.0.0.5:8080', host: '10.0.0.5', ports: { '8080': 8080 }, state: 'ready' },
      { host: 'fd00::1', ports: { '8080': 8080 } },
    ]);
    expect(endpoints['api']).toMatchObject([{ host: '10.0.0.6', ports: { '9000': 9000, '9001': 9001 } }]);
    expect(prometheus).toBeNull();
  });

  it('makes queries of selectors', () => {
    const { prometheus } = outside(`
composition: compose.yaml
prometheus:
  url: http://127.0.0.1:9090/
  window: 30s
  components:
    web:
      instances: count(up{job="web"} == 1)
      duration: http_request_duration_seconds{job="web"}
      errors: http_requests_total{job="web",code=~"5.."}
      cpu: process_cpu_seconds_total{job="web"}
      memory: sum(process_resident_memory_bytes{job="web"})
`);
    expect(prometheus).toMatchObject({ url: 'http://127.0.0.1:9090', everyMs: 5_000, windowMs: 30_000 });
    expect(prometheus?.queries['web']).toEqual({
      instances: 'count(up{job="web"} == 1)',
      rate: 'sum(rate(http_request_duration_seconds_count{job="web"}[30000ms]))',
      errors: 'sum(rate(http_requests_total{job="web",code=~"5.."}[30000ms]))',
      p50: 'histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket{job="web"}[30000ms])))',
      p95: 'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{job="web"}[30000ms])))',
      p99: 'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{job="web"}[30000ms])))',
      mean: 'sum(rate(http_request_duration_seconds_sum{job="web"}[30000ms])) / sum(rate(http_request_duration_seconds_count{job="web"}[30000ms]))',
      inFlight: undefined,
      cpu: 'sum(rate(process_cpu_seconds_total{job="web"}[30000ms]))',
      memory: 'sum(process_resident_memory_bytes{job="web"})',
    });
  });

  it.each([
    ['composition: nowhere.yaml', /nowhere\.yaml/u],
    ['endpoints: {}', /outside\.yaml: composition/u],
    ['composition: compose.yaml\nendpoint: {}', /outside\.yaml: .*endpoint/u],
    [
      'composition: compose.yaml\nendpoints: { wep: ["a:1"] }',
      /endpoints\.wep: the composition has no such component; it has .*web/u,
    ],
    ['composition: compose.yaml\nendpoints: { web: ["nobody"] }', /endpoints\.web\.0/u],
    [
      'composition: compose.yaml\nendpoints: { api: ["10.0.0.6:9000"] }',
      /endpoints\.api: it has several ports/u,
    ],
    [
      'composition: compose.yaml\nprometheus: { url: http://p, every: 1h, components: {} }',
      /prometheus\.every: a duration/u,
    ],
  ])('says where what is wrong: %s', (text, message) => {
    expect(() => outside(text)).toThrow(message);
  });

  it('says what is wrong in the composition, and in which line', () => {
    expect(() => outside('composition: compose.yaml', 'services:\n  web:\n    imige: x\n')).toThrow(
      /compose\.yaml:[23]/u,
    );
  });
});
