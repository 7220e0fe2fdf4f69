import { componentName, levelId, type ChildRecord, type SpecRecord } from '@mitosis/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aComponent, aTypeGraph } from './binding.testing.js';
import {
  childrenLeft,
  decideChildren,
  ordersOf,
  UNSEEN,
  type ChildObservation,
  type ChildrenInput,
} from './children.js';

const NOW_MS = 1_000_000;
const catalogGraph = aTypeGraph([aComponent('api')], { digest: 'c1', level: levelId('catalog') });
const withCatalog = aTypeGraph([
  aComponent('web'),
  aComponent('catalog', { kind: 'composition', composition: catalogGraph }),
]);

const spec = (overrides: Partial<SpecRecord> = {}): SpecRecord => ({
  v: 1,
  generation: 1,
  phase: 'operating',
  typeGraph: withCatalog,
  appliedAtMs: 0,
  ...overrides,
});

const child = (overrides: Partial<ChildRecord> = {}): ChildRecord => ({
  v: 1,
  component: componentName('catalog'),
  level: levelId('shop.catalog'),
  incarnation: 1,
  wanted: 'operating',
  managers: ['a:1'],
  appliedDigest: 'c1',
  ...overrides,
});

const confirmed: ChildObservation = {
  ...UNSEEN,
  managers: ['a:1'],
  incarnation: 1,
  appliedDigest: 'c1',
  appliedAtMs: NOW_MS,
  appliedIncarnation: 1,
};

const input = (
  record: ChildRecord | null,
  seen: ChildObservation | null,
  overrides: Partial<ChildrenInput> = {},
): ChildrenInput => ({
  level: levelId('shop'),
  spec: spec(),
  children: new Map(record === null ? [] : [['catalog', record]]),
  seen: new Map(seen === null ? [] : [['catalog', seen]]),
  nowMs: NOW_MS,
  ...overrides,
});

const change = (...args: Parameters<typeof input>) => decideChildren(input(...args))[0];
const order = (...args: Parameters<typeof input>) => ordersOf(input(...args))[0];
const without = { spec: spec({ typeGraph: aTypeGraph([aComponent('web')]) }) };

describe('child levels', () => {
  it('begin with incarnation 1', () => {
    expect(change(null, null)).toMatchObject({
      action: 'birth',
      record: { level: 'shop.catalog', incarnation: 1, wanted: 'operating', appliedDigest: '' },
    });
  });

  it('rise by one when they are wanted again after a disposal', () => {
    expect(change(child({ wanted: 'disposed', incarnation: 4 }), null)?.record).toMatchObject({
      incarnation: 5,
      wanted: 'operating',
      managers: [],
    });
  });

  it('are told their part as soon as a manager is known, under their own level', () => {
    expect(order(child({ managers: [], appliedDigest: '' }), null)).toBeUndefined();
    expect(order(child({ appliedDigest: '' }), null)).toMatchObject({
      kind: 'apply',
      typeGraph: { level: 'shop.catalog', digest: 'c1' },
    });
  });

  it('are recorded as told once they confirmed it, under the incarnation it was told to', () => {
    const untold = child({ appliedDigest: '' });
    expect(change(untold, confirmed)).toMatchObject({ action: 'apply', record: { appliedDigest: 'c1' } });
    expect(change(untold, { ...confirmed, appliedIncarnation: 0, incarnation: 0 })).toBeUndefined();
    expect(change(untold, { ...confirmed, appliedDigest: 'c0' })).toBeUndefined();
  });

  it('are asked again from time to time whether they still have it', () => {
    expect(order(child(), confirmed)).toBeUndefined();
    expect(order(child(), { ...confirmed, appliedAtMs: NOW_MS - 10_000 })).toMatchObject({ kind: 'apply' });
  });

  it('keep the addresses of managers that are known, silence changes nothing', () => {
    expect(change(child(), { ...confirmed, managers: ['a:1', 'b:2'] })).toMatchObject({
      action: 'address',
      record: { managers: ['a:1', 'b:2'] },
    });
    expect(change(child(), { ...confirmed, managers: null })).toBeUndefined();
    expect(change(child(), null)).toBeUndefined();
  });

  it('take over a higher incarnation that agents know, and are told anew', () => {
    const raised = change(child(), { ...confirmed, incarnation: 7 });
    expect(raised).toMatchObject({ action: 'raise', record: { incarnation: 7, appliedDigest: '' } });
  });

  it('end when the composition does not contain them any more, or is disposed of', () => {
    expect(change(child(), confirmed, without)).toMatchObject({
      action: 'dispose',
      record: { wanted: 'disposed' },
    });
    expect(change(child(), confirmed, { spec: spec({ phase: 'disposing' }) })).toMatchObject({
      action: 'dispose',
    });
    const ending = child({ wanted: 'disposed' });
    expect(change(ending, confirmed, without)).toBeUndefined();
    expect(order(ending, confirmed, without)).toMatchObject({ kind: 'dispose' });
    expect(order(ending, { ...confirmed, disposed: true }, without)).toBeUndefined();
  });

  it('count as left until they say that nothing is left or their birth is forgotten', () => {
    const ending = input(child({ wanted: 'disposed' }), confirmed, without);
    expect(childrenLeft(ending, new Set(['catalog']))).toBe(1);
    expect(childrenLeft(ending, new Set())).toBe(0);
    const said = input(child({ wanted: 'disposed' }), { ...confirmed, disposed: true }, without);
    expect(childrenLeft(said, new Set(['catalog']))).toBe(0);
  });

  it('never get a lower incarnation', () => {
    const states = fc.record({
      incarnation: fc.integer({ min: 1, max: 9 }),
      wanted: fc.constantFrom('operating' as const, 'disposed' as const),
      seen: fc.integer({ min: 0, max: 12 }),
      contained: fc.boolean(),
    });
    fc.assert(
      fc.property(states, ({ incarnation, wanted, seen, contained }) => {
        const before = child({ incarnation, wanted });
        const after = change(before, { ...confirmed, incarnation: seen }, contained ? {} : without);
        expect(after?.record.incarnation ?? incarnation).toBeGreaterThanOrEqual(incarnation);
      }),
    );
  });
});
