import { describe, expect, it } from 'vitest';
import { graphOfFiles, only, told } from '../testing/composition.testing.js';

describe('extends', () => {
  it('takes over a service of the same file', () => {
    const graph = graphOfFiles({
      'compose.yaml': `
        services:
          base: { command: run, environment: { A: 1, B: 1 }, deploy: { replicas: 2 } }
          a: { extends: base, environment: { B: 2 } }
          b: { extends: { service: a }, command: other }
      `,
    });
    expect(only(graph, 'a')).toMatchObject({
      run: { command: ['run'], env: { A: '1', B: '2' } },
      scale: { min: 2 },
    });
    expect(only(graph, 'b')).toMatchObject({ run: { command: ['other'], env: { A: '1', B: '2' } } });
  });

  it('takes over a service of another file, whose paths are meant from its folder', () => {
    const graph = graphOfFiles({
      'compose.yaml': 'services: { a: { extends: { file: other/base.yaml, service: b }, command: run } }',
      'other/base.yaml': `
        services:
          b: { extends: c, env_file: b.env, image: x, volumes: ["./data:/data"] }
          c: { environment: { C: 1 } }
      `,
      'other/b.env': 'B=1',
    });
    expect(only(graph, 'a').run).toMatchObject({
      image: 'x',
      env: { B: '1', C: '1' },
      container: { volumes: [{ type: 'bind', source: '/p/other/data', target: '/data' }] },
    });
  });

  it('does not change where a process runs', () => {
    const graph = graphOfFiles({
      'compose.yaml': 'services: { a: { extends: { file: other/base.yaml, service: b } } }',
      'other/base.yaml': 'services: { b: { command: run } }',
    });
    expect(only(graph, 'a').run?.workingDir).toBe('/p');
  });

  it('lets !reset and !override act on what is taken over', () => {
    const graph = graphOfFiles({
      'compose.yaml': `
        services:
          base: { command: run, environment: { A: 1, B: 1 }, expose: ["1"] }
          a:
            extends: base
            environment: !override { C: 1 }
            expose: !reset []
      `,
    });
    expect(only(graph, 'a')).toMatchObject({ run: { env: { C: '1' } }, ports: [] });
  });

  it('tells circles, missing services and missing files', () => {
    expect(told('services: { a: { extends: b }, b: { extends: a } }')).toEqual([
      'compose.yaml:1:27 services.a.extends: "a" extends itself through others → break the circle: remove one of the extends',
      'compose.yaml:1:46 services.b.extends: "b" extends itself through others → break the circle: remove one of the extends',
    ]);
    expect(told('services: { web: { extends: bas, command: x }, base: { command: x } }')).toEqual([
      'compose.yaml:1:29 services.web.extends: there is no service "bas" in /p/compose.yaml → did you mean "base"?',
    ]);
    expect(told('services: { a: { extends: { file: x.yaml, service: b } } }')).toEqual([
      'compose.yaml:1:35 services.a.extends: there is no file /p/x.yaml → name a file that exists',
    ]);
  });
});
