import { describe, expect, it } from 'vitest';
import { diffTypeGraphs } from './diff.js';
import { graphOf, graphOfFiles } from './testing/composition.testing.js';

const graph = (a: string, more = '') => graphOf(`services:\n  a: { command: run${a} }\n${more}`);
const base = graph('');

describe('differences', () => {
  it('are none between equals', () => {
    expect(diffTypeGraphs(base, graph(''))).toEqual([]);
    expect(diffTypeGraphs(null, null)).toEqual([]);
  });

  it.each([
    ['a new component', graph('', '  b: { command: run }'), [{ kind: 'added', path: 'b', fields: [] }]],
    [
      'another command',
      graph(', environment: { A: 1 }'),
      [{ kind: 'replaced', path: 'a', fields: [{ field: 'run.env.A', from: undefined, to: '1' }] }],
    ],
    [
      'another scale',
      graph(', deploy: { replicas: 3 }'),
      [
        {
          kind: 'rescaled',
          path: 'a',
          fields: [
            { field: 'scale.initial', from: 1, to: 3 },
            { field: 'scale.max', from: 1, to: 3 },
            { field: 'scale.min', from: 1, to: 3 },
          ],
        },
      ],
    ],
    [
      'another objective',
      graph(', x-mitosis: { objective: { errors: 1% } }'),
      [
        {
          kind: 'repolicied',
          path: 'a',
          fields: [
            { field: 'objective', from: null, to: { latency: [], errorRatio: 0.01, throughput: null } },
          ],
        },
        { kind: 'changed', path: 'a', fields: [{ field: 'rebind.errorRatio', from: 0.05, to: 0.01 }] },
      ],
    ],
    [
      'another label',
      graph(', labels: [l=1]'),
      [{ kind: 'changed', path: 'a', fields: [{ field: 'labels.l', from: undefined, to: '1' }] }],
    ],
    [
      'a level setting',
      graph('', 'x-mitosis: { budget: { cost: 1 } }'),
      [{ kind: 'changed', path: '', fields: [{ field: 'budgetPerHour', from: null, to: 1 }] }],
    ],
  ])('tell %s', (_, to, changes) => expect(diffTypeGraphs(base, to)).toEqual(changes));

  it('tell a published port as a change that replaces nothing', () => {
    const changes = diffTypeGraphs(graph(', ports: ["1:80"]'), graph(', ports: ["2:80"]'));
    expect(changes).toMatchObject([{ kind: 'changed', fields: [{ field: 'published' }] }]);
  });

  it('go down into child levels', () => {
    const family = (child: string) =>
      graphOfFiles({
        'compose.yaml': 'services: { c: { x-mitosis: { composition: sub } } }',
        'sub/compose.yaml': `services: { b: { command: ${child} } }`,
      });
    expect(diffTypeGraphs(family('x'), family('y'))).toMatchObject([{ kind: 'replaced', path: 'c.b' }]);
    expect(diffTypeGraphs(null, family('x')).map(({ kind, path }) => [kind, path])).toEqual([
      ['added', 'c'],
      ['added', 'c.b'],
    ]);
    expect(diffTypeGraphs(family('x'), null).map(({ kind, path }) => [kind, path])).toEqual([
      ['removed', 'c'],
      ['removed', 'c.b'],
    ]);
  });
});
