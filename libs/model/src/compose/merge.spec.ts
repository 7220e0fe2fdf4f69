import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Problems } from '../problem.js';
import { plain } from '../source/node.js';
import { dedent, graphOfFiles, only } from '../testing/composition.testing.js';
import { mergeFiles } from './merge.js';
import { readCompositionFile } from './read-file.js';

/** A whole file, as far as merging. */
const read = (text: string) => {
  const problems = new Problems();
  const node = readCompositionFile(
    { path: '/p/f.yaml' },
    {
      read: () => text,
      problems,
      variables: {},
      folder: '/p',
    },
  );
  if (node === undefined) throw new Error(JSON.stringify(problems.errors));
  return node;
};
const service = (yaml: string): string =>
  `services:\n  a:\n${dedent(yaml)
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')}`;
const merged = (base: string, over: string): unknown => {
  const { services } = plain(mergeFiles(read(service(base)), read(service(over)))) as {
    services: { a: unknown };
  };
  return services.a;
};

describe('merging files', () => {
  it.each([
    ['single values: the later', 'image: x', 'image: y', { image: 'y' }],
    [
      'maps by key',
      '{ environment: { A: 1, B: 1 } }',
      '{ environment: [B=2, C=2] }',
      { environment: { A: 1, B: '2', C: '2' } },
    ],
    ['commands: the later', 'command: [a, b]', 'command: [c]', { command: ['c'] }],
    ['entrypoints: the later', 'entrypoint: a b', 'entrypoint: [c]', { entrypoint: ['c'] }],
    [
      'healthchecks by key, their test as a whole',
      'healthcheck: { test: [CMD, a], interval: 1s }',
      'healthcheck: { test: [CMD, b] }',
      { healthcheck: { test: ['CMD', 'b'], interval: '1s' } },
    ],
    ['lists behind one another', 'dns: 1.1.1.1', 'dns: [2.2.2.2, 1.1.1.1]', { dns: ['1.1.1.1', '2.2.2.2'] }],
    ['tmpfs, too', 'tmpfs: /a', 'tmpfs: /b', { tmpfs: ['/a', '/b'] }],
    [
      'ports by what they are',
      'ports: ["8080:80", "9090:90"]',
      'ports: ["8080:80", "8081:80"]',
      {
        ports: [
          { target: 80, published: '8080', protocol: 'tcp' },
          { target: 90, published: '9090', protocol: 'tcp' },
          { target: 80, published: '8081', protocol: 'tcp' },
        ],
      },
    ],
    [
      'volumes by their target',
      'volumes: ["x:/a", "y:/b"]',
      'volumes: [{ type: bind, source: ./z, target: /a }]',
      {
        volumes: [
          { type: 'bind', source: '/p/z', target: '/a' },
          { type: 'volume', source: 'y', target: '/b' },
        ],
      },
    ],
    [
      'secrets by their target',
      'secrets: [s]',
      'secrets: [{ source: s, mode: 0440 }, t]',
      { secrets: [{ source: 's', mode: 0o440 }, { source: 't' }] },
    ],
    [
      'dependencies by name',
      'depends_on: [b]',
      'depends_on: { b: { condition: service_healthy }, c: { condition: service_started } }',
      { depends_on: { b: { condition: 'service_healthy' }, c: { condition: 'service_started' } } },
    ],
    [
      'networks by name',
      'networks: [n]',
      'networks: { n: { aliases: [x] }, m: }',
      { networks: { n: { aliases: ['x'] }, m: null } },
    ],
    [
      'builds in both forms',
      'build: ./dir',
      'build: { args: [A=1] }',
      { build: { context: '/p/dir', args: { A: '1' } } },
    ],
    [
      'environment files',
      'env_file: a.env',
      'env_file: [{ path: b.env, required: false }, a.env]',
      { env_file: [{ path: '/p/a.env' }, { path: '/p/b.env', required: false }] },
    ],
    [
      'log options of the same driver',
      'logging: { driver: x, options: { a: 1 } }',
      'logging: { options: { b: 2 } }',
      { logging: { driver: 'x', options: { a: 1, b: 2 } } },
    ],
    [
      'log options of another driver not at all',
      'logging: { driver: x, options: { a: 1 } }',
      'logging: { driver: y, options: { b: 2 } }',
      { logging: { driver: 'y', options: { b: 2 } } },
    ],
    ['nothing over something changes nothing', 'image: x', 'image:', { image: 'x' }],
    [
      '!override: the later alone',
      'ports: ["1:1"]\nenvironment: { A: 1 }',
      'ports: !override ["2:2"]\nenvironment: !override { B: 2 }',
      { ports: [{ target: 2, published: '2', protocol: 'tcp' }], environment: { B: 2 } },
    ],
    [
      '!reset: neither',
      'ports: ["1:1"]\nenvironment: { A: 1, B: 1 }\nimage: x',
      'ports: !reset []\nenvironment: { A: !reset null }',
      { environment: { B: 1 }, image: 'x' },
    ],
    [
      'policies of another kind as a whole',
      'x-mitosis: { policy: { kind: target, metric: rps, value: 5 } }',
      'x-mitosis: { policy: { kind: threshold, rules: [{ metric: cpu, above: 1, change: 1 }] } }',
      {
        'x-mitosis': {
          policy: { kind: 'threshold', rules: [{ metric: 'cpu', above: 1, change: 1 }] },
        },
      },
    ],
    [
      'alternatives by name',
      'x-mitosis: { alternatives: [{ name: a, url: "http://a" }, { name: b, url: "http://b" }] }',
      'x-mitosis: { alternatives: [{ name: b, url: "http://c" }] }',
      {
        'x-mitosis': {
          alternatives: [
            { name: 'a', url: 'http://a' },
            { name: 'b', url: 'http://c' },
          ],
        },
      },
    ],
  ])('%s', (_, base, over, result) => expect(merged(base, over)).toEqual(result));

  const names = fc.constantFrom('a', 'b', 'c');
  const composition = fc.record(
    {
      services: fc.dictionary(
        names,
        fc.record(
          {
            image: names,
            command: fc.array(names),
            environment: fc.dictionary(names, names, { noNullPrototype: true }),
            cap_add: fc.uniqueArray(names),
            depends_on: fc.uniqueArray(names),
            ports: fc.uniqueArray(fc.constantFrom('1:1', '2:2', '3:3')),
          },
          { requiredKeys: [], noNullPrototype: true },
        ),
        { noNullPrototype: true },
      ),
    },
    { noNullPrototype: true },
  );
  const node = composition.map((value) => read(stringify(value)));

  it('over nothing, or over itself, is itself', () => {
    const empty = read('services: {}');
    fc.assert(
      fc.property(node, (file) => {
        expect(plain(mergeFiles(empty, file))).toEqual(plain(file));
        expect(plain(mergeFiles(file, empty))).toEqual(plain(file));
        expect(plain(mergeFiles(file, file))).toEqual(plain(file));
      }),
    );
  });

  it('does not depend on how files are grouped', () => {
    fc.assert(
      fc.property(node, node, node, (a, b, c) => {
        expect(plain(mergeFiles(mergeFiles(a, b), c))).toEqual(plain(mergeFiles(a, mergeFiles(b, c))));
      }),
    );
  });
});

describe('files found by name', () => {
  const file = (command: string): string => `services: { a: { command: ${command} } }`;
  it.each([
    [['compose.yaml', 'compose.yml', 'docker-compose.yml'], ['compose.yaml']],
    [['compose.yml', 'docker-compose.yaml'], ['compose.yml']],
    [['docker-compose.yaml', 'docker-compose.yml'], ['docker-compose.yaml']],
    [['docker-compose.yml'], ['docker-compose.yml']],
    [['compose.yaml', 'compose.override.yaml'], ['compose.override.yaml']],
    [['compose.yaml', 'compose.override.yml'], ['compose.override.yml']],
    [['docker-compose.yml', 'docker-compose.override.yml'], ['docker-compose.override.yml']],
    [['docker-compose.yml', 'compose.override.yml'], ['docker-compose.yml']],
  ])('of %j the last word has %j', (there, [winner]) => {
    const graph = graphOfFiles(Object.fromEntries(there.map((name) => [name, file(name)])));
    expect(only(graph, 'a').run?.command).toEqual([winner]);
  });

  it('are those of COMPOSE_FILE where it is set', () => {
    const graph = graphOfFiles({
      '.env': 'COMPOSE_FILE=x.yaml:y.yaml',
      'compose.yaml': file('no'),
      'x.yaml': file('x'),
      'y.yaml': file('y'),
    });
    expect(only(graph, 'a').run?.command).toEqual(['y']);
  });

  it('merges files that are named, in their order', () => {
    const graph = graphOfFiles({ 'x.yaml': file('x'), 'y.yaml': file('y') }, { files: ['y.yaml', 'x.yaml'] });
    expect(only(graph, 'a').run?.command).toEqual(['x']);
  });
});
