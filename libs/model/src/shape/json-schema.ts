/** Shapes → JSON Schema (draft 7, which editors understand best). */
import type { MapShape, ScalarShape, Shape } from './shape.js';

export type JsonSchema = { readonly [key: string]: unknown };

/** Shapes used in several places appear once, under `definitions`, by the names given here. */
export const toJsonSchema = (
  root: Shape,
  named: Readonly<Record<string, Shape>>,
  head: JsonSchema,
): JsonSchema => {
  const names = new Map(Object.entries(named).map(([name, shape]) => [shape, name]));
  const schemaOf = (shape: Shape): JsonSchema => {
    const name = names.get(shape);
    return name === undefined ? body(shape) : { $ref: `#/definitions/${name}` };
  };
  const body = (shape: Shape): JsonSchema => {
    const about = shape.about === '' ? {} : { description: shape.about };
    if (shape.kind === 'scalar') return { ...about, ...scalarSchema(shape) };
    if (shape.kind === 'seq') return { ...about, type: ['array', 'null'], items: schemaOf(shape.item) };
    if (shape.kind === 'map') return { ...about, ...mapSchema(shape, schemaOf) };
    return { ...about, anyOf: shape.options.map(schemaOf) };
  };
  const definitions = Object.fromEntries(Object.entries(named).map(([name, shape]) => [name, body(shape)]));
  return { ...head, ...body(root), definitions };
};

const scalarSchema = (shape: ScalarShape): JsonSchema => {
  const { format, types } = shape;
  if (format?.values !== undefined && format.values !== null)
    return { anyOf: [{ enum: [...format.values, null] }, variable] };
  const type = [...new Set([...types, 'null'])];
  if (format === null) return { type };
  const own = { type, pattern: format.pattern };
  return format.pattern === '' ? { type } : { anyOf: [own, variable] };
};

/** Before variables have their values, a text with one may become anything. */
const variable: JsonSchema = { type: 'string', pattern: '\\$' };

const mapSchema = (shape: MapShape, schemaOf: (shape: Shape) => JsonSchema): JsonSchema => ({
  type: ['object', 'null'],
  properties: Object.fromEntries(Object.entries(shape.fields).map(([key, field]) => [key, schemaOf(field)])),
  ...(shape.required.length === 0 ? {} : { required: [...shape.required] }),
  ...otherKeys(shape, schemaOf),
});

const otherKeys = (shape: MapShape, schemaOf: (shape: Shape) => JsonSchema): JsonSchema => {
  if (shape.others === null) return { patternProperties: { '^x-': {} }, additionalProperties: false };
  if (shape.keyPattern === null) return { additionalProperties: schemaOf(shape.others) };
  return { patternProperties: { [shape.keyPattern]: schemaOf(shape.others) }, additionalProperties: false };
};
