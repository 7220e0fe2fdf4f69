import { describe, expect, it } from 'vitest';
import { graphOfFiles, only, told } from '../testing/composition.testing.js';

const MAIN = 'include: [sub/compose.yaml]\nservices: { a: { command: run, depends_on: [b] } }';

describe('include', () => {
  it('takes services over, with paths and variables of their own folder', () => {
    const graph = graphOfFiles({
      'compose.yaml': MAIN,
      'sub/compose.yaml': 'services: { b: { command: "run $X $Y", env_file: b.env } }',
      'sub/.env': 'X=sub\nY=sub',
      'sub/b.env': 'B=1',
      '.env': 'Y=main',
    });
    expect(only(graph, 'b').run).toMatchObject({
      command: ['run', 'sub', 'main'],
      workingDir: '/p/sub',
      env: { B: '1' },
    });
  });

  it('knows the long form with several files, folder and variables', () => {
    const graph = graphOfFiles({
      'compose.yaml': `
        include:
          - path: [sub/one.yaml, sub/two.yaml]
            project_directory: .
            env_file: inc.env
        services: { a: { command: run } }
      `,
      'inc.env': 'X=inc',
      'sub/one.yaml': 'services: { b: { command: one $X } }',
      'sub/two.yaml': 'services: { b: { environment: { X: $X } } }',
    });
    expect(only(graph, 'b').run).toMatchObject({
      command: ['one', 'inc'],
      workingDir: '/p',
      env: { X: 'inc' },
    });
  });

  it('includes what included files include', () => {
    const graph = graphOfFiles({
      'compose.yaml': MAIN,
      'sub/compose.yaml': 'include: [../more/c.yaml]\nservices: { b: { command: b, depends_on: [c] } }',
      'more/c.yaml': 'services: { c: { command: c } }',
    });
    expect(Object.keys(graph.components).sort()).toEqual(['a', 'b', 'c']);
    expect(only(graph, 'c').run?.workingDir).toBe('/p/more');
  });

  it('lets an override file change what was included', () => {
    const graph = graphOfFiles({
      'compose.yaml': MAIN,
      'compose.override.yaml': 'services: { b: { command: changed } }',
      'sub/compose.yaml': 'services: { b: { command: b } }',
    });
    expect(only(graph, 'b').run?.command).toEqual(['changed']);
  });

  it('takes the same thing twice, but not two of one name', () => {
    const files = {
      'compose.yaml': 'include: [x.yaml, y.yaml]\nservices:\n  a: { command: run }',
      'x.yaml': 'services: { c: { command: c } }\nvolumes: { v: }',
      'y.yaml': 'services: { c: { command: c } }\nvolumes: { v: }',
    };
    expect(Object.keys(graphOfFiles(files).components)).toEqual(['a', 'c']);
    expect(told({ ...files, 'y.yaml': 'services: { a: { command: other } }' })).toEqual([
      'compose.yaml:3:3 services.a: "a" is also in the included /p/y.yaml, and differs → rename one of them, or change the included one in an override file',
    ]);
  });

  it('tells circles and missing files', () => {
    expect(told({ 'compose.yaml': MAIN, 'sub/compose.yaml': 'include: [../compose.yaml]' })).toEqual([
      'sub/compose.yaml:1:11 include: /p/compose.yaml includes itself through others → break the circle: remove one of the includes',
    ]);
    expect(told(MAIN)).toEqual([
      'compose.yaml:1:11 include: there is no file /p/sub/compose.yaml → name a file that exists',
    ]);
  });

  it('warns of x-mitosis in an included file', () => {
    const files = {
      'compose.yaml': MAIN,
      'sub/compose.yaml': 'services: { b: { command: b } }\nx-mitosis: { entry: b }',
    };
    expect(told(files, 'warnings')[0]).toMatch(/^sub\/compose.yaml:2:1 x-mitosis: .* is not taken over/);
  });
});
