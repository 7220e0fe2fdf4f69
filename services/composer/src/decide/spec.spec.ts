import { levelId, componentName, type OverrideRecord, type SpecRecord } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { aBinding, aComponent, aTypeGraph, url } from './binding.testing.js';
import { decideApply, decideDispose, decideDisposed, decideOverrides, describeChange } from './spec.js';
import { checkTypeGraph } from './type-graph-check.js';

const NOW_MS = 1_000_000;
const graph = aTypeGraph([aComponent('web')]);
const spec = (overrides: Partial<SpecRecord> = {}): SpecRecord => ({
  v: 1,
  generation: 3,
  phase: 'operating',
  typeGraph: graph,
  appliedAtMs: 0,
  ...overrides,
});

describe('apply', () => {
  const other = aTypeGraph([aComponent('web'), aComponent('api')], { digest: 'd2' });

  it.each([
    [
      'the first',
      null,
      0,
      graph,
      { kind: 'apply', record: { generation: 1, phase: 'operating' }, change: '+web' },
    ],
    ['another', spec(), 3, other, { kind: 'apply', record: { generation: 4 }, change: '+api' }],
    ['another over whatever is there', spec(), -1, other, { kind: 'apply', record: { generation: 4 } }],
    ['the same', spec(), -1, graph, { kind: 'unchanged', generation: 3 }],
    ['over an older generation than expected', spec(), 2, other, { kind: 'conflict' }],
    ['a first one where there is one', spec(), 0, other, { kind: 'conflict' }],
    [
      'the same after its disposal',
      spec({ phase: 'disposed' }),
      -1,
      graph,
      { kind: 'apply', record: { generation: 4, phase: 'operating' } },
    ],
  ] as const)('of %s', (_, current, expected, wanted, outcome) => {
    expect(decideApply(current, wanted, expected, NOW_MS)).toMatchObject(outcome);
  });

  it('says what is new', () => {
    const before = aTypeGraph([aComponent('web'), aComponent('old')]);
    const after = aTypeGraph([aComponent('web', { version: 'v2' }), aComponent('new')]);
    expect(describeChange(before, after)).toBe('+new ~web -old');
    expect(describeChange(before, { ...before, objective: null })).toBe('objectives, sites or management');
  });
});

describe('disposal', () => {
  it('begins once and ends when nothing is left', () => {
    expect(decideDispose(spec())).toMatchObject({ phase: 'disposing', generation: 3 });
    expect(decideDispose(spec({ phase: 'disposing' }))).toBeNull();
    const disposing = spec({ phase: 'disposing' });
    expect(decideDisposed(disposing, { instances: 1, children: 0 })).toBeNull();
    expect(decideDisposed(disposing, { instances: 0, children: 1 })).toBeNull();
    expect(decideDisposed(disposing, { instances: 0, children: 0 })).toMatchObject({ phase: 'disposed' });
    expect(decideDisposed(spec(), { instances: 0, children: 0 })).toBeNull();
  });
});

describe('overrides', () => {
  const override = (component: string, expiresAtMs: number): OverrideRecord => ({
    v: 1,
    component: componentName(component),
    count: 3,
    expiresAtMs,
    reason: '',
  });

  it('end when they expire or their component has gone', () => {
    const all = [
      override('web', 0),
      override('web', NOW_MS),
      override('web', NOW_MS + 1),
      override('gone', 0),
    ];
    expect(decideOverrides(graph, all, NOW_MS).map(({ reason }) => reason)).toEqual([
      'it has expired',
      'the composition has no such component any more',
    ]);
  });
});

describe('check of a type graph', () => {
  const level = levelId('shop');
  const valid = aTypeGraph([aComponent('web', { run: {} as never }), aBinding([url('acme', 1)])]);
  const problemOf = (graph: unknown): string => {
    const checked = checkTypeGraph(typeof graph === 'string' ? graph : JSON.stringify(graph), level);
    return checked.kind === 'ok' ? '' : checked.problem;
  };

  it('takes one of this level', () => {
    expect(problemOf(valid)).toBe('');
  });

  it.each([
    ['{', 'it is not JSON'],
    [[], 'a type graph is an object'],
    [{ ...valid, v: 2 }, 'this release reads version 1 of type graphs, not 2'],
    [{ ...valid, level: 'other' }, 'it is for level "other", this is shop'],
    [{ ...valid, digest: '' }, 'it has no digest'],
    [{ ...valid, entry: 'nobody' }, 'its entry "nobody" is no component'],
    [aTypeGraph([aBinding([])]), 'component payment is a binding without alternatives'],
    [aTypeGraph([aComponent('web')]), 'component web is a service and says not what runs'],
    [
      aTypeGraph([
        aBinding([url('acme', 1)]),
        aComponent('web', { run: {} as never, scale: { min: 3, max: 2, initial: 2 } }),
      ]),
      'component web scale 3 ≤ 2 ≤ 2 does not hold',
    ],
    ['x'.repeat(1_000_001), 'a type graph may have 1000000 bytes'],
  ])('refuses %#', (graph, problem) => {
    expect(problemOf(graph)).toBe(problem);
  });
});
