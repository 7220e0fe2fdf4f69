import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { publishedSchema } from './published-schema.js';
import { load } from './testing/composition.testing.js';

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const FILE = resolve(import.meta.dirname, '../../../docs/schema/mitosis-compose.schema.json');
/** The Compose Specification's own schema, as a well-kept linter ships it. */
const COMPOSE = join(
  dirname(createRequire(import.meta.url).resolve('dclint/package.json')),
  'schemas/compose.schema.json',
);

type Json = Readonly<Record<string, unknown>>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** Every path of keys a schema knows: `services.*.build.args`. */
const keysOf = (root: Json): ReadonlySet<string> => {
  const found = new Set<string>();
  const walk = (schema: unknown, path: string, depth: number): void => {
    if (!isJson(schema) || depth > 12) return;
    const { $ref: reference } = schema;
    if (typeof reference === 'string') {
      const [, section = '', name = ''] = reference.slice(1).split('/');
      const definitions = root[section];
      walk(isJson(definitions) ? definitions[name] : undefined, path, depth + 1);
    }
    for (const key of ['oneOf', 'anyOf', 'allOf']) {
      const options = schema[key];
      if (Array.isArray(options)) options.forEach((option) => walk(option, path, depth));
    }
    walk(schema['items'], `${path}[]`, depth);
    for (const [key, field] of Object.entries(isJson(schema['properties']) ? schema['properties'] : {})) {
      found.add(`${path}.${key}`);
      walk(field, `${path}.${key}`, depth + 1);
    }
    const patterns = isJson(schema['patternProperties']) ? schema['patternProperties'] : {};
    for (const [pattern, field] of Object.entries(patterns))
      if (!pattern.startsWith('^x-')) walk(field, `${path}.*`, depth + 1);
    if (isJson(schema['additionalProperties'])) walk(schema['additionalProperties'], `${path}.*`, depth + 1);
  };
  walk(root, '', 0);
  return found;
};

describe('the published schema', () => {
  it('is what the loader validates with (else: pnpm --filter @mitosis/model generate:schema)', () => {
    expect(json(FILE)).toEqual(JSON.parse(JSON.stringify(publishedSchema())));
  });

  it('knows every key of the Compose Specification', () => {
    const ours = keysOf(publishedSchema());
    const theirs = keysOf(json(COMPOSE) as Json);
    expect(theirs.size).toBeGreaterThan(250);
    expect([...theirs].filter((key) => !ours.has(key))).toEqual([]);
  });

  const validate = new Ajv({ allErrors: true, strict: false }).compile(publishedSchema());
  /** Shape alone: what a schema can know. */
  const loaderAccepts = (text: string): boolean => {
    const result = load({ 'compose.yaml': text });
    return (
      result.ok ||
      result.problems.every(
        ({ problem }) => !/unknown key|must be|is not|missing|no valid name/.test(problem),
      )
    );
  };

  it.each([
    'services: { a: { command: run } }',
    'services: { a: { image: x, ports: [80, "1:2", { target: 80, published: 8080 }] } }',
    'services: { a: { build: . , depends_on: [b] }, b: { build: { context: . } } }',
    'services: { a: { command: [x], healthcheck: { test: [CMD, x], interval: 1s, retries: 3 } } }',
    'services: { a: { command: x, deploy: { replicas: 2, resources: { limits: { memory: 1g } } } } }',
    'services: { a: { command: x, deploy: { replicas: "${N:-2}" } } }',
    'services: { a: { command: x, x-mitosis: { scale: { min: 1, max: 3 }, policy: slo, objective: { p95: 1s } } } }',
    'x-mitosis: { entry: a, objective: { p99.9: 1s, errors: 0.1% } }\nservices: { a: { command: x } }',
    'x-anything: [1]\nservices: { a: { x-own: y, command: x } }',
    'services: { a: { environment: { A: 1, B: , C: true }, command: x } }',
    'services: { a: { comand: x } }',
    'services: { a: { command: { x: y } } }',
    'services: { a: { command: x, healthcheck: { interval: 10 s } } }',
    'services: { a: { command: x, deploy: { replicas: many } } }',
    'services: { a: { command: x, x-mitosis: { scael: { min: 1 } } } }',
    'services: { a: { command: x, x-mitosis: { policy: sol } } }',
    'services: { a: { command: x, x-mitosis: { objective: { p95: fast } } } }',
    'services: { a: { command: x, x-mitosis: { alternatives: [{ url: "http://x" }] } } }',
    'services: [a]',
    'services: { "a b": { command: x } }',
    'services: { a: { image: 5 } }',
    'x-mitosis: { management: { etcd: "2" } }\nservices: { a: { command: x } }',
  ])('agrees with the loader on %s', (text) => {
    expect(validate(parse(text))).toBe(loaderAccepts(text));
  });
});
