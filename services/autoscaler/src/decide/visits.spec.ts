import { describe, expect, it } from 'vitest';
import type { ComponentMetrics } from './level-input.js';
import { aComponent, aTypeGraph, aWindow, calls, someRequests } from './observation.testing.js';
import { EMPTY_VISITS, observeVisits, visitsFrom, type VisitsState, type VisitsStep } from './visits.js';

const graph = aTypeGraph([
  aComponent('web', { dependsOn: calls('catalog', 'cart') }),
  aComponent('cart', { dependsOn: calls('store') }),
  aComponent('catalog', { dependsOn: calls('store') }),
  aComponent('store'),
  aComponent('batch'),
]);

interface Load {
  readonly rate: number;
  readonly inside?: number;
  readonly rejected?: number;
  readonly errors?: number;
}

const metricsOf = (loads: Readonly<Record<string, Load>>): ReadonlyMap<string, ComponentMetrics> =>
  new Map(
    Object.entries(loads).map(([name, { rate, inside = 2, rejected = 0, errors = 0 }]) => [
      name,
      {
        requests: someRequests(aWindow({ rate, errorRatio: errors }), {
          inFlight: inside,
          rejectedRate: rejected,
        }),
        usage: null,
      },
    ]),
  );

class Observer {
  state: VisitsState = EMPTY_VISITS;
  step: VisitsStep | undefined;
  private nowMs = 1_000_000;

  see(loads: Readonly<Record<string, Load>>, seconds = 1): Readonly<Record<string, number>> {
    for (let i = 0; i < seconds; i += 1) {
      this.nowMs += 1_000;
      this.step = observeVisits(this.state, graph, metricsOf(loads), this.nowMs, () => null);
      this.state = this.step.state;
    }
    return Object.fromEntries(this.step?.heldBack ?? []);
  }

  silence(seconds: number): void {
    for (let i = 0; i < seconds; i += 1) {
      this.nowMs += 1_000;
      this.state = observeVisits(this.state, graph, null, this.nowMs, () => null).state;
    }
  }

  visits(): Readonly<Record<string, number>> {
    return Object.fromEntries(visitsFrom(this.state, graph, 'web'));
  }
}

const CALM = { web: { rate: 100 }, catalog: { rate: 200 }, cart: { rate: 10 }, store: { rate: 210 } };

describe(observeVisits, () => {
  it('learns how often each component is called per request at the entry', () => {
    const observer = new Observer();
    observer.see(CALM, 30);
    expect(observer.visits()).toMatchObject({ web: 1, catalog: 2, cart: 0.1 });
    expect(observer.visits().store).toBeCloseTo(2.1);
    expect(observer.visits()).not.toHaveProperty('batch');
  });

  it('tells callers of the same component apart once their loads have differed', () => {
    const observer = new Observer();
    for (let i = 0; i < 400; i += 1) {
      const catalog = 100 + 80 * Math.sin(i);
      const cart = 100 + 80 * Math.cos(1.7 * i);
      observer.see(
        {
          web: { rate: 100 },
          catalog: { rate: catalog },
          cart: { rate: cart },
          store: { rate: catalog + 3 * cart },
        },
        10,
      );
    }
    expect(observer.state.calls.store?.catalog).toBeCloseTo(1, 1);
    expect(observer.state.calls.store?.cart).toBeCloseTo(3, 1);
  });

  it('adds nothing in calm times, noise included', () => {
    const observer = new Observer();
    observer.see(CALM, 30);
    for (let i = 0; i < 60; i += 1) {
      const inside = i % 2 === 0 ? 2 : 12;
      expect(observer.see({ ...CALM, web: { rate: 100 + (i % 7), inside } })).toEqual({});
    }
  });

  it('passes a surge that the entry holds up on to all that it calls, in the same second', () => {
    const observer = new Observer();
    observer.see(CALM, 30);
    const held = observer.see({ ...CALM, web: { rate: 120, inside: 402 } });
    expect(held.catalog).toBeCloseTo(800);
    expect(held.cart).toBeCloseTo(40);
    expect(held.store).toBeCloseTo(840);
  });

  it('also what a tier in the middle holds up, on top of what comes from above, and what is rejected', () => {
    const observer = new Observer();
    observer.see(CALM, 30);
    const held = observer.see({
      ...CALM,
      web: { rate: 110, rejected: 50 },
      catalog: { rate: 220, inside: 302 },
    });
    expect(held.catalog).toBeCloseTo(100);
    expect(held.store).toBeCloseTo(300 + 100 + 5);
  });

  it('adds nothing while a queue is worked off, though rejections of ten seconds ago still count', () => {
    const observer = new Observer();
    observer.see(CALM, 30);
    for (let i = 1; i <= 5; i += 1) observer.see({ ...CALM, web: { rate: 120, inside: 400 * i } });
    let held = {};
    for (let i = 4; i >= 0; i -= 1)
      held = observer.see({ ...CALM, web: { rate: 500, inside: 400 * i, rejected: 200 } });
    expect(held).toEqual({});
  });

  it('learns nothing from tiers that queue, reject or fail', () => {
    const observer = new Observer();
    observer.see(CALM, 30);
    const before = observer.state.calls;
    for (let i = 1; i <= 30; i += 1)
      observer.see({ ...CALM, web: { rate: 50, inside: 100 * i }, catalog: { rate: 170, rejected: 20 } });
    observer.see({ ...CALM, web: { rate: 20 }, store: { rate: 900, errors: 0.5 } }, 30);
    expect(observer.state.calls.store).toEqual(before.store);
    const congested = new Observer();
    congested.see({ ...CALM, catalog: { rate: 170, rejected: 20 } }, 30);
    expect(congested.state.calls).not.toHaveProperty('catalog');
  });

  it('keeps what it knows over a silence, and takes no growth from it', () => {
    const observer = new Observer();
    observer.see(CALM, 30);
    const before = observer.state.calls;
    observer.silence(60);
    expect(observer.state.calls).toBe(before);
    expect(observer.see({ ...CALM, web: { rate: 100, inside: 5_000 } })).toEqual({});
  });
});
