import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { componentWith, told } from '../testing/composition.testing.js';
import { substitute } from './substitute.js';
import { parseTemplate, TemplateError } from './template.js';

const variables: Readonly<Record<string, string>> = { A: 'a', B: 'b', EMPTY: '', NAME_1: 'n' };
const fill = (text: string): string => substitute(parseTemplate(text), (name) => variables[name]).text;

describe('variables', () => {
  it.each([
    ['plain', 'plain'],
    ['$A', 'a'],
    ['${A}', 'a'],
    ['x${A}y$B', 'xayb'],
    ['$NAME_1-', 'n-'],
    ['$NONE', ''],
    ['$$', '$'],
    ['$$A', '$A'],
    ['$$$A', '$a'],
    ['${A:-d}', 'a'],
    ['${NONE:-d}', 'd'],
    ['${EMPTY:-d}', 'd'],
    ['${EMPTY-d}', ''],
    ['${NONE-d}', 'd'],
    ['${A:+x}', 'x'],
    ['${EMPTY:+x}', ''],
    ['${EMPTY+x}', 'x'],
    ['${NONE+x}', ''],
    ['${A:?needed}', 'a'],
    ['${EMPTY?needed}', ''],
    ['${NONE:-${A}}', 'a'],
    ['${NONE:-${NONE2:-${B}c}}', 'bc'],
    ['${NONE:-a b}', 'a b'],
    ['${NONE:-{"x":{}}}', '{"x":{}}'],
    ['${NONE:-$$x}', '$x'],
    ['${A:+${B}}', 'b'],
    ['${NONE:-}', ''],
    ['{}', '{}'],
  ])('%s → %s', (text, result) => expect(fill(text)).toBe(result));

  it.each([
    ['${NONE:?set it}', 'variable NONE must be set: set it', 0],
    ['x${EMPTY:?}', 'variable EMPTY must be set', 1],
    ['${NONE?no ${A}}', 'variable NONE must be set: no a', 0],
    ['a $1', '"$1" is no variable: a name begins with a letter or _', 2],
    ['$', '"$" is no variable: a name begins with a letter or _', 0],
    ['${}', '"${}" is no variable: a name begins with a letter or _', 0],
    ['${A', 'the brace of ${A is not closed', 0],
    ['${A:-x', 'the brace of ${A is not closed', 0],
    ['${A!}', '"${A!" is no variable', 0],
  ])('%s is told as a mistake', (text, problem, offset) => {
    const error = mistake(text);
    expect(error?.problem).toBe(problem);
    expect(error?.offset).toBe(offset);
  });

  it('leaves texts without a dollar alone', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes('$'));
        expect(fill(text)).toBe(text);
      }),
    );
  });

  it('gives back any text whose dollars are doubled', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', ':', '-', ' ') }), (text) => {
        expect(fill(text.replaceAll('$', '$$$$'))).toBe(text);
      }),
    );
  });

  it('takes the value of any variable, and the default exactly without one', () => {
    fc.assert(
      fc.property(
        fc.option(fc.string(), { nil: undefined }),
        fc.stringMatching(/^[a-z ]*$/),
        (value, word) => {
          const with_ = (text: string): string => substitute(parseTemplate(text), () => value).text;
          expect(with_(`\${V:-${word}}`)).toBe(value === undefined || value === '' ? word : value);
          expect(with_(`\${V-${word}}`)).toBe(value ?? word);
          expect(with_(`\${V:+${word}}`)).toBe(value === undefined || value === '' ? '' : word);
          expect(with_(`\${V+${word}}`)).toBe(value === undefined ? '' : word);
        },
      ),
    );
  });

  it('ends with a text or a mistake, whatever is written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', ':', '-', '?', '+', 'é') }),
        (text) => {
          try {
            expect(typeof fill(text)).toBe('string');
          } catch (error) {
            expect(error).toBeInstanceOf(TemplateError);
          }
        },
      ),
    );
  });
});

const mistake = (text: string): TemplateError | undefined => {
  try {
    fill(text);
    return undefined;
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
};

describe('variables in files', () => {
  it('are read from .env, and the surroundings win', () => {
    const env = { OUTER: 'shell' };
    const files = { '.env': 'OUTER=file\nINNER=file\n' };
    const { run } = componentWith('command: run $OUTER ${INNER}', { env }, files);
    expect(run?.command).toEqual(['run', 'shell', 'file']);
  });

  it('are read from the named files instead of .env', () => {
    const files = { '.env': 'A=dot', 'one.env': 'A=one\nB=one', 'two.env': 'A=two-$B' };
    const { run } = componentWith('command: run $A', { envFiles: ['one.env', 'two.env'] }, files);
    expect(run?.command).toEqual(['run', 'two-one']);
  });

  it('may give numbers and flags', () => {
    const component = componentWith(
      `
      command: run
      healthcheck: { disable: "\${OFF}" }
      deploy: { replicas: "\${N}" }`,
      { env: { N: '3', OFF: 'true' } },
    );
    expect(component.scale).toEqual({ min: 3, max: 3, initial: 3 });
    expect(component.probe.kind).toBe('none');
  });

  it('leaves keys as they are', () => {
    const { run } = componentWith('{ command: run, environment: { $A: x } }', { env: { A: 'b' } });
    expect(run?.env).toEqual({ $A: 'x' });
  });

  it('warns of variables that are not set', () => {
    expect(told('services: { a: { command: "run $FOO" } }', 'warnings')).toEqual([
      'compose.yaml:1:27 services.a.command: variable FOO is not set: an empty text is used → set FOO, or write ${FOO:-default}',
    ]);
  });
});
