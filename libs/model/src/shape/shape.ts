/**
 * What a composition file may look like, as data. The loader validates with it and the published JSON Schema is made from
 * it, so that an editor and Mitosis never disagree. Alternatives are told apart by the kind of YAML value alone (text,
 * list or map), so that a complaint can always say what is wrong with the form that was meant.
 */
export type Shape = ScalarShape | SeqShape | MapShape | UnionShape;

export interface ScalarShape {
  readonly kind: 'scalar';
  readonly types: readonly ScalarType[];
  readonly format: Format | null;
  readonly about: string;
}
export type ScalarType = 'string' | 'number' | 'boolean' | 'null';

/** What a text must be besides a text. */
export interface Format {
  /** Completes "must be …". */
  readonly expected: string;
  /** A regular expression; editors check it, too. */
  readonly pattern: string;
  /** Given: only these. */
  readonly values: readonly string[] | null;
  /** For what a pattern cannot say. */
  readonly accepts: ((text: string) => boolean) | null;
}

export interface SeqShape {
  readonly kind: 'seq';
  readonly item: Shape;
  readonly about: string;
}

export interface MapShape {
  readonly kind: 'map';
  readonly fields: Readonly<Record<string, Shape>>;
  readonly required: readonly string[];
  /** Shape of keys that `fields` does not name; null: there are none (but `x-…`). */
  readonly others: Shape | null;
  /** What such keys must look like. */
  readonly keyPattern: string | null;
  readonly about: string;
}

export interface UnionShape {
  readonly kind: 'union';
  readonly options: readonly (ScalarShape | SeqShape | MapShape)[];
  readonly about: string;
}

export const withAbout = <S extends Shape>(shape: S, about: string): S => ({ ...shape, about });

const scalarShape = (types: readonly ScalarType[], format: Format | null = null): ScalarShape => ({
  kind: 'scalar',
  types,
  format,
  about: '',
});

export const text = scalarShape(['string']);
/** Anything on one line: what becomes an environment variable or a label. */
export const anyScalar = scalarShape(['string', 'number', 'boolean', 'null']);
export const numberOrText = scalarShape(['number', 'string']);
export const flag = scalarShape(['boolean', 'string'], {
  expected: 'true or false',
  pattern: '^(true|false)$',
  values: null,
  accepts: null,
});

export const oneOfTexts = (...values: readonly string[]): ScalarShape =>
  scalarShape(['string'], { expected: '', pattern: '', values, accepts: null });

/** A number or a text of a form. */
export const formatted = (
  expected: string,
  pattern: string,
  accepts: ((text: string) => boolean) | null = null,
): ScalarShape => scalarShape(['string', 'number'], { expected, pattern, values: null, accepts });

export const list = (item: Shape, about = ''): SeqShape => ({ kind: 'seq', item, about });

export interface MapOptions {
  readonly required?: readonly string[];
  readonly others?: Shape;
  readonly keyPattern?: string;
  readonly about?: string;
}

export const mapOf = (fields: Readonly<Record<string, Shape>>, options: MapOptions = {}): MapShape => ({
  kind: 'map',
  fields,
  required: options.required ?? [],
  others: options.others ?? null,
  keyPattern: options.keyPattern ?? null,
  about: options.about ?? '',
});

export const either = (...options: UnionShape['options']): UnionShape => ({
  kind: 'union',
  options,
  about: '',
});
