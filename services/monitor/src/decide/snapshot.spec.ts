import type { monitor } from '@mitosis/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRESH_MS, keepSample, type RouterSample } from './samples.js';
import { agentSample, bySource, inputOf, NOW_MS, routerSample } from './snapshot.testing.js';
import { decideSnapshot, type SnapshotInput } from './snapshot.js';

const routersFrom = (samples: readonly RouterSample[]): SnapshotInput['routers'] =>
  bySource(samples, ({ router }) => router);

const component = (snapshot: monitor.LevelSnapshot, name = 'web'): monitor.ComponentSnapshot => {
  const found = snapshot.components.find((one) => one.component === name);
  if (found === undefined) throw new Error(`no component ${name}`);
  return found;
};

/** A window that is known, or a failed test. */
const known = (window: monitor.Window | undefined): monitor.Window => {
  if (window?.known !== true) throw new Error('the window is not known');
  return window;
};

const seconds = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => i * 1_000 + 100);

describe('requests of a component', () => {
  it('adds up what all routers saw', () => {
    const samples = seconds(10).flatMap((ago) => [
      routerSample('a', ago, [{ component: 'web', requests: 30, errors: 3 }]),
      routerSample('b', ago, [{ component: 'web', requests: 10 }]),
    ]);
    const web = component(decideSnapshot(inputOf({ routers: routersFrom(samples) })));
    expect(known(web.last1).rate).toBeCloseTo(40);
    expect(known(web.last10)).toMatchObject({ seconds: 10, errorRatio: 0.075 });
    expect(known(web.last10).rate).toBeCloseTo(40);
  });

  it('is zero, and known, when a live router had no request', () => {
    const web = component(decideSnapshot(inputOf({ routers: routersFrom([routerSample('a', 100, [])]) })));
    expect([known(web.last1).rate, known(web.last10).rate, known(web.last60).rate]).toEqual([0, 0, 0]);
    expect(web.freshAtMs).toBe(NOW_MS - 100);
  });

  it('is unknown, not zero, when no router has a fresh sample', () => {
    const old = seconds(10).map((ago) =>
      routerSample('a', ago + FRESH_MS, [{ component: 'web', requests: 30, inFlight: 3 }]),
    );
    for (const samples of [[], old]) {
      const web = component(decideSnapshot(inputOf({ routers: routersFrom(samples) })));
      expect([web.last1?.known, web.last10?.known, web.last60?.known]).toEqual([false, false, false]);
      expect([web.freshAtMs, web.inFlight]).toEqual([0, 0]);
    }
  });

  it('is unknown for a component that no router carries', () => {
    const snapshot = decideSnapshot(
      inputOf({
        components: [{ name: 'worker', routed: false }],
        routers: routersFrom([routerSample('a', 100, [])]),
      }),
    );
    expect(component(snapshot, 'worker').last10?.known).toBe(false);
  });

  it('counts a router that died within the window with what it carried', () => {
    const dead = [3, 4, 5, 6, 7, 8, 9, 10].map((s) =>
      routerSample('dead', s * 1_000, [{ component: 'web', requests: 100, inFlight: 7 }]),
    );
    const alive = seconds(10).map((ago) =>
      routerSample('b', ago, [{ component: 'web', requests: 10, inFlight: 2 }]),
    );
    const web = component(decideSnapshot(inputOf({ routers: routersFrom([...dead, ...alive]) })));
    expect(known(web.last1).rate).toBeCloseTo(10);
    expect(known(web.last10).rate).toBeCloseTo(90);
    expect(web.inFlight).toBe(2);
  });

  it('says how many seconds stand behind a window that has just begun', () => {
    const samples = seconds(3).map((ago) => routerSample('a', ago, [{ component: 'web', requests: 20 }]));
    const web = component(decideSnapshot(inputOf({ routers: routersFrom(samples) })));
    expect(known(web.last10)).toMatchObject({ seconds: 3, rate: 20 });
    expect(known(web.last60).seconds).toBe(3);
  });

  it('takes percentiles from the merged histogram, not from averages of percentiles', () => {
    const fast = routerSample('a', 100, [
      { component: 'web', requests: 96, latencies: Array.from({ length: 96 }, () => 10) },
    ]);
    const slow = routerSample('b', 100, [{ component: 'web', requests: 4, latencies: [500, 500, 500, 500] }]);
    const window = known(component(decideSnapshot(inputOf({ routers: routersFrom([fast, slow]) }))).last1);
    expect(window.p95Ms).toBeLessThan(11);
    expect(window.p99Ms).toBeGreaterThan(480);
    expect(window.meanMs).toBeCloseTo(29.6);
  });

  it('tells each target apart and drops those that carry nothing any more', () => {
    const samples = [
      routerSample('a', 100, [{ component: 'web', requests: 5, target: 'web-1', inFlight: 2 }]),
      routerSample('b', 100, [{ component: 'web', requests: 15, target: 'web-2' }]),
      routerSample('a', 30_000, [{ component: 'web', requests: 9, target: 'web-0' }]),
    ];
    const { targets } = component(decideSnapshot(inputOf({ routers: routersFrom(samples) })));
    expect(targets.map(({ target, inFlight, last10 }) => [target, inFlight, known(last10).rate])).toEqual([
      ['web-1', 2, 5],
      ['web-2', 0, 15],
    ]);
  });

  it('separates what the router itself turned away and what it holds', () => {
    const samples = seconds(10).map((ago) =>
      routerSample('a', ago, [{ component: 'web', requests: 10, errors: 4, rejected: 4, queued: 6 }]),
    );
    const web = component(decideSnapshot(inputOf({ routers: routersFrom(samples) })));
    expect(web.rejectedRate).toBeCloseTo(4);
    expect(web.queued).toBe(6);
  });
});

describe('resources of a component', () => {
  const componentOf = new Map([
    ['web-1', 'web'],
    ['web-2', 'web'],
    ['worker-1', 'worker'],
  ]);

  it('sums the mean use of each instance over the last ten seconds', () => {
    const agents = bySource(
      [
        agentSample('h1', 1_100, [{ id: 'web-1', cpuCores: 0.2 }]),
        agentSample('h1', 100, [{ id: 'web-1', cpuCores: 0.4, memoryBytes: 500 }]),
        agentSample('h2', 200, [{ id: 'web-2', cpuCores: 1, memoryBytes: 300 }]),
      ],
      ({ agent }) => agent,
    );
    const web = component(decideSnapshot(inputOf({ agents, componentOf })));
    expect(web).toMatchObject({ resourcesKnown: true, memoryBytes: 800, instancesSeen: 2 });
    expect(web.cpuCores).toBeCloseTo(1.3);
  });

  it('is unknown while no instance was measured freshly', () => {
    const agents = bySource(
      [agentSample('h1', FRESH_MS + 1, [{ id: 'web-1', cpuCores: 1 }])],
      ({ agent }) => agent,
    );
    const snapshot = decideSnapshot(inputOf({ agents, componentOf }));
    expect(component(snapshot)).toMatchObject({ resourcesKnown: false, cpuCores: 0, instancesSeen: 0 });
    expect(component(snapshot, 'worker').resourcesKnown).toBe(false);
  });

  it('counts an instance once when its agent is known under two addresses', () => {
    const agents = bySource(
      ['unix:/run/agent.sock', '127.0.0.1:9'].map((name) =>
        agentSample(name, 100, [{ id: 'web-1', cpuCores: 0.5 }]),
      ),
      ({ agent }) => agent,
    );
    expect(component(decideSnapshot(inputOf({ agents, componentOf })))).toMatchObject({
      cpuCores: 0.5,
      instancesSeen: 1,
    });
  });
});

describe('completeness', () => {
  const fresh = {
    routers: routersFrom([routerSample('a', 100, [])]),
    agents: bySource([agentSample('h1', 100, [])], ({ agent }) => agent),
  };

  it('needs a fresh message of every router and every agent', () => {
    const complete = (expectedRouters: readonly string[], expectedAgents: readonly string[]): boolean =>
      decideSnapshot(inputOf({ ...fresh, expectedRouters, expectedAgents })).complete;
    expect(complete(['a'], ['h1'])).toBe(true);
    expect(complete(['a', 'b'], ['h1'])).toBe(false);
    expect(complete(['a'], ['h1', 'h2'])).toBe(false);
    expect(complete([], [])).toBe(false);
  });
});

describe('a child level', () => {
  const childSummary = (agoMs: number): SnapshotInput['children'] =>
    new Map([
      [
        'catalog',
        {
          receivedAtMs: NOW_MS - agoMs,
          summary: {
            level: 'shop.catalog',
            atMs: NOW_MS,
            known: true,
            cpuCores: 0.7,
            memoryBytes: 9_000,
            instances: 3,
            costPerHour: 1,
            entry: {
              ...component(
                decideSnapshot(
                  inputOf({
                    routers: routersFrom([routerSample('r', 100, [{ component: 'web', requests: 8 }])]),
                  }),
                ),
              ),
              component: 'api',
            },
          },
        },
      ],
    ]);
  const components = [{ name: 'catalog', routed: true }];

  it('shows its use, and the requests this level’s own routers saw', () => {
    const routers = routersFrom([routerSample('a', 100, [{ component: 'catalog', requests: 5 }])]);
    const catalog = component(
      decideSnapshot(inputOf({ components, routers, children: childSummary(100) })),
      'catalog',
    );
    expect(catalog).toMatchObject({
      resourcesKnown: true,
      cpuCores: 0.7,
      memoryBytes: 9_000,
      instancesSeen: 3,
    });
    expect(known(catalog.last1).rate).toBe(5);
  });

  it('lends its own view of its entry while no router of this level knows', () => {
    const catalog = component(
      decideSnapshot(inputOf({ components, children: childSummary(100) })),
      'catalog',
    );
    expect(known(catalog.last1).rate).toBe(8);
  });

  it('is unknown again when its answer is old', () => {
    const catalog = component(
      decideSnapshot(inputOf({ components, children: childSummary(FRESH_MS + 1) })),
      'catalog',
    );
    expect(catalog.resourcesKnown).toBe(false);
    expect(catalog.last10?.known).toBe(false);
  });
});

const samplesArbitrary = fc.array(
  fc.record({
    router: fc.constantFrom('a', 'b', 'c'),
    agoMs: fc.integer({ min: 0, max: 70_000 }),
    component: fc.constantFrom('web', 'api'),
    latencies: fc.array(fc.double({ min: 0.1, max: 5_000, noNaN: true }), { maxLength: 8 }),
    errors: fc.nat({ max: 3 }),
    target: fc.constantFrom('x', 'y'),
  }),
  { maxLength: 60 },
);

describe('properties of snapshots', () => {
  it('are the same in whatever order the routers’ messages came together', () => {
    fc.assert(
      fc.property(samplesArbitrary, fc.infiniteStream(fc.nat()), (drawn, keys) => {
        const samples = drawn.map(({ router, agoMs, component, latencies, errors, target }) =>
          routerSample(router, agoMs, [{ component, requests: latencies.length, errors, latencies, target }]),
        );
        const grouped = [...routersFrom(samples)];
        const shuffled = grouped
          .map((entry) => ({ entry, key: keys.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ entry }) => entry);
        expect(decideSnapshot(inputOf({ routers: new Map(shuffled) }))).toEqual(
          decideSnapshot(inputOf({ routers: new Map(grouped) })),
        );
      }),
    );
  });

  it('count every request of a window once, however it is spread over routers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat({ max: 20 }), { minLength: 10, maxLength: 10 }), {
          minLength: 1,
          maxLength: 4,
        }),
        (perRouter) => {
          const samples = perRouter.flatMap((counts, r) =>
            counts.map((requests, i) =>
              routerSample(`r${r}`, i * 1_000 + 50, [{ component: 'web', requests }]),
            ),
          );
          const window = known(component(decideSnapshot(inputOf({ routers: routersFrom(samples) }))).last10);
          const total = perRouter.flat().reduce((sum, n) => sum + n, 0);
          expect(window.rate * window.seconds).toBeCloseTo(total, 6);
          expect(window.histogram?.count.reduce((sum, n) => sum + n, 0) ?? 0).toBe(total);
        },
      ),
    );
  });

  it('claim to know nothing without a fresh sample, and nothing unknown carries a figure', () => {
    fc.assert(
      fc.property(samplesArbitrary, (drawn) => {
        const samples = drawn.map(({ router, agoMs, component, latencies, errors, target }) =>
          routerSample(router, agoMs, [{ component, requests: latencies.length, errors, latencies, target }]),
        );
        const anyFresh = samples.some(({ receivedAtMs }) => NOW_MS - receivedAtMs <= FRESH_MS);
        const { components } = decideSnapshot(inputOf({ routers: routersFrom(samples) }));
        for (const one of components) {
          for (const window of [
            one.last1,
            one.last10,
            one.last60,
            ...one.targets.map(({ last10 }) => last10),
          ]) {
            if (window?.known === true) expect(anyFresh).toBe(true);
            else expect([window?.rate, window?.seconds, window?.histogram]).toEqual([0, 0, undefined]);
          }
        }
      }),
    );
  });
});

describe(keepSample.name, () => {
  it('bounds what one source can make the monitor keep', () => {
    let samples: readonly RouterSample[] = [];
    for (let i = 0; i < 1_000; i += 1) samples = keepSample(samples, routerSample('a', 10_000 - i, []));
    expect(samples.length).toBeLessThanOrEqual(130);
    expect(keepSample(samples, routerSample('a', -100_000, []))).toHaveLength(1);
  });
});
