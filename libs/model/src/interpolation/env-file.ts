/**
 * `.env` and `env_file`: lines `NAME=value`. Values in single quotes are literal, in double quotes know escapes, and both
 * may span lines; unquoted ones end at ` #`. All but single-quoted ones know variables. Written here because the
 * libraries for it neither keep the kind of quotes (which decides about variables) nor say where a line is wrong.
 */
import type { Problems } from '../problem.js';
import type { Position } from '../source/node.js';
import { lookupIn, type Variables } from './interpolate-node.js';
import { substitute } from './substitute.js';
import { parseTemplate, TemplateError } from './template.js';

export interface EnvFileOptions {
  /** Values of variables used in values; they win over what the file itself set before. */
  readonly variables: Variables;
  /** `raw`: no quotes, no variables, the text after `=` as it is. */
  readonly format: 'compose' | 'raw';
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*(?:[=:]\s*(.*))?$/s;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v' };

export const parseEnvFile = (
  file: string,
  text: string,
  options: EnvFileOptions,
  problems: Problems,
): Record<string, string> => {
  const values: Record<string, string> = {};
  const lookup = (name: string): string | undefined =>
    lookupIn(options.variables)(name) ?? lookupIn(values)(name);
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (/^\s*(#|$)/.test(line)) continue;
    const at: Position = { file, line: index + 1, column: 1 };
    const [, name, rest] = LINE.exec(line) ?? [];
    if (name === undefined) {
      problems.error(at, '', `"${line.trim().slice(0, 40)}" is no variable`, 'write NAME=value, one a line');
      continue;
    }
    if (rest === undefined) {
      // A bare name takes its value from outside, when there is one.
      const outside = lookup(name);
      if (outside !== undefined) values[name] = outside;
      continue;
    }
    if (options.format === 'raw') {
      values[name] = line.slice(line.indexOf('=') + 1);
      continue;
    }
    const { value, linesUsed } = readValue(rest, lines, index, at, lookup, problems);
    values[name] = value;
    index += linesUsed;
  }
  return values;
};

const readValue = (
  rest: string,
  lines: readonly string[],
  index: number,
  at: Position,
  lookup: (name: string) => string | undefined,
  problems: Problems,
): { value: string; linesUsed: number } => {
  const quote = rest[0];
  if (quote !== '"' && quote !== "'") {
    const bare = rest.replace(/(^|\s)#.*$/, '').trim();
    return { value: expand(bare, at, lookup, problems), linesUsed: 0 };
  }
  let quoted = rest;
  for (let linesUsed = 0; ; linesUsed += 1) {
    const end = closingQuote(quoted, quote);
    if (end > 0) {
      const inner = quoted.slice(1, end);
      const value = quote === "'" ? inner : expand(escapes(inner), at, lookup, problems);
      return { value, linesUsed };
    }
    const next = lines[index + linesUsed + 1];
    if (next === undefined) {
      problems.error(at, '', `the ${quote} that begins here is not closed`, `end the value with ${quote}`);
      return { value: '', linesUsed };
    }
    quoted += `\n${next}`;
  }
};

const closingQuote = (text: string, quote: string): number => {
  for (let index = 1; index < text.length; index += 1) {
    if (text[index] === '\\' && quote === '"') index += 1;
    else if (text[index] === quote) return index;
  }
  return -1;
};

/** `\$` becomes `$$`, which the variables' syntax reads as a plain dollar. */
const escapes = (text: string): string =>
  text.replace(/\\(.)/gs, (_, char: string) => (char === '$' ? '$$' : (ESCAPES[char] ?? char)));

const expand = (
  text: string,
  at: Position,
  lookup: (name: string) => string | undefined,
  problems: Problems,
): string => {
  if (!text.includes('$')) return text;
  try {
    return substitute(parseTemplate(text), lookup).text;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    problems.error(at, '', error.problem, error.remedy);
    return '';
  }
};
