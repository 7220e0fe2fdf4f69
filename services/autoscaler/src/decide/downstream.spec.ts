import { describe, expect, it } from 'vitest';
import { downstreamOf } from './downstream.js';
import type { ComponentMetrics } from './level-input.js';
import { aComponent, aTypeGraph, aWindow, calls, someRequests } from './observation.testing.js';

const seen = (rate: number, meanMs: number): ComponentMetrics => ({
  requests: someRequests(aWindow({ rate, meanMs })),
  usage: null,
});
const web = aComponent('web', { dependsOn: calls('payment', 'store') });
const payment = aComponent('payment', { kind: 'binding' });
const store = aComponent('store', {
  ports: [{ name: '5432', target: 5432, protocol: 'tcp', published: [] }],
});
const admin = aComponent('admin', { dependsOn: calls('payment') });

describe('time in dependencies', () => {
  it('weighs a dependency by how often it is called', () => {
    const metrics = new Map([
      ['web', seen(10, 100)],
      ['payment', seen(20, 30)],
    ]);
    const found = downstreamOf(aTypeGraph([web, payment]), metrics, web);
    expect(found?.last10Ms).toBeCloseTo(60);
    expect(found?.inFlight).toBeCloseTo(0.6);
  });

  it('takes how often it is called from ten seconds, not from the last one', () => {
    const bursty = seen(20, 30);
    const metrics = new Map([
      ['web', seen(10, 100)],
      ['payment', { ...bursty, requests: { ...bursty.requests, last1: aWindow({ rate: 60, meanMs: 40 }) } }],
    ]);
    expect(downstreamOf(aTypeGraph([web, payment]), metrics, web)?.last1Ms).toBeCloseTo(80);
  });

  it('knows how far its calls spread the time of a request, the chance to be called once more included', () => {
    const spreadAt = (rate: number): number | undefined => {
      const metrics = new Map([
        ['web', seen(10, 100)],
        ['payment', { requests: someRequests(aWindow({ rate, meanMs: 30, p95Ms: 70 })), usage: null }],
      ]);
      return downstreamOf(aTypeGraph([web, payment]), metrics, web)?.spreadMs;
    };
    expect(spreadAt(10)).toBeCloseTo(40);
    expect(spreadAt(40)).toBeCloseTo(80);
    expect(spreadAt(15)).toBeCloseTo(Math.hypot(Math.sqrt(1.5) * 40, 1.645 * 0.5 * 30));
  });

  it('leaves out connections, which outlive requests', () => {
    const metrics = new Map([
      ['web', seen(10, 100)],
      ['store', seen(1, 60_000)],
    ]);
    expect(downstreamOf(aTypeGraph([web, store]), metrics, web)).toBeNull();
  });

  it('shares a dependency out over its callers', () => {
    const metrics = new Map([
      ['web', seen(30, 100)],
      ['admin', seen(10, 100)],
      ['payment', seen(40, 50)],
    ]);
    const graph = aTypeGraph([web, admin, payment]);
    expect(downstreamOf(graph, metrics, web)?.last10Ms).toBeCloseTo(50);
    expect(downstreamOf(graph, metrics, web)?.inFlight).toBeCloseTo(1.5);
    expect(downstreamOf(graph, metrics, admin)?.inFlight).toBeCloseTo(0.5);
  });

  it('believes no absurd figures of a dependency', () => {
    const graph = aTypeGraph([web, payment]);
    for (const absurd of [{ meanMs: Number.NaN }, { rate: -1 }, { p95Ms: Infinity }]) {
      const requests = someRequests(aWindow({ rate: 20, ...absurd }), { inFlight: Number.NaN });
      const metrics = new Map([
        ['web', seen(10, 100)],
        ['payment', { requests, usage: null }],
      ]);
      expect(downstreamOf(graph, metrics, web)).toEqual({
        last1Ms: null,
        last10Ms: null,
        spreadMs: 0,
        inFlight: 0,
      });
    }
  });

  it('says unknown, not zero, when a dependency is not measured', () => {
    const found = downstreamOf(aTypeGraph([web, payment]), new Map([['web', seen(10, 100)]]), web);
    expect(found?.last10Ms).toBeNull();
  });
});
