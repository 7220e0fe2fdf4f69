import { describe, expect, it } from 'vitest';
import { graphOfFiles, load, only } from './testing/composition.testing.js';

const SHOP = {
  'compose.yaml': `
    name: shop
    x-mitosis:
      entry: web
      objective: { p95: 300ms, errors: 1% }
      budget: { cost: 2.50/h }
    services:
      web:
        command: ["node", "web.js"]
        ports: ["8080:8080"]
        depends_on: { catalog: { condition: service_healthy }, payment: { condition: service_started } }
        healthcheck: { test: ["CMD", "true"], interval: 1s }
        deploy: { replicas: 2, resources: { limits: { cpus: "0.5", memory: 128M } } }
        x-mitosis:
          scale: { min: 1, max: 10 }
          objective: { p95: 200ms }
      catalog:
        x-mitosis: { composition: ./catalog/compose.yaml }
      payment:
        x-mitosis:
          alternatives:
            - { name: acme, url: "https://pay.example", price: 0.0002 }
            - { name: own, component: payment-local }
      payment-local:
        command: node pay.js
  `,
  'catalog/compose.yaml': `
    x-mitosis: { entry: api, objective: { p99: 1s } }
    services:
      api: { command: [node, api.js], depends_on: [store], x-mitosis: { scale: { max: 4 } } }
      store: { command: [node, store.js], volumes: ["data:/data"] }
    volumes: { data: }
  `,
};

describe('a shop of two levels', () => {
  const graph = graphOfFiles(SHOP);

  it('has its name, entry, objective and budget', () => {
    expect(graph).toMatchObject({
      v: 1,
      level: 'shop',
      name: 'shop',
      entry: 'web',
      objective: { latency: [{ percentile: 95, ms: 300 }], errorRatio: 0.01, throughput: null },
      budgetPerHour: 2.5,
      management: { managers: 2, routers: 2, etcdMembers: 1 },
    });
  });

  it('scales the web within its bounds by its objective', () => {
    expect(only(graph, 'web')).toMatchObject({
      kind: 'service',
      scale: { min: 1, max: 10, initial: 2 },
      policy: { kind: 'slo' },
      objective: { latency: [{ percentile: 95, ms: 200 }] },
      run: { driver: 'process', command: ['node', 'web.js'], workingDir: '/p' },
      ports: [{ name: '8080', target: 8080, protocol: 'http', published: [{ host: '0.0.0.0', port: 8080 }] }],
      resources: { limits: { cpus: 0.5, memoryBytes: 128 * 1024 * 1024 } },
    });
  });

  it('embeds the child level with its own id and folder', () => {
    const child = only(graph, 'catalog').composition;
    expect(child).toMatchObject({ level: 'shop.catalog', name: 'catalog', entry: 'api' });
    expect(only(graph, 'catalog')).toMatchObject({
      kind: 'composition',
      run: null,
      ports: [{ name: 'default' }],
    });
    expect(child?.components['api']).toMatchObject({
      scale: { min: 1, max: 4 },
      policy: { kind: 'slo' },
      run: { workingDir: '/p/catalog' },
    });
  });

  it('keeps what holds a named volume exclusive', () => {
    expect(only(graph, 'catalog').composition?.components['store']).toMatchObject({
      exclusive: true,
      update: { order: 'stop-first' },
    });
  });

  it('binds the payment to alternatives and holds them to the objective', () => {
    expect(only(graph, 'payment')).toMatchObject({
      kind: 'binding',
      run: null,
      ports: [{ name: 'default', target: 0, protocol: 'http' }],
      alternatives: [
        { name: 'acme', target: { kind: 'url', url: 'https://pay.example' }, price: 0.0002 },
        { name: 'own', target: { kind: 'component', component: 'payment-local' }, price: 0 },
      ],
      rebind: { p95Ms: 300, errorRatio: 0.01 },
    });
    expect(only(graph, 'payment-local').ports).toEqual([
      { name: 'default', target: 0, protocol: 'http', published: [] },
    ]);
  });

  it('takes three etcd members in every level with high availability', () => {
    const available = graphOfFiles(SHOP, { highAvailability: true });
    expect(available.management.etcdMembers).toBe(3);
    expect(only(available, 'catalog').composition?.management.etcdMembers).toBe(3);
  });

  it('names the limits that nothing enforces for processes', () => {
    const result = load(SHOP);
    expect(result.warnings.map(({ path }) => path)).toEqual([
      'services.web.deploy.resources.limits.cpus',
      'services.web.deploy.resources.limits.memory',
      'services.store.volumes',
    ]);
  });
});
