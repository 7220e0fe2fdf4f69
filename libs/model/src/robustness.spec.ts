import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { load } from './testing/composition.testing.js';

const KEYS = [
  'services',
  'x-mitosis',
  'name',
  'include',
  'volumes',
  'secrets',
  'a',
  'b',
  'command',
  'image',
  'ports',
  'expose',
  'depends_on',
  'extends',
  'service',
  'file',
  'deploy',
  'replicas',
  'resources',
  'limits',
  'cpus',
  'memory',
  'scale',
  'min',
  'max',
  'policy',
  'kind',
  'rules',
  'objective',
  'p95',
  'errors',
  'alternatives',
  'url',
  'component',
  'probe',
  'http',
  'entry',
  'sites',
  'healthcheck',
  'test',
  'environment',
  'env_file',
  'target',
  'published',
  'condition',
  'composition',
  'constructor',
  '__proto__',
] as const;
const VALUES = [
  'a',
  'b',
  '',
  '1s',
  '10',
  '1%',
  '128M',
  '8080:80',
  '$A',
  '${B:-x}',
  '${C',
  'slo',
  'target',
  'service_healthy',
  './compose.yaml',
  'http://x',
  '0.5',
  'constructor',
  'x y',
  "it's",
] as const;

const key = fc.constantFrom(...KEYS);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(
      fc.constantFrom<unknown>(...VALUES),
      fc.integer({ min: -1, max: 70_000 }),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
  ),
}));
/** Deep enough in the grammar that most files get past the first complaint. */
const composition = fc
  .tuple(
    fc.array(fc.tuple(key, value), { maxLength: 6 }),
    fc.array(fc.tuple(key, value), { maxLength: 6 }),
    value,
  )
  .map(
    ([a, b, level]) =>
      new Map<string, unknown>([
        [
          'services',
          new Map([
            ['a', new Map(a)],
            ['b', new Map(b)],
          ]),
        ],
        ['x-mitosis', level],
      ]),
  );

describe('whatever is in a file', () => {
  it('is loaded, or answered with problems that have a place and a remedy', () => {
    fc.assert(
      fc.property(composition, (file) => {
        const result = load({ 'compose.yaml': stringify(file, { aliasDuplicateObjects: false }) });
        if (result.ok) {
          expect(Object.keys(result.typeGraph.components)).toEqual(['a', 'b']);
          return;
        }
        expect(result.problems.length).toBeGreaterThan(0);
        for (const problem of result.problems) {
          expect(problem.remedy).not.toBe('');
          expect(problem.line).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('loads often enough for that to mean something', () => {
    const part = fc.record(
      {
        command: fc.constantFrom('run', ['run']),
        ports: fc.subarray(['80:80', '90', '127.0.0.1:91:91', '1:1/udp']),
        deploy: fc.record({ replicas: fc.nat(3) }, { noNullPrototype: true }),
        environment: fc.dictionary(key, fc.constantFrom(...VALUES.filter((text) => !text.includes('$'))), {
          noNullPrototype: true,
        }),
        'x-mitosis': fc.record(
          { protocol: fc.constantFrom('http', 'tcp'), exclusive: fc.boolean() },
          { noNullPrototype: true },
        ),
      },
      { requiredKeys: ['command'], noNullPrototype: true },
    );
    fc.assert(
      fc.property(part, (a) => {
        const result = load({ 'compose.yaml': stringify({ services: { a, b: { command: 'x' } } }) });
        expect(result.ok).toBe(true);
      }),
    );
  });
});
