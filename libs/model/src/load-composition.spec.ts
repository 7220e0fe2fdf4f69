import { describe, expect, it } from 'vitest';
import { formatProblems, loadComposition } from './index.js';
import { nameOfFolder } from './load-composition.js';
import { FOLDER, graphOf, graphOfFiles, load, only, told } from './testing/composition.testing.js';

const A = 'services: { a: { command: run } }';

describe('loading', () => {
  it('makes a sensible graph of a plain Compose file', () => {
    const graph = graphOf(`
      services:
        web: { image: "nginx:1", ports: ["8080:80"], depends_on: [db] }
        db:
          image: postgres
          expose: ["5432"]
          environment: { POSTGRES_PASSWORD: x }
          volumes: ["data:/var/lib/postgresql/data"]
      volumes: { data: }
    `);
    expect(graph).toMatchObject({
      name: 'p',
      level: 'p',
      entry: 'web',
      objective: null,
      budgetPerHour: null,
      sites: [],
    });
    expect(only(graph, 'web')).toMatchObject({
      scale: { min: 1, max: 1, initial: 1 },
      policy: { kind: 'fixed' },
      probe: { kind: 'tcp', port: '80' },
      exclusive: false,
    });
    expect(only(graph, 'db')).toMatchObject({
      ports: [{ name: '5432', protocol: 'tcp' }],
      probe: { kind: 'tcp', port: '5432' },
      exclusive: true,
    });
  });

  it('takes its name from outside, from the file or from the folder', () => {
    expect(graphOf(A).name).toBe('p');
    expect(graphOf(`name: shop\n${A}`).level).toBe('shop');
    expect(graphOf(`name: $X\n${A}`, { env: { X: 'var' } }).name).toBe('var');
    expect(graphOf(`name: shop\n${A}`, { env: { COMPOSE_PROJECT_NAME: 'env' } }).name).toBe('env');
    expect(graphOf(`name: shop\n${A}`, { env: { COMPOSE_PROJECT_NAME: 'env' }, name: 'said' }).name).toBe(
      'said',
    );
    expect(nameOfFolder('/x/_My App.2/')).toBe('myapp2');
  });

  it('says where it found nothing', () => {
    expect(told({})).toEqual([
      '/p:0:0 : there is no composition here → name one with --file, or make one of compose.yaml, compose.yml, docker-compose.yaml, docker-compose.yml',
    ]);
    expect(told({}, 'problems', { files: ['x.yaml'] })).toEqual([
      'x.yaml:0:0 : there is no file /p/x.yaml → name a file that exists',
    ]);
  });

  it('tells what cannot be read', () => {
    const read = (path: string): string => {
      throw new Error(`EACCES ${path}`);
    };
    const result = loadComposition({ projectDir: FOLDER, files: ['x.yaml'], env: {}, read });
    expect(result.ok ? [] : result.problems.map(({ problem }) => problem)).toEqual([
      '/p/x.yaml cannot be read: EACCES /p/x.yaml',
    ]);
  });

  it('warns of a mistyped x-mitosis', () => {
    expect(told('x-mitosys: { entry: a }\nservices: { a: { command: run } }', 'warnings')).toEqual([
      'compose.yaml:1:1 x-mitosys: "x-mitosys" means nothing to Mitosis → did you mean "x-mitosis"?',
    ]);
  });

  it('warns of an entry that nobody outside can reach', () => {
    expect(told('x-mitosis: { entry: a }\nservices: { a: { command: run } }', 'warnings')).toEqual([
      'compose.yaml:1:21 x-mitosis.entry: "a" publishes no port: only components of the composition reach it → add ports: ["8080:8080"] to "a"',
    ]);
  });
});

describe('child levels', () => {
  const parent = (path: string): string => `
    services:
      a: { command: run, depends_on: [c] }
      c: { x-mitosis: { composition: ${path} } }
  `;
  const CHILD = 'x-mitosis: { entry: b }\nservices: { b: { command: run $X, expose: [70] } }';

  it('are found by file and by folder, with variables of their own', () => {
    for (const path of ['./sub/compose.yaml', 'sub']) {
      const graph = graphOfFiles({
        'compose.yaml': parent(path),
        'sub/compose.yaml': CHILD,
        'sub/.env': 'X=sub',
        '.env': 'X=main',
      });
      const child = only(graph, 'c').composition;
      expect(child).toMatchObject({ level: 'p.c', name: 'c' });
      expect(child?.components['b']?.run).toMatchObject({ command: ['run', 'sub'], workingDir: '/p/sub' });
      expect(only(graph, 'c').ports).toEqual([{ name: '70', target: 70, protocol: 'http', published: [] }]);
    }
  });

  it('nest, and their level says where', () => {
    const graph = graphOfFiles({
      'compose.yaml': parent('sub'),
      'sub/compose.yaml': 'x-mitosis: { entry: c }\nservices: { c: { x-mitosis: { composition: ../deep } } }',
      'deep/compose.yaml': CHILD,
    });
    expect(only(graph, 'c').composition?.components['c']?.composition?.level).toBe('p.c.c');
    expect(only(graph, 'c').ports).toMatchObject([{ name: '70' }]);
  });

  it('may be published by the parent, at a port their entry has', () => {
    const text = (port: string): string =>
      `services: { c: { x-mitosis: { composition: sub }, ports: ["8080:${port}"] } }`;
    const graph = graphOfFiles({ 'compose.yaml': text('70'), 'sub/compose.yaml': CHILD });
    expect(graph.entry).toBe('c');
    expect(only(graph, 'c').ports).toMatchObject([
      { name: '70', published: [{ host: '0.0.0.0', port: 8080 }] },
    ]);
    expect(told({ 'compose.yaml': text('71'), 'sub/compose.yaml': CHILD })).toEqual([
      `compose.yaml:1:58 services.c.ports: the child's entry has no port 71 → publish one it has: 70`,
    ]);
  });

  it('tell circles, a missing entry and ports published twice', () => {
    expect(
      told({
        'compose.yaml': parent('sub'),
        'sub/compose.yaml': 'services: { x: { x-mitosis: { composition: ../ } } }',
      }),
    ).toEqual([
      'sub/compose.yaml:1:44 services.x.x-mitosis.composition: /p/compose.yaml contains itself through its children → a composition cannot be its own child: break the circle',
    ]);
    expect(
      told({ 'compose.yaml': parent('sub'), 'sub/compose.yaml': 'services: { x: { command: run } }' }),
    ).toEqual([
      'compose.yaml:3:34 services.c.x-mitosis.composition: others call this child level, but it has no entry → add x-mitosis: { entry: … } to /p/sub',
    ]);
    const twice = {
      'compose.yaml':
        'services: { a: { command: run, ports: ["80:80"] }, c: { x-mitosis: { composition: sub } } }',
      'sub/compose.yaml': 'services: { b: { command: run, ports: ["80:81"] } }',
    };
    expect(told(twice)).toEqual([
      'compose.yaml:1:52 services.c.ports: port 80 is published by "a" and by "c.b" → give one of them another port outside',
    ]);
  });

  it('are not both a child level and alternatives', () => {
    const text =
      'services: { c: { x-mitosis: { composition: sub, alternatives: [{ name: a, url: "http://a" }] } } }';
    expect(told({ 'compose.yaml': text, 'sub/compose.yaml': CHILD })).toEqual([
      'compose.yaml:1:63 services.c.x-mitosis: a component is a child level or has alternatives, not both → make the child level a component of its own and name that as an alternative',
    ]);
  });
});

describe('versions and digests', () => {
  const of = (lines: string) => only(graphOf(`services:\n  a:\n    command: run\n${lines}`), 'a').version;
  const base = of('');
  it.each([
    '    environment: { A: 1 }',
    '    ports: ["1:1"]',
    '    healthcheck: { test: x }',
    '    deploy: { resources: { limits: { cpus: 1 } } }',
    '    working_dir: sub',
    '    stop_signal: SIGINT',
  ])('changes with %s', (lines) => expect(of(lines)).not.toBe(base));
  it.each([
    '    deploy: { replicas: 3 }',
    '    x-mitosis: { scale: { max: 3 }, objective: { p95: 1s } }',
    '    labels: [a=1]',
    '    restart: on-failure',
    '    x-mitosis: { drain: 1s }',
  ])('stays with %s', (lines) => expect(of(lines)).toBe(base));
  it('does not depend on where a port is published', () =>
    expect(of('    ports: ["1:80"]')).toBe(of('    ports: ["2:80"]')));

  it('has one digest whatever the order, and another for any change', () => {
    const digest = (text: string): string => graphOf(text).digest;
    const one = digest('services: { a: { command: x, environment: { A: 1, B: 2 } }, b: { command: y } }');
    expect(digest('services: { b: { command: y }, a: { environment: [B=2, A=1], command: x } }')).toBe(one);
    expect(
      digest('services: { a: { command: x, environment: { A: 1, B: 2 } }, b: { command: z } }'),
    ).not.toBe(one);
  });
});

describe('problems as a text', () => {
  it('are told with place, path and remedy', () => {
    const result = load({ 'compose.yaml': 'services: { a: { comand: run } }' });
    expect(formatProblems(result.ok ? [] : result.problems, { relativeTo: FOLDER })).toBe(
      'compose.yaml:1:18: error: services.a.comand: unknown key "comand"\n    remedy: did you mean "command"?',
    );
    const nothing = load({});
    expect(formatProblems(nothing.ok ? [] : nothing.problems)).toMatch(
      /^\/p: error: there is no composition here\n/,
    );
  });
});
