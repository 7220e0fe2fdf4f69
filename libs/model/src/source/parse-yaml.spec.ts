import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Problems } from '../problem.js';
import { child, plain } from './node.js';
import { parseYaml } from './parse-yaml.js';

const parse = (text: string) => {
  const problems = new Problems();
  const nodes = parseYaml('f.yaml', text, problems);
  return {
    nodes,
    values: nodes?.map(plain),
    problems: problems.errors.map(
      ({ line, column, problem, remedy }) => `${line}:${column} ${problem} → ${remedy}`,
    ),
  };
};

describe('YAML', () => {
  it.each([
    ['a: 1', { a: 1 }],
    ['a: [b, 2, true, ~]', { a: ['b', 2, true, null] }],
    ['a: &x { b: 1 }\nc: *x', { a: { b: 1 }, c: { b: 1 } }],
    ['x: &x { a: 1, b: 2 }\ny: { <<: *x, b: 3 }', { x: { a: 1, b: 2 }, y: { a: 1, b: 3 } }],
    [
      'x: &x { a: 1 }\ny: &y { a: 2, b: 2 }\nz:\n  <<: [*x, *y]\n  c: 3',
      { x: { a: 1 }, y: { a: 2, b: 2 }, z: { a: 1, b: 2, c: 3 } },
    ],
    ['a: yes\nb: 22:22\nc: 1e3', { a: 'yes', b: '22:22', c: 1000 }],
    ['1: a\ntrue: b', { '1': 'a', true: 'b' }],
    ['a: "x\\ny"\nb: |\n  l1\n  l2', { a: 'x\ny', b: 'l1\nl2\n' }],
    ['a: !reset null\nb: !override [1]\nc: !override 5', { a: null, b: [1], c: 5 }],
  ])('%j', (text, value) => expect(parse(text)).toMatchObject({ values: [value], problems: [] }));

  it('keeps numbers as they are written', () => {
    const [root] = parse('a: 1.10\nb: 0440').nodes ?? [];
    expect(child(root, 'a')).toMatchObject({ text: '1.10', at: { file: 'f.yaml', line: 1, column: 4 } });
    expect(child(root, 'b')).toMatchObject({ text: '0440', at: { line: 2, column: 4 } });
  });

  it('reads several documents and leaves out empty ones', () => {
    expect(parse('a: 1\n---\nb: 2\n---\n').values).toEqual([{ a: 1 }, { b: 2 }]);
    expect(parse('').values).toEqual([]);
  });

  it.each([
    ['a: 1\na: 2', '2:1 Map keys must be unique → keep one of the two and remove the other'],
    ['a:\n\t- b', '2:1 Tabs are not allowed as indentation → indent with spaces: YAML does not take tabs'],
    ['a: *x', '1:4 alias *x has no anchor &x before it → define it before this line: &x'],
    ['a: &x [*x]', '1:7 an alias is inside its own anchor → remove that alias'],
    ['a: !foo 1', '1:9 unknown tag !foo → Compose knows the tags !reset and !override; remove this one'],
    ['a: { <<: [1] }', '1:11 a merge key (<<) takes a map or a list of maps → write <<: *name of a map'],
    ['? [a]\n: b', '1:3 a key must be a text → write the key as one word or in quotes'],
  ])('%j is told with its place', (text, problem) => {
    const { nodes, problems } = parse(text);
    expect(nodes).toBeUndefined();
    expect(problems).toContain(problem);
  });

  it('refuses a file that grows without bound', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let n = 1; n < 9; n += 1)
      lines.push(
        `a${n}: &a${n} [${Array(10)
          .fill(`*a${n - 1}`)
          .join(', ')}]`,
      );
    expect(parse(lines.join('\n')).problems).toHaveLength(1);
  });

  it('gives back any data that is written as YAML', () => {
    const data = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.stringMatching(/^[a-z$.]{1,4}$/), tie('value'), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      ),
    })).value;
    fc.assert(
      fc.property(data, (value) => {
        fc.pre(value !== null);
        expect(parse(stringify({ value })).values).toEqual([{ value }]);
      }),
      { numRuns: 200 },
    );
  });
});
