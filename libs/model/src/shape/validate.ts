/** Checks a tree against a shape; every mismatch becomes a problem at its place, with what would be right. */
import type { Problems } from '../problem.js';
import { joinPath, type MapNode, type Node, type Position, type ScalarNode } from '../source/node.js';
import { didYouMean, nearest, oneOf } from '../values/did-you-mean.js';
import type { MapShape, ScalarShape, ScalarType, Shape, UnionShape } from './shape.js';

export const validate = (node: Node, shape: Shape, path: string, problems: Problems): void => {
  // `key:` with nothing behind it says nothing, whatever the key; `!reset` takes anything.
  if ((node.kind === 'scalar' && node.value === null) || node.tag === 'reset') return;
  switch (shape.kind) {
    case 'union':
      return validateUnion(node, shape, path, problems);
    case 'scalar':
      return node.kind === 'scalar'
        ? validateScalar(node, shape, path, problems)
        : wrongKind(node, [shape], path, problems);
    case 'seq':
      if (node.kind !== 'seq') return wrongKind(node, [shape], path, problems);
      return node.items.forEach((item, index) => validate(item, shape.item, joinPath(path, index), problems));
    case 'map':
      return node.kind === 'map'
        ? validateMap(node, shape, path, problems)
        : wrongKind(node, [shape], path, problems);
  }
};

const validateUnion = (node: Node, shape: UnionShape, path: string, problems: Problems): void => {
  const option = shape.options.find(({ kind }) => kind === node.kind);
  if (option === undefined) wrongKind(node, shape.options, path, problems);
  else validate(node, option, path, problems);
};

const validateMap = (node: MapNode, shape: MapShape, path: string, problems: Problems): void => {
  for (const [key, { keyAt, value }] of node.entries) {
    const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    const at = joinPath(path, key);
    if (field !== undefined) validate(value, field, at, problems);
    else if (key.startsWith('x-') && shape.others === null) warnOfSlip(key, keyAt, at, shape, problems);
    else if (shape.others === null)
      problems.error(keyAt, at, `unknown key "${key}"`, unknownKeyRemedy(key, shape));
    else if (shape.keyPattern !== null && !new RegExp(shape.keyPattern).test(key))
      problems.error(
        keyAt,
        at,
        `"${key}" is no valid name here`,
        `write a name that matches ${shape.keyPattern}`,
      );
    else validate(value, shape.others, at, problems);
  }
  for (const key of shape.required)
    if (!node.entries.has(key)) problems.error(node.at, path, `"${key}" is missing`, `add "${key}"`);
};

/** Extension keys are free, so a mistyped `x-mitosis` would go unnoticed. */
const warnOfSlip = (key: string, at: Position, path: string, shape: MapShape, problems: Problems): void => {
  const own = Object.keys(shape.fields).filter((name) => name.startsWith('x-'));
  const meant = nearest(key, own);
  if (meant !== undefined)
    problems.warn(at, path, `"${key}" means nothing to Mitosis`, `did you mean "${meant}"?`);
};

const unknownKeyRemedy = (key: string, shape: MapShape): string => {
  const known = Object.keys(shape.fields).sort();
  const few = known.length <= 12 ? `known here: ${known.join(', ')}` : 'remove it, or begin it with x-';
  return didYouMean(key, known, few);
};

const validateScalar = (node: ScalarNode, shape: ScalarShape, path: string, problems: Problems): void => {
  const type = typeOf(node);
  if (!shape.types.includes(type)) {
    problems.error(
      node.at,
      path,
      `must be ${typesText([shape])}, not ${TYPE_TEXTS[type]}`,
      shape.types.includes('string') ? `put it in quotes: "${node.text}"` : remedyOf(shape),
    );
    return;
  }
  const { format } = shape;
  if (format === null) return;
  if (format.values !== null) {
    if (!format.values.includes(node.text))
      problems.error(
        node.at,
        path,
        `"${node.text}" is not allowed here`,
        didYouMean(node.text, format.values, `write ${oneOf(format.values)}`),
      );
    return;
  }
  const fits = new RegExp(format.pattern).test(node.text) && (format.accepts?.(node.text) ?? true);
  if (!fits && type !== 'boolean')
    problems.error(node.at, path, `"${node.text}" is not ${format.expected}`, `write ${format.expected}`);
};

const wrongKind = (node: Node, options: readonly Shape[], path: string, problems: Problems): void => {
  const got = node.kind === 'scalar' ? TYPE_TEXTS[typeOf(node)] : node.kind === 'seq' ? 'a list' : 'a map';
  problems.error(
    node.at,
    path,
    `must be ${typesText(options)}, not ${got}`,
    options.map(remedyOf).join(', or '),
  );
};

const TYPE_TEXTS: Readonly<Record<ScalarType, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  null: 'empty',
};

const typeOf = ({ value }: ScalarNode): ScalarType => {
  if (value === null) return 'null';
  if (typeof value === 'number') return 'number';
  return typeof value === 'boolean' ? 'boolean' : 'string';
};

const typesText = (shapes: readonly Shape[]): string =>
  oneOf([
    ...new Set(
      shapes.flatMap((shape): string[] => {
        if (shape.kind === 'seq') return ['a list'];
        if (shape.kind === 'map') return ['a map'];
        if (shape.kind === 'union') return shape.options.map((option) => typesText([option]));
        if (shape.format !== null && shape.format.expected !== '') return [shape.format.expected];
        return shape.types.filter((type) => type !== 'null').map((type) => TYPE_TEXTS[type]);
      }),
    ),
  ]);

const remedyOf = (shape: Shape): string => {
  if (shape.kind === 'seq') return 'write a list: one "- item" a line, or [a, b]';
  if (shape.kind === 'map') return `write a map: one "key: value" a line${someKeys(shape)}`;
  if (shape.kind === 'union') return shape.options.map(remedyOf).join(', or ');
  const values = shape.format?.values ?? null;
  return values === null ? `write ${typesText([shape])}` : `write ${oneOf(values)}`;
};

const someKeys = (shape: MapShape): string => {
  const keys = Object.keys(shape.fields);
  return keys.length === 0 || keys.length > 8 ? '' : ` (${keys.join(', ')})`;
};
