import { siteId, type Component, type SiteId, type SiteRecord } from '@mitosis/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { component, site } from './fixtures.testing.js';
import type { Use } from './input.js';
import { place, type PlaceDecision } from './place.js';
import { requestOf } from './resources.js';

const at = (counts: Readonly<Record<string, number>>): ReadonlyMap<SiteId, number> =>
  new Map(Object.entries(counts).map(([name, count]) => [siteId(name), count]));

const run = (
  count: number,
  sites: readonly SiteRecord[],
  current: Readonly<Record<string, number>> = {},
  over: {
    readonly component?: Component;
    readonly otherUse?: ReadonlyMap<SiteId, Use>;
    readonly up?: Readonly<Record<string, number>>;
  } = {},
): PlaceDecision =>
  place({
    component: over.component ?? component('web', { cpus: 1 }),
    count,
    current: at(current),
    sites,
    up: at(over.up ?? current),
    otherUse: over.otherUse ?? new Map(),
  });

const counts = (decision: PlaceDecision): Readonly<Record<string, number>> =>
  Object.fromEntries(decision.counts);

describe('placing a component', () => {
  it('spreads it over the sites', () => {
    expect(counts(run(4, [site('a'), site('b')]))).toEqual({ a: 2, b: 2 });
  });

  it('spreads over zones before sites', () => {
    const sites = [site('a', { zone: 'x' }), site('b', { zone: 'x' }), site('c', { zone: 'y' })];
    expect(counts(run(2, sites, { a: 1 }))).toEqual({ a: 1, c: 1 });
  });

  it('prefers, among equals, the site with the most left', () => {
    const otherUse = new Map([[siteId('a'), { cpus: 3, memoryBytes: 0 }]]);
    expect(counts(run(1, [site('a'), site('b')], {}, { otherUse }))).toEqual({ b: 1 });
  });

  it('moves nothing without need, not even to a better spread', () => {
    expect(counts(run(2, [site('a'), site('b')], { a: 2 }))).toEqual({ a: 2 });
  });

  it('takes away where the most are', () => {
    expect(counts(run(2, [site('a'), site('b')], { a: 3, b: 1 }))).toEqual({ a: 1, b: 1 });
  });

  it('moves what is on a site that is no longer there', () => {
    expect(counts(run(2, [site('b')], { a: 1, b: 1 }))).toEqual({ b: 2 });
  });

  it('says what fits nowhere, and why', () => {
    const decision = run(6, [site('a', { cpus: 4 })]);
    expect(counts(decision)).toEqual({ a: 4 });
    expect(decision.unplaced).toBe(2);
    expect(decision.reason).toContain('one needs 1 cores');
    expect(decision.reason).toContain('a has 0 of 4 cores left');
  });

  it('leaves a place that became too tight alone', () => {
    expect(counts(run(3, [site('a', { cpus: 1 })], { a: 3 }))).toEqual({ a: 3 });
  });

  it('counts reservations, not limits', () => {
    const limited = component('web', { cpus: 0, limitCpus: 2 });
    expect(run(10, [site('a', { cpus: 2 })], {}, { component: limited }).unplaced).toBe(0);
  });

  it('names the driver nobody has', () => {
    const decision = run(1, [site('a', { driver: 'docker' })]);
    expect(decision.unplaced).toBe(1);
    expect(decision.reason).toContain('no site runs process instances');
  });

  it('never overfills a site, refuses only what fits nowhere, and answers the same again', () => {
    const sites = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd'),
        cpus: fc.integer({ min: 0, max: 6 }),
        zone: fc.constantFrom('x', 'y'),
      }),
      { minLength: 1, selector: ({ name }) => name },
    );
    fc.assert(
      fc.property(sites, fc.nat(12), fc.integer({ min: 1, max: 3 }), (drawn, count, cpus) => {
        const records = drawn.map(({ name, cpus: size, zone }) => site(name, { cpus: size, zone }));
        const web = component('web', { cpus });
        const decision = run(count, records, {}, { component: web });
        const total = [...decision.counts.values()].reduce((sum, placed) => sum + placed, 0);
        expect(total + decision.unplaced).toBe(count);
        const request = requestOf(web);
        const free = records.map(
          (record) => record.cpus - (decision.counts.get(record.site) ?? 0) * request.cpus,
        );
        expect(Math.min(...free)).toBeGreaterThanOrEqual(0);
        if (decision.unplaced > 0) expect(Math.max(...free)).toBeLessThan(request.cpus);
        const again = run(count, records, counts(decision), { component: web });
        expect(counts(again)).toEqual(counts(decision));
      }),
    );
  });
});
