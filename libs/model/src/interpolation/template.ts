/**
 * The variable syntax of Compose, as text → parts. Grammar: `$$`, `$NAME`, `${NAME}`, `${NAME<op>word}` with the operators
 * `:-` `-` `:?` `?` `:+` `+`; a word may hold further variables and balanced braces.
 */
export type Template = readonly Part[];
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly operator: Operator | null;
      readonly word: Template;
      /** Where its `$` is in the text. */
      readonly offset: number;
    };
/** The mark says what happens; a colon before it means that an empty value counts as unset. */
export interface Operator {
  readonly mark: '-' | '?' | '+';
  readonly emptyIsUnset: boolean;
}

export class TemplateError extends Error {
  constructor(
    readonly offset: number,
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(problem);
  }
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const LITERAL_DOLLAR = 'write $$ for a dollar sign that is meant as such';

/** @throws TemplateError */
export const parseTemplate = (text: string): Template => new Reader(text).template(false);

class Reader {
  private position = 0;
  constructor(private readonly text: string) {}

  /** Up to the end, or within braces up to the brace that closes them (which is left). */
  template(inBraces: boolean): Template {
    const parts: Part[] = [];
    let literal = '';
    let depth = 0;
    while (this.position < this.text.length) {
      const next = this.text[this.position];
      if (inBraces && next === '}' && depth === 0) break;
      if (next !== '$') {
        if (inBraces && next === '{') depth += 1;
        if (inBraces && next === '}') depth -= 1;
        literal += next;
        this.position += 1;
      } else if (this.text[this.position + 1] === '$') {
        literal += '$';
        this.position += 2;
      } else {
        if (literal !== '') parts.push({ kind: 'text', text: literal });
        literal = '';
        parts.push(this.variable());
      }
    }
    if (literal !== '') parts.push({ kind: 'text', text: literal });
    return parts;
  }

  private variable(): Part {
    const offset = this.position;
    this.position += 1;
    if (this.text[this.position] !== '{')
      return { kind: 'variable', name: this.name(offset), operator: null, word: [], offset };
    this.position += 1;
    const name = this.name(offset);
    const operator = this.operator();
    const word = operator === null ? [] : this.template(true);
    if (this.text[this.position] !== '}') {
      if (this.position < this.text.length)
        throw new TemplateError(
          offset,
          `"${this.text.slice(offset, this.position + 1)}" is no variable`,
          'write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${NAME:+instead}',
        );
      throw new TemplateError(offset, `the brace of \${${name} is not closed`, `write \${${name}}`);
    }
    this.position += 1;
    return { kind: 'variable', name, operator, word, offset };
  }

  private name(offset: number): string {
    NAME.lastIndex = this.position;
    const found = NAME.exec(this.text)?.[0];
    if (found === undefined)
      throw new TemplateError(
        offset,
        `"${this.text.slice(offset, this.position + 1)}" is no variable: a name begins with a letter or _`,
        LITERAL_DOLLAR,
      );
    this.position += found.length;
    return found;
  }

  private operator(): Operator | null {
    const found = /^(:?)([-?+])/.exec(this.text.slice(this.position, this.position + 2));
    if (found === null) return null;
    this.position += found[0].length;
    return { emptyIsUnset: found[1] === ':', mark: found[2] as Operator['mark'] };
  }
}
