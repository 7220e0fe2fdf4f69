import {
  componentName,
  decisionId,
  type CeilingRecord,
  type ControlMode,
  type OverrideRecord,
  type TargetRecord,
} from '@mitosis/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_LEVEL, stepLevel } from './level.js';
import type { LevelInput } from './level-input.js';
import { aComponent, aTypeGraph, aWindow, someRequests } from './observation.testing.js';
import { decideTargets } from './targets.js';

const NOW_MS = 1_000_000;
const web = aComponent('web', { policy: { kind: 'fixed' }, scale: { min: 2, max: 6, initial: 3 } });

const targetOf = (count: number): TargetRecord => ({
  v: 1,
  component: componentName('web'),
  count,
  generation: 1,
  atMs: NOW_MS - 60_000,
  reason: '',
  decision: decisionId('d'),
});

const overrideOf = (count: number, expiresAtMs = 0): OverrideRecord => ({
  v: 1,
  component: componentName('web'),
  count,
  expiresAtMs,
  reason: 'sale',
});

const inputOf = (overrides: Partial<LevelInput> = {}): LevelInput => ({
  nowMs: NOW_MS,
  generation: 1,
  typeGraph: aTypeGraph([web]),
  handedDown: null,
  targets: new Map(),
  overrides: new Map(),
  instances: [],
  endpoints: new Map(),
  metrics: null,
  ...overrides,
});

const decide = (input: LevelInput, mode: ControlMode = 'run', advised = new Map<string, number>()) =>
  decideTargets(input, stepLevel(EMPTY_LEVEL, input, { holdMs: 60_000 }).advice, mode, advised);

describe('targets', () => {
  it.each<ControlMode>(['run', 'advise', 'paused'])('writes the first target in mode %s', (mode) => {
    const [change] = decide(inputOf(), mode).changes;
    expect(change).toMatchObject({ from: null, to: 3, applied: true, policy: 'initial' });
  });

  it('writes nothing that is there already', () => {
    expect(decide(inputOf({ targets: new Map([['web', targetOf(3)]]) })).changes).toEqual([]);
  });

  it.each<ControlMode>(['run', 'advise', 'paused'])(
    'brings a target back into changed bounds in mode %s',
    (mode) => {
      const [change] = decide(inputOf({ targets: new Map([['web', targetOf(9)]]) }), mode).changes;
      expect(change).toMatchObject({ from: 9, to: 6, applied: true, policy: 'bounds' });
    },
  );

  it('follows an override until it expires, also beyond the bounds, and says so', () => {
    const targets = new Map([['web', targetOf(3)]]);
    const under = (override: OverrideRecord, mode: ControlMode = 'run') =>
      decide(inputOf({ targets, overrides: new Map([['web', override]]) }), mode).changes[0];
    expect(under(overrideOf(5))).toMatchObject({ to: 5, policy: 'override', applied: true });
    expect(under(overrideOf(5), 'paused')).toMatchObject({ to: 5, applied: true });
    expect(under(overrideOf(50))).toMatchObject({ to: 50, reason: 'set by hand: sale (50 is outside 2..6)' });
    expect(under(overrideOf(0))).toMatchObject({ to: 0 });
    expect(under(overrideOf(5, NOW_MS))).toBeUndefined();
    expect(under(overrideOf(5, NOW_MS + 1))).toMatchObject({ to: 5 });
  });

  it('never wants a second instance of an exclusive component, whoever asks', () => {
    const typeGraph = aTypeGraph([
      aComponent('web', { exclusive: true, scale: { min: 1, max: 1, initial: 1 } }),
    ]);
    const overrides = new Map([['web', overrideOf(3)]]);
    expect(
      decide(inputOf({ typeGraph, targets: new Map([['web', targetOf(1)]]), overrides })).changes,
    ).toEqual([]);
  });

  it('advises once and applies nothing in mode advise', () => {
    const input = inputOf({ targets: new Map([['web', targetOf(4)]]) });
    const first = decide(input, 'advise');
    expect(first.changes).toMatchObject([{ from: 4, to: 3, applied: false }]);
    expect(decide(input, 'advise', new Map(first.advised)).changes).toEqual([]);
    expect(decide(input, 'paused').changes).toEqual([]);
    expect(decide(input, 'run').changes).toMatchObject([{ to: 3, applied: true }]);
  });

  it('sets no target for children, bindings and what runs once, and removes those of components that went', () => {
    const typeGraph = aTypeGraph([
      aComponent('catalog', { kind: 'composition' }),
      aComponent('payment', { kind: 'binding' }),
      aComponent('migrate', { runOnce: true }),
    ]);
    const plan = decide(inputOf({ typeGraph, targets: new Map([['web', targetOf(3)]]) }));
    expect(plan.changes).toEqual([]);
    expect(plan.removed).toEqual(['web']);
  });

  it('never leaves min..max and never goes down without data', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: -5, max: 40 }),
        fc.option(fc.double({ min: 0, max: 5_000, noNaN: true })),
        fc.constantFrom<ControlMode>('run', 'advise', 'paused'),
        (min, spread, current, rate, mode) => {
          const scale = { min, max: min + spread, initial: min };
          const typeGraph = aTypeGraph([aComponent('web', { scale })]);
          const requests = rate === null ? null : someRequests(aWindow({ rate }));
          const metrics = requests === null ? null : new Map([['web', { requests, usage: null }]]);
          const plan = decide(
            inputOf({ typeGraph, metrics, targets: new Map([['web', targetOf(current)]]) }),
            mode,
          );
          for (const change of plan.changes) {
            expect(change.to).toBeGreaterThanOrEqual(scale.min);
            expect(change.to).toBeLessThanOrEqual(scale.max);
            if (metrics === null && current <= scale.max) expect(change.to).toBeGreaterThanOrEqual(current);
          }
        },
      ),
    );
  });
});

describe('ceilings', () => {
  const busy = aComponent('web', { policy: { kind: 'fixed' }, scale: { min: 0, max: 9, initial: 3 } });
  const ceilingAt = (count: number, overrides: Partial<CeilingRecord> = {}): CeilingRecord => ({
    v: 1,
    function: 'placer',
    counts: { web: count },
    reason: '4 of 4 an hour are spent',
    expiresAtMs: NOW_MS + 10_000,
    decision: decisionId('why'),
    ...overrides,
  });
  const holding = (count: number, ...ceilings: readonly CeilingRecord[]): LevelInput =>
    inputOf({ typeGraph: aTypeGraph([busy]), targets: new Map([['web', targetOf(count)]]), ceilings });
  /** The policy wants six. */
  const decideSix = (input: LevelInput, holds?: ReadonlyMap<string, string>) => {
    const { advice } = stepLevel(EMPTY_LEVEL, input, { holdMs: 60_000 });
    const six = { count: 6, reason: 'busy', predicted: { percentile: 95, ms: 9 }, inputs: {} };
    const wanting = advice.map((one) => ({ ...one, recommendation: six }));
    return decideTargets(input, wanting, 'run', new Map(), holds);
  };

  it('lets a component grow as far as the lowest one in force, and says whose and why', () => {
    const [change] = decideSix(
      holding(3, ceilingAt(5), ceilingAt(4), ceilingAt(1, { counts: { api: 1 } })),
    ).changes;
    expect(change).toMatchObject({ from: 3, to: 4, applied: true, causes: ['why'] });
    expect(change?.reason).toMatch(/; held at 4 by placer: 4 of 4 an hour are spent$/);
    expect(change?.predicted).toBeNull();
  });

  it('tells once that it holds off all of it, and again when it was free in between', () => {
    const first = decideSix(holding(4, ceilingAt(2)));
    expect(first.changes).toEqual([]);
    expect(first.held).toMatchObject([{ from: 4, to: 4, wanted: 6, causes: ['why'] }]);
    const second = decideSix(holding(4, ceilingAt(2)), first.holds);
    expect(second.held).toEqual([]);
    const free = decideSix(holding(6), second.holds);
    expect(free.holds).toEqual(new Map());
    expect(decideSix(holding(4, ceilingAt(2)), free.holds).held).toHaveLength(1);
  });

  it('ends with its time, without anybody taking it back', () => {
    const [change] = decideSix(holding(3, ceilingAt(3, { expiresAtMs: NOW_MS }))).changes;
    expect(change).toMatchObject({ to: 6, causes: [] });
  });

  it('never takes an instance away, nor the first one of a component at zero', () => {
    expect(decideSix(holding(5, ceilingAt(1))).changes).toEqual([]);
    expect(decideSix(holding(0, ceilingAt(0))).changes).toMatchObject([{ from: 0, to: 1 }]);
    expect(decideSix(holding(5, ceilingAt(Number.NaN))).changes).toMatchObject([{ to: 6 }]);
  });

  it('holds neither what a person sets, nor the first count, nor the bounds', () => {
    const overrides = new Map([['web', overrideOf(8)]]);
    expect(decideSix({ ...holding(3, ceilingAt(3)), overrides }).changes).toMatchObject([{ to: 8 }]);
    expect(decideSix({ ...holding(3, ceilingAt(1)), targets: new Map() }).changes).toMatchObject([{ to: 3 }]);
    const typeGraph = aTypeGraph([{ ...busy, scale: { min: 5, max: 9, initial: 5 } }]);
    expect(decideSix({ ...holding(3, ceilingAt(3)), typeGraph }).changes).toMatchObject([
      { to: 5, policy: 'bounds' },
    ]);
  });

  it('never moves a count beyond what would have been wanted without them', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 9 }),
        fc.array(fc.integer({ min: -3, max: 12 }), { maxLength: 4 }),
        (count, at) => {
          const [held] = decideSix(holding(count, ...at.map((one) => ceilingAt(one)))).changes;
          const to = held?.to ?? count;
          expect(to).toBeGreaterThanOrEqual(Math.min(count, 6));
          expect(to).toBeLessThanOrEqual(Math.max(count, 6));
        },
      ),
    );
  });
});

describe('budget', () => {
  const each = (cpus: number) => ({
    limits: { cpus, memoryBytes: 0, pids: 0 },
    reservations: { cpus: 0, memoryBytes: 0, pids: 0 },
  });
  const scale = { min: 1, max: 20, initial: 2 };
  const typeGraph = (budgetPerHour: number | null) =>
    aTypeGraph(
      [
        aComponent('web', { policy: { kind: 'fixed' }, scale, resources: each(1) }),
        aComponent('api', { policy: { kind: 'fixed' }, scale, resources: each(2) }),
      ],
      { budgetPerHour },
    );
  const at = (counts: Readonly<Record<string, number>>) =>
    new Map(
      Object.entries(counts).map(([name, count]) => [
        name,
        { ...targetOf(count), component: componentName(name) },
      ]),
    );
  /** One late request a second for each instance of web that is missing, three for one of api. */
  const missing: Readonly<Record<string, number>> = { web: 1, api: 3 };
  const want = (
    counts: Readonly<Record<string, number>>,
    input: LevelInput,
    holds?: ReadonlyMap<string, string>,
    mode: ControlMode = 'run',
  ) => {
    const { advice } = stepLevel(EMPTY_LEVEL, input, { holdMs: 60_000 });
    const wanting = advice.map((one) => {
      const { name } = one.component;
      const wanted = counts[name] ?? 0;
      return {
        ...one,
        recommendation: {
          count: wanted,
          reason: 'busy',
          predicted: { percentile: 95, ms: 9 },
          inputs: {},
        },
        expectedLate: () => (count: number) => (missing[name] ?? 0) * Math.max(0, wanted - count),
      };
    });
    return decideTargets(input, wanting, mode, new Map(), holds);
  };
  const loaded = new Map(
    ['web', 'api'].map((name) => [name, { requests: someRequests(aWindow({ rate: 20 })), usage: null }]),
  );
  const levelOf = (
    budgetPerHour: number | null,
    counts: Readonly<Record<string, number>>,
    overrides: Partial<LevelInput> = {},
  ): LevelInput =>
    inputOf({
      typeGraph: typeGraph(budgetPerHour),
      targets: at(counts),
      metrics: loaded,
      pricePerCpuHour: 0.5,
      ...overrides,
    });
  const counted = (plan: ReturnType<typeof want>) =>
    Object.fromEntries(plan.changes.map(({ component, to }) => [component.name, to]));

  it('takes what saves least for its money, says what was given up and what that does, and predicts nothing of it', () => {
    // web: a late request less for 0.50; api: three for 1.00.
    const plan = want({ web: 6, api: 4 }, levelOf(6, { web: 2, api: 2 }));
    expect(counted(plan)).toEqual({ web: 4, api: 4 });
    const [web, api] = plan.changes;
    expect(web?.reason).toBe(
      'busy; 4 of 6 are within the budget of 6.00/h, 7.00/h are wanted: 10.0 % late expected, with 6 0.0 %',
    );
    expect(web).toMatchObject({ predicted: null, inputs: { wanted: 6, withinBudget: 4 } });
    expect(api?.predicted).not.toBeNull();
    expect(plan.budget).toEqual({
      perHour: 6,
      wantedPerHour: 7,
      costPerHour: 6,
      childrenPerHour: 0,
      overdrawn: false,
      gaveUp: [{ component: 'web', wanted: 6, count: 4 }],
    });
  });

  it('changes nothing while all that is wanted fits, nothing has a price, or the autoscaler is paused', () => {
    const wanted = { web: 6, api: 4 };
    expect(counted(want(wanted, levelOf(7, { web: 2, api: 2 })))).toEqual(wanted);
    expect(counted(want(wanted, levelOf(null, { web: 2, api: 2 })))).toEqual(wanted);
    expect(counted(want(wanted, levelOf(1, { web: 2, api: 2 }, { pricePerCpuHour: 0 })))).toEqual(wanted);
    expect(want(wanted, levelOf(1, { web: 6, api: 4 }), undefined, 'paused').changes).toEqual([]);
  });

  it('takes from what is there when the budget was lowered, a third at a time', () => {
    const plan = want({ web: 9, api: 1 }, levelOf(2, { web: 9, api: 1 }));
    expect(counted(plan)).toEqual({ web: 6 });
    expect(plan.changes[0]).toMatchObject({ from: 9, to: 6, applied: true });
  });

  it('tells once that more is wanted than the budget allows', () => {
    const input = levelOf(4, { web: 2, api: 3 });
    const first = want({ web: 4, api: 3 }, input);
    expect(first.changes).toEqual([]);
    expect(first.held).toMatchObject([{ from: 2, to: 2, wanted: 4 }]);
    expect(want({ web: 4, api: 3 }, input, first.holds).held).toEqual([]);
  });

  it('leaves bounds and counts set by hand alone, and says when they cost more than there is', () => {
    const overrides = new Map([
      ['api', { ...overrideOf(5), component: componentName('api'), expiresAtMs: 0 }],
    ]);
    const plan = want({ web: 4, api: 2 }, levelOf(3, { web: 1, api: 2 }, { overrides }));
    expect(counted(plan)).toEqual({ api: 5 });
    expect(plan.budget).toMatchObject({ overdrawn: true, costPerHour: 5.5 });
    expect(plan.held[0]?.reason).toContain('5.50/h are bounds and counts set by hand');
  });

  it('counts the child levels at the latency they have to hold', () => {
    const points = [
      { p95Ms: 100, instances: 8, costPerHour: 4 },
      { p95Ms: 200, instances: 4, costPerHour: 2 },
    ];
    const children = new Map([['catalog', { p95Ms: 150, points }]]);
    const plan = want({ web: 4, api: 2 }, levelOf(6, { web: 2, api: 2 }, { children }));
    expect(plan.budget).toMatchObject({ childrenPerHour: 3, wantedPerHour: 7, costPerHour: 6 });
    expect(counted(plan)).toEqual({});
  });
});
