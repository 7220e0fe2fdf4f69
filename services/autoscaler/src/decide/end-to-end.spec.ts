import type { Component } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { slo } from '../plugins/slo.policy.js';
import { endToEndOf } from './end-to-end.js';
import { spentOf } from './late-budget.js';
import { EMPTY_LEVEL, stepLevel } from './level.js';
import type { ComponentMetrics, LevelInput } from './level-input.js';
import { aComponent, aTypeGraph, aWindow, calls, p95, someRequests } from './observation.testing.js';
import type { SloState } from './slo-state.js';

const NOW_MS = 1_000_000;
const BOUND_MS = 300;

const web = aComponent('web', { dependsOn: calls('api', 'bank') });
const api = aComponent('api', {});
const bank = aComponent('bank', { kind: 'binding' });

const seen = (meanMs: number, p99Ms = 2 * meanMs, rate = 20, rejectedRate = 0): ComponentMetrics => ({
  requests: someRequests(aWindow({ rate, meanMs, p50Ms: meanMs, p95Ms: 0.9 * p99Ms, p99Ms }), {
    rejectedRate,
  }),
  usage: null,
});

const QUIET = { web: seen(100), api: seen(30), bank: seen(20) };

const inputOf = (
  metrics: Readonly<Record<string, ComponentMetrics>>,
  components: readonly Component[] = [web, api, bank],
): LevelInput => ({
  nowMs: NOW_MS,
  generation: 1,
  typeGraph: aTypeGraph(components, { entry: web.name }),
  handedDown: null,
  targets: new Map(),
  overrides: new Map(),
  instances: [],
  endpoints: new Map(),
  metrics: new Map(Object.entries(metrics)),
});

const CALM = { web: 50, api: 30, bank: 20 };
const VISITS = new Map([
  ['web', 1],
  ['api', 2],
  ['bank', 1],
]);

const judgedBy = (input: LevelInput) => endToEndOf(input, p95(BOUND_MS), CALM, VISITS, {});

describe('the account of a chain', () => {
  it('is of the requests at the entry, for all components on the way', () => {
    const of = judgedBy(inputOf({ ...QUIET, api: seen(30, 60, 40, 3) }));
    const shared = {
      window: QUIET.web.requests.last10,
      rejectedRate: 3,
      boundMs: BOUND_MS,
      percentile: 95,
      excused: false,
      price: null,
      forecast: null,
    };
    expect(of(web)).toEqual({ ...shared, visits: 1 });
    expect(of(api)).toEqual({ ...shared, visits: 2 });
  });

  it('leaves alone what has a bound of its own, is not on the way, or is alone', () => {
    const own = aComponent('api', { objective: p95(80) });
    const aside = aComponent('aside', {});
    const of = judgedBy(inputOf(QUIET, [web, own, bank, aside]));
    expect(of(own)).toBeNull();
    expect(of(aside)).toBeNull();
    expect(of(web)).not.toBeNull();
    const alone = aComponent('web', {});
    expect(judgedBy(inputOf({ web: QUIET.web }, [alone]))(alone)).toBeNull();
  });

  it('is by the bound of the entry where that is stricter', () => {
    const strict = aComponent('web', { ...web, objective: p95(200) });
    expect(judgedBy(inputOf(QUIET, [strict, api, bank]))(api)?.boundMs).toBe(200);
  });

  it('excuses what a third party does, and nothing that more instances would cure', () => {
    expect(judgedBy(inputOf({ ...QUIET, bank: seen(900) }))(web)?.excused).toBe(true);
    expect(judgedBy(inputOf({ ...QUIET, web: seen(900), api: seen(800) }))(web)?.excused).toBe(false);
  });

  it('has the price of the tier where capacity must save most, for requests at the entry', () => {
    const knowing = (capacity: number, price: number): { kind: string; policy: SloState } => {
      const initial: SloState = slo.initial();
      const model = { ...initial.model, version: 'v1', serviceMs: 50, capacity };
      return {
        kind: 'slo',
        policy: { ...initial, model, price: { log: Math.log(price), weight: 1, lastMs: 1 } },
      };
    };
    const priceBy = (policies: Parameters<typeof endToEndOf>[4]): number | null | undefined =>
      endToEndOf(inputOf(QUIET), p95(BOUND_MS), CALM, VISITS, policies)(api)?.price;
    // Of api, called twice, an instance of 40 a second is capacity for 20 requests at the entry, and eight late calls there
    // are four late requests.
    const both = { web: knowing(20, 2), api: knowing(40, 8) };
    expect(Math.exp(priceBy(both) ?? 0)).toBeCloseTo(4 / 20);
    expect(Math.exp(priceBy({ ...both, web: knowing(20, 6) }) ?? 0)).toBeCloseTo(6 / 20);
    expect(priceBy({ web: { kind: 'fixed', policy: {} } })).toBeNull();
  });

  it('does not believe absurd figures', () => {
    const absurd = { ...aWindow(), p99Ms: Number.NaN };
    const of = judgedBy(inputOf({ ...QUIET, web: { requests: someRequests(absurd), usage: null } }));
    expect(of(api)?.window).toBeNull();
    const refusing = judgedBy(inputOf({ ...QUIET, api: seen(30, 60, 40, Number.NaN) }));
    expect(refusing(api)?.rejectedRate).toBe(0);
  });

  it('leaves out connections, which outlive requests', () => {
    const store = aComponent('bank', {
      ports: [{ name: '5432', target: 5432, protocol: 'tcp', published: [] }],
    });
    expect(judgedBy(inputOf({ ...QUIET, bank: seen(60_000) }, [web, api, store]))(web)?.excused).toBe(false);
  });

  it('is spent alike in all tiers, wherever the queue stands', () => {
    const step = stepLevel(EMPTY_LEVEL, inputOf({ ...QUIET, web: seen(400, 900) }), { holdMs: 0 });
    const spentBy = (name: string): number => {
      const state = step.state.components[name]?.policy as SloState | undefined;
      return state === undefined ? Number.NaN : spentOf(state.budget, 0.05, 20);
    };
    expect(spentBy('web')).toBeGreaterThan(1.1);
    expect(spentBy('api')).toBe(spentBy('web'));
  });
});
