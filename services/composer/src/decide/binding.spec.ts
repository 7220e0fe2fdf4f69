import { describe, expect, it } from 'vitest';
import { EMPTY_BINDING, observeBinding, type Look } from './binding-state.js';
import {
  aBinding,
  aRecord,
  aSample,
  Market,
  own,
  seededRandom,
  url,
  type Behaviour,
  type MarketOptions,
} from './binding.testing.js';
import { decideBinding } from './binding.js';
import type { Sample } from './verdict.js';

const payment = aBinding([url('acme', 1), own('own', 'payment-local', 5)]);
const READY = new Map([['payment-local', 1]]);

const decide = (overrides: Partial<Look> = {}, looks = 1) => {
  const input: Look = {
    component: payment,
    record: null,
    samples: new Map(),
    ready: READY,
    nowMs: 1_000_000,
    ...overrides,
  };
  let state = EMPTY_BINDING;
  for (let i = looks - 1; i >= 0; i -= 1)
    state = observeBinding(state, { ...input, nowMs: input.nowMs - i * 1_000 });
  return decideBinding(input, state);
};

const bad = (name: string): ReadonlyMap<string, Sample> =>
  new Map([[name, aSample({ late: 400, p95Ms: 1_500 })]]);
const failing = (name: string): ReadonlyMap<string, Sample> => new Map([[name, aSample({ errors: 400 })]]);

describe('choice of an alternative', () => {
  it('binds to the cheapest at first, with trial traffic for the others', () => {
    expect(decide()).toMatchObject({
      active: 'acme',
      action: 'bind',
      always: true,
      split: [
        { alternative: 'acme', weight: 0.95 },
        { alternative: 'own', weight: 0.05 },
      ],
    });
  });

  it('does not choose a component of which it does not know that it is ready, unless there is nothing else', () => {
    const cheap = aBinding([own('own', 'payment-local', 1), url('acme', 5)]);
    expect(decide({ component: cheap, ready: new Map() })?.active).toBe('acme');
    expect(decide({ component: cheap, ready: READY })?.active).toBe('own');
    const alone = aBinding([own('own', 'payment-local', 1)]);
    expect(decide({ component: alone, ready: new Map() })).toMatchObject({
      active: 'own',
      split: [{ weight: 1 }],
    });
  });

  it('leaves what is worse than its bounds only after the period', () => {
    const record = aRecord('acme');
    expect(decide({ record, samples: bad('acme') }, 3)?.active).toBe('acme');
    expect(decide({ record, samples: bad('acme') }, 4)).toMatchObject({
      active: 'own',
      action: 'rebind',
      change: 'acme → own',
      reason: 'acme: p95 is 1500 ms where 250 ms are asked for 3 s; own takes over',
      split: [{ alternative: 'own', weight: 1 }],
    });
  });

  it('leaves what fails at once', () => {
    expect(decide({ record: aRecord('acme'), samples: failing('acme') })).toMatchObject({ active: 'own' });
  });

  it('leaves a component that has no ready instance at once, but not one it knows nothing of', () => {
    const record = aRecord('own');
    expect(decide({ record, ready: new Map([['payment-local', 0]]) })?.active).toBe('acme');
    expect(decide({ record, ready: new Map() })?.active).toBe('own');
  });

  it('stays where it is when nothing better is known', () => {
    const record = aRecord('acme');
    expect(decide({ record, samples: failing('acme'), ready: new Map() })?.active).toBe('acme');
    const both = new Map([...bad('acme'), ...bad('own')]);
    expect(decide({ record, samples: both }, 6)?.active).toBe('acme');
  });

  it('moves between two bad ones only for half the latency', () => {
    const record = aRecord('acme');
    const halved = new Map([...bad('acme'), ['own', aSample({ late: 400, p95Ms: 600 })] as const]);
    expect(decide({ record, samples: halved }, 6)?.active).toBe('own');
  });

  it('concludes nothing from a silent monitor', () => {
    const record = aRecord('acme');
    expect(decide({ record, samples: null }, 60)?.active ?? 'acme').toBe('acme');
  });

  it('binds anew when the alternative in force is none any more', () => {
    expect(decide({ record: aRecord('gone') })).toMatchObject({ active: 'acme', action: 'rebind' });
  });

  it('gives the figures of all alternatives with the decision', () => {
    const samples = new Map([...failing('acme'), ['own', aSample()] as const]);
    expect(decide({ record: aRecord('acme'), samples })?.inputs).toMatchObject({
      acme: { price: 1, verdict: 'failing', errors: 400, requests: 500 },
      own: { price: 5, verdict: 'good', p95Ms: 60 },
    });
  });
});

const steady: Behaviour = { latencyMs: 60, errorRatio: 0 };

const market = (overrides: Partial<MarketOptions> & { readonly seed: number }): Market =>
  new Market({
    component: payment,
    random: seededRandom(overrides.seed),
    requestsPerSecond: 40,
    ready: () => READY,
    behaviour: () => steady,
    ...overrides,
  });

const switches = (seconds: ReturnType<Market['run']>) =>
  seconds.filter(({ change }) => change !== null && change.action !== 'trial' && change.action !== 'bind');

describe.each([1, 2, 3, 4, 5])('binding in a market of providers (seed %i)', (seed) => {
  const ill =
    (from: number, to: number, behaviour: Partial<Behaviour>) =>
    (name: string, second: number): Behaviour =>
      name === 'acme' && second >= from && second < to ? { ...steady, ...behaviour } : steady;

  it('never moves while all is well', () => {
    expect(switches(market({ seed }).run(600))).toEqual([]);
  });

  it('moves away from a slow provider within seconds and back once it has recovered', () => {
    const seconds = market({ seed, behaviour: ill(60, 120, { latencyMs: 1_500 }) }).run(220);
    const moved = switches(seconds);
    expect(moved.map(({ change }) => change?.change)).toEqual(['acme → own', 'own → acme']);
    // 0.5 s until 5 % of the window are late, 3 s of the policy, one look.
    expect(moved[0]?.second).toBeLessThanOrEqual(66);
    expect(moved[1]?.second).toBeGreaterThanOrEqual(120 + 8);
    expect(seconds.at(-1)?.active).toBe('acme');
  });

  it('moves away from a failing provider within two looks', () => {
    const seconds = market({ seed, behaviour: ill(60, 90, { errorRatio: 1 }) }).run(200);
    expect(switches(seconds)[0]?.second).toBeLessThanOrEqual(61);
    expect(seconds.at(-1)?.active).toBe('acme');
    const late = seconds.slice(62, 90).reduce((sum, one) => sum + one.bad, 0);
    const all = seconds.slice(62, 90).reduce((sum, one) => sum + one.requests, 0);
    expect(late / all).toBeLessThan(0.05);
  });

  it('does not flap with a provider that comes and goes', () => {
    const flapping = (name: string, second: number): Behaviour =>
      name === 'acme' && second % 60 < 30 ? { ...steady, latencyMs: 1_500 } : steady;
    const moved = switches(market({ seed, behaviour: flapping }).run(1_200));
    // Twenty outages: at one move to and fro for each it would be forty.
    expect(moved.length).toBeLessThanOrEqual(16);
    const gaps = moved.slice(1).map(({ second }, i) => second - (moved[i]?.second ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(3);
  });

  it('stays put through a silence of the monitor', () => {
    const seconds = market({
      seed,
      behaviour: ill(60, 150, { latencyMs: 1_500 }),
      monitored: (second) => second < 50 || second >= 140,
    }).run(140);
    expect(switches(seconds)).toEqual([]);
  });

  it.each([0, 40])('takes the cheapest once it is ready, with %i requests a second', (requestsPerSecond) => {
    const options = {
      seed,
      component: aBinding([own('cheap', 'cheap', 1), url('sure', 5)]),
      requestsPerSecond,
      // Late at the start, and once more away for three seconds.
      ready: (second: number) => new Map([['cheap', second < 5 || (second >= 40 && second < 43) ? 0 : 1]]),
    };
    const seconds = market(options).run(80);
    expect(seconds[0]?.active).toBe('sure');
    expect(seconds[30]?.active).toBe('cheap');
    expect(seconds[41]?.active).toBe('sure');
    expect(seconds.at(-1)?.active).toBe('cheap');
    expect(switches(seconds).length).toBe(3);
  });

  it('waits for the whole period also when nobody saw that it was away', () => {
    const component = aBinding([own('cheap', 'cheap', 1), url('sure', 5)]);
    const input = { component, samples: new Map<string, Sample>(), ready: new Map([['cheap', 1]]) };
    const at = (nowMs: number, record = aRecord('cheap')): Look => ({ ...input, record, nowMs });
    let state = EMPTY_BINDING;
    for (let nowMs = 1_000; nowMs <= 60_000; nowMs += 1_000) state = observeBinding(state, at(nowMs));
    const left = decideBinding({ ...at(60_100), ready: new Map([['cheap', 0]]) }, state);
    expect(left).toMatchObject({ active: 'sure', absent: ['cheap'] });
    const record = aRecord('sure', { sinceMs: 60_100, absent: ['cheap'], split: left?.split ?? [] });
    for (let nowMs = 61_000; nowMs <= 67_000; nowMs += 1_000) {
      state = observeBinding(state, at(nowMs, record));
      expect(decideBinding(at(nowMs, record), state)?.action ?? 'trial').toBe('trial');
    }
    state = observeBinding(state, at(69_000, record));
    expect(decideBinding(at(69_000, record), state)?.action).toBe('return');
  });

  it('keeps what was absent in a record that changes only its trials before the absence was looked at', () => {
    const component = aBinding([own('cheap', 'cheap', 1), url('sure', 5)]);
    const record = aRecord('sure', { sinceMs: 1_000, absent: ['cheap'] });
    const input = { component, record, samples: new Map<string, Sample>(), nowMs: 1_100 };
    const change = decideBinding({ ...input, ready: new Map([['cheap', 1]]) }, EMPTY_BINDING);
    expect(change).toMatchObject({ action: 'trial', absent: ['cheap'] });
  });

  it('does not take an idle provider back that was left because it was bad', () => {
    const seconds = market({
      seed,
      requestsPerSecond: (second) => (second < 80 ? 40 : 0),
      behaviour: ill(60, 1_000, { latencyMs: 1_500 }),
    }).run(300);
    expect(seconds.at(-1)?.active).toBe('own');
  });

  it('returns without trial traffic, too, and doubles the wait when that was wrong', () => {
    const seconds = market({
      seed,
      component: aBinding([url('acme', 1), own('own', 'payment-local', 5)], { trialShare: 0 }),
      behaviour: ill(60, 160, { latencyMs: 1_500 }),
    }).run(400);
    const moved = switches(seconds);
    const away = moved.filter(({ change }) => change?.action === 'rebind').map(({ second }) => second);
    expect(seconds.at(-1)?.active).toBe('acme');
    expect(away.length).toBeLessThanOrEqual(5);
    const waits = away.slice(1).map((second, i) => second - (away[i] ?? 0));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
  });
});
