import { bareComponent, bareTypeGraph, componentName, type TypeGraph } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { chainApplication } from './application.js';
import { clairvoyantFor, highestAhead } from './clairvoyant.js';
import { comparePolicies, type CompareOptions } from './compare.js';
import { elasticityOf } from './elasticity.js';
import { RUN_DEFAULTS } from './level-run.js';
import { checkSpec, parsePolicies } from './policy-spec.js';
import { ASSUMED } from './traits.js';

const shop = (): TypeGraph =>
  bareTypeGraph(
    'shop',
    [
      bareComponent('web', {
        scale: { min: 1, max: 40, initial: 1 },
        policy: { kind: 'slo', holdMs: 0 },
        dependsOn: [
          { component: componentName('stock'), condition: 'started', required: true, restart: false },
        ],
      }),
      bareComponent('stock', { scale: { min: 1, max: 40, initial: 1 }, policy: { kind: 'slo', holdMs: 0 } }),
    ],
    { objective: { latency: [{ percentile: 99, ms: 250 }], errorRatio: null, throughput: null } },
  );

const traits = {
  web: { ...ASSUMED, concurrency: 1, startMs: 10_000 },
  stock: { ...ASSUMED, concurrency: 1, startMs: 10_000 },
};

const traceOf = (rate: (minute: number) => number) => ({
  name: 'made',
  binS: 60,
  rates: Float64Array.from({ length: 15 }, (_, minute) => rate(minute)),
});

const trace = traceOf((minute) => (minute >= 5 && minute < 10 ? 300 : 60));
const ramp = traceOf((minute) => 100 + 10 * minute);

const compare = (policies: string, changed: Partial<CompareOptions> = {}) =>
  comparePolicies({
    typeGraph: shop(),
    traits,
    trace,
    contenders: parsePolicies(policies).map((spec) => ({ spec })),
    seed: 1,
    lateShare: 0.01,
    pricePerHour: 0,
    longestS: 1,
    ...changed,
  });

/** Generous: these play hours of load on a machine that may do other things. */
describe(comparePolicies.name, { timeout: 240_000 }, () => {
  it('plays the same load for each policy, and again the same from the same seed', () => {
    const first = compare('hpa(metric=rps,target=0.6),kpa');
    const again = compare('kpa').policies[0];
    expect(again).toEqual(first.policies[1]);
    expect(compare('kpa', { seed: 2 }).policies[0]?.latePercent).not.toBe(again?.latePercent);
    expect(first.policies.map(({ policy }) => policy)).toEqual(['hpa(metric=rps,target=0.6)', 'kpa']);
    for (const { instances, p95Ms, latePercentOverTime } of first.policies) {
      expect([instances.length, p95Ms.length, latePercentOverTime.length]).toEqual(
        Array.from({ length: 3 }, () => first.series.atS.length),
      );
    }
  });

  it('says much the same in long steps as second by second, in a fraction of the decisions', () => {
    const policies = 'slo,hpa(metric=rps,target=0.6),kpa';
    const hours = {
      name: 'made',
      binS: 60,
      rates: Float64Array.from({ length: 240 }, (_, minute) => 150 + 100 * Math.sin(minute / 20)),
    };
    const [fine, coarse] = [1, 30].map((longestS) => compare(policies, { trace: hours, longestS }));
    coarse?.policies.forEach((seldom, i) => {
      const each = fine?.policies[i];
      expect(seldom.latePercent).toBeLessThan(1);
      expect(Math.abs(seldom.instanceHours / (each?.instanceHours ?? 0) - 1)).toBeLessThan(0.06);
      expect(seldom.instances).toHaveLength(each?.instances.length ?? 0);
    });
    expect(coarse?.policies[0]?.decisions).toBeLessThan((fine?.policies[0]?.decisions ?? 0) / 5);
    const hindsight = (coarse?.clairvoyant.instanceHours ?? 0) / (fine?.clairvoyant.instanceHours ?? 1);
    expect(Math.abs(hindsight - 1)).toBeLessThan(0.03);
  });

  it('asks a policy of the user each second all the same', () => {
    const plugin = {
      summary: 'counts its calls',
      initial: () => ({ calls: 0 }),
      step: (state: { readonly calls: number }) => ({
        state: { calls: state.calls + 1 },
        recommendation: { count: 9, reason: '', predicted: null, inputs: {} },
      }),
    };
    const spec = { text: 'mine', name: 'mine', options: {} };
    const { policies } = compare('kpa', { longestS: 30, contenders: [{ spec, plugin }] });
    // Of both components, in the warm-up, too.
    expect(policies[0]?.decisions).toBe(2 * (300 + 15 * 60));
  });

  it('finds that a lower target is later less and costs more', () => {
    const [tight, roomy] = compare('hpa(metric=rps,target=0.95),hpa(metric=rps,target=0.4)').policies;
    expect(roomy?.latePercent).toBeLessThan(tight?.latePercent ?? 0);
    expect(roomy?.instanceHours).toBeGreaterThan(tight?.instanceHours ?? Infinity);
  });

  it('has a clairvoyant that keeps the late share and that nobody who keeps it undercuts by more than its grid', () => {
    const { clairvoyant, policies } = compare(
      'hpa(metric=rps,target=0.4),hpa(metric=rps,target=0.6),kpa(target=0.4)',
      { trace: ramp },
    );
    expect(clairvoyant.latePercent).toBeLessThanOrEqual(1);
    const keeping = policies.filter(({ latePercent }) => latePercent <= 1);
    expect(keeping.length).toBeGreaterThan(0);
    for (const { regret } of keeping) expect(regret).toBeGreaterThan(0.97);
  });

  it('takes a policy of the user, and the start-up time matters to all', () => {
    const [spec] = parsePolicies('./five.mjs(count=5)');
    if (spec === undefined) throw new Error('no spec');
    const plugin = {
      summary: 'a fixed count',
      initial: () => ({}),
      step: (_: unknown, __: unknown, { count }: Readonly<Record<string, string>>) => ({
        state: {},
        recommendation: { count: Number(count), reason: 'fixed', predicted: null, inputs: {} },
      }),
    };
    const [own] = compare('slo', { contenders: [{ spec, plugin }] }).policies;
    expect(own?.instances.slice(360)).toContain(10);
    const slow = { web: { ...traits.web, startMs: 120_000 }, stock: { ...traits.stock, startMs: 120_000 } };
    const late = (these: CompareOptions['traits']): number =>
      compare('hpa(metric=rps)', { traits: these }).policies[0]?.latePercent ?? 0;
    expect(late(slow)).toBeGreaterThan(2 * late(traits));
  });

  it('says what is missing in the composition', () => {
    const without = { ...shop(), objective: null };
    expect(() => compare('slo', { typeGraph: without })).toThrow(/no latency objective.*x-mitosis/);
    expect(() => compare('slo', { typeGraph: { ...shop(), entry: null } })).toThrow(/no entry/);
  });
});

describe(parsePolicies.name, () => {
  it('reads names, options and files', () => {
    expect(
      parsePolicies('slo, hpa(target=0.7, metric=rps),./a.mjs(x=1)').map(({ name, options }) => [
        name,
        options,
      ]),
    ).toEqual([
      ['slo', {}],
      ['hpa', { target: '0.7', metric: 'rps' }],
      ['./a.mjs', { x: '1' }],
    ]);
  });

  it.each([
    ['hpaa', /no policy "hpaa".*slo/],
    ['hpa(goal=1)', /no option "goal".*target/],
    ['hpa(target=none)', /target=none/],
    ['hpa(metric=disk)', /"disk" is no metric/],
    ['hpa(target)', /"target" in "hpa\(target\)" is no option/],
    [' ', /no policy is named/],
  ])('refuses %j', (text, message) => {
    expect(() => parsePolicies(text).forEach(checkSpec)).toThrow(message);
  });
});

describe('what hindsight and elasticity count', { timeout: 240_000 }, () => {
  it('pays an instance from its start on and keeps it over gaps shorter than a start', () => {
    const need = Uint16Array.from([1, 1, 1, 1, 4, 1, 1, 1, 1, 1]);
    expect([...highestAhead(need, 2)]).toEqual([1, 1, 4, 4, 4, 1, 1, 1, 1, 1]);
    expect([...highestAhead(Uint16Array.from([3, 1, 3, 1, 1]), 2)]).toEqual([3, 3, 3, 1, 1]);
  });

  it('uses the share it may be late on a trace of days, too, where the price is first sought on a part', () => {
    const days = {
      name: 'days',
      binS: 60,
      rates: Float64Array.from(
        { length: 4 * 1_440 },
        (_, minute) => 60 + 40 * Math.sin(minute / 229) + (minute % 60 === 0 ? 60 : 0),
      ),
    };
    const application = chainApplication({
      tiers: 1,
      policy: () => ({ kind: 'fixed' }),
      startMs: 10_000,
      percentile: 99,
      concurrency: 1,
      peakRate: 160,
      maxFactor: 2,
    });
    const { late, requests } = clairvoyantFor(
      { ...RUN_DEFAULTS, application, trace: days, seed: 1 },
      10_000,
      0.01,
    );
    expect(late / requests).toBeLessThanOrEqual(0.01);
    expect(late / requests).toBeGreaterThan(0.007);
  });

  it('follows the definitions of the SPEC research group', () => {
    const demand = Uint16Array.from({ length: 120 }, (_, i) => (i < 60 ? 2 : 4));
    const supply = Uint16Array.from({ length: 120 }, () => 3);
    // Half of the time one of two too many, half of the time one of four too few; supply does not move with demand.
    expect(elasticityOf([demand], [supply])).toEqual({
      underAccuracy: 12.5,
      overAccuracy: 25,
      underTime: 50,
      overTime: 50,
      instability: 100,
    });
  });
});
