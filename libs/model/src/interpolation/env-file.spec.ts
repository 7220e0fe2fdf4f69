import { describe, expect, it } from 'vitest';
import { Problems } from '../problem.js';
import { parseEnvFile } from './env-file.js';

const parse = (text: string, format: 'compose' | 'raw' = 'compose') => {
  const problems = new Problems();
  const values = parseEnvFile('.env', text, { variables: { OUT: 'outside' }, format }, problems);
  return { values, problems: problems.errors.map(({ line, problem }) => `${line}: ${problem}`) };
};

describe('environment files', () => {
  it.each([
    ['A=b', { A: 'b' }],
    ['A = b', { A: 'b' }],
    ['A: b', { A: 'b' }],
    ['export A=b', { A: 'b' }],
    ['A=', { A: '' }],
    ['\n# comment\n  # another\nA=b\r\nC=d', { A: 'b', C: 'd' }],
    ['A=b # comment', { A: 'b' }],
    ['A=b#no-comment', { A: 'b#no-comment' }],
    ['A="b # c" # d', { A: 'b # c' }],
    [`A='b $OUT \\n' # c`, { A: 'b $OUT \\n' }],
    ['A="b\\nc\\t\\"\\\\"', { A: 'b\nc\t"\\' }],
    ['A="x${OUT}y"', { A: 'xoutsidey' }],
    ['A="\\$OUT"', { A: '$OUT' }],
    ['A=1\nB=$A$OUT', { A: '1', B: '1outside' }],
    ['A=${NONE:-d}', { A: 'd' }],
    ['A="one\ntwo"\nB=c', { A: 'one\ntwo', B: 'c' }],
    [`A='one\n\ntwo'\nB=c`, { A: 'one\n\ntwo', B: 'c' }],
    ['OUT', { OUT: 'outside' }],
    ['NONE', {}],
    ['\uFEFFA=b', { A: 'b' }],
    ['A=b=c', { A: 'b=c' }],
  ])('%j', (text, values) => expect(parse(text)).toEqual({ values, problems: [] }));

  it('takes raw files as they are', () => {
    expect(parse(`A="b" # c $OUT\nB=' x `, 'raw').values).toEqual({ A: '"b" # c $OUT', B: "' x " });
  });

  it('tells the line of what it cannot read', () => {
    expect(parse('A=b\n=c\n\n1x=y').problems).toEqual(['2: "=c" is no variable', '4: "1x=y" is no variable']);
    expect(parse('A=b\nB="c\nd').problems).toEqual(['2: the " that begins here is not closed']);
    expect(parse('A=$1').problems).toEqual(['1: "$1" is no variable: a name begins with a letter or _']);
  });
});
