/** Templates + variables → text. */
import { type Part, type Template, TemplateError } from './template.js';

export interface Substitution {
  readonly text: string;
  /** Names that were used without a value and without a default. */
  readonly unset: readonly string[];
}

/** @throws TemplateError when a variable that must be set (`?`) is not. */
export const substitute = (
  template: Template,
  lookup: (name: string) => string | undefined,
): Substitution => {
  const unset: string[] = [];
  const text = template.map((part) => valueOf(part, lookup, unset)).join('');
  return { text, unset };
};

const valueOf = (part: Part, lookup: (name: string) => string | undefined, unset: string[]): string => {
  if (part.kind === 'text') return part.text;
  const value = lookup(part.name);
  const word = (): string => part.word.map((inner) => valueOf(inner, lookup, unset)).join('');
  const has = value !== undefined && !(part.operator?.emptyIsUnset === true && value === '');
  const mark = part.operator?.mark;
  if (mark === '-') return has ? value : word();
  if (mark === '+') return has ? word() : '';
  if (mark === '?' && !has) throw missing(part.name, part.offset, word());
  if (value === undefined) unset.push(part.name);
  return value ?? '';
};

const missing = (name: string, offset: number, message: string): TemplateError =>
  new TemplateError(
    offset,
    `variable ${name} must be set${message === '' ? '' : `: ${message}`}`,
    `set ${name} in the environment or in .env`,
  );
