import { describe, expect, it } from 'vitest';
import { componentWith, graphOf, only, told } from '../testing/composition.testing.js';

describe('what runs', () => {
  it.each([
    ['command: node web.js "a b"', ['node', 'web.js', 'a b']],
    ['command: [node, web.js, 3]', ['node', 'web.js', '3']],
    ['{ entrypoint: [sh, -c], command: echo }', ['sh', '-c', 'echo']],
    ['entrypoint: "node x"', ['node', 'x']],
  ])('%s', (yaml, command) => expect(componentWith(yaml).run).toMatchObject({ driver: 'process', command }));

  it.each([
    ['image: x', { driver: 'docker', image: 'x', command: [], workingDir: '' }],
    [
      '{ image: x, command: a b, working_dir: /srv }',
      { driver: 'docker', command: ['a', 'b'], workingDir: '/srv' },
    ],
    ['build: .', { driver: 'docker', image: null, container: { build: { context: '/p' } } }],
    ['{ image: x, entrypoint: [] }', { container: { entrypoint: [] } }],
    [
      '{ image: x, command: run, x-mitosis: { process: true } }',
      { driver: 'process', image: null, command: ['run'] },
    ],
    ['{ command: run, working_dir: sub }', { workingDir: '/p/sub' }],
    ['{ command: run, user: "1000:1000" }', { user: '1000:1000' }],
    ['command: run', { stopSignal: 'SIGTERM', stopGraceMs: 10_000, workingDir: '/p', user: '' }],
    [
      '{ command: run, stop_signal: SIGINT, stop_grace_period: 1m }',
      { stopSignal: 'SIGINT', stopGraceMs: 60_000 },
    ],
    ['{ command: run, stop_signal: usr1 }', { stopSignal: 'SIGUSR1' }],
    ['{ command: run, stop_signal: "2" }', { stopSignal: 'SIGINT' }],
  ])('%s → %j', (yaml, run) => expect(componentWith(yaml).run).toMatchObject(run));

  it.each([
    ['environment: { A: 1.10, B: true, C: text, D: "" }', { A: '1.10', B: 'true', C: 'text', D: '' }],
    ['environment: [A=1, "B=a=b", C=]', { A: '1', B: 'a=b', C: '' }],
    ['environment: [SET, UNSET]', { SET: 'outside' }],
    ['environment: { SET: , UNSET: }', { SET: 'outside' }],
    ['env_file: a.env', { A: 'a', S: 'outside' }],
    ['env_file: [a.env, { path: b.env }]', { A: 'b', S: 'outside' }],
    ['{ env_file: a.env, environment: { A: mine } }', { A: 'mine', S: 'outside' }],
    ['env_file: [{ path: none.env, required: false }]', {}],
    ['env_file: [{ path: raw.env, format: raw }]', { R: '"$SET"' }],
  ])('%s', (yaml, env) => {
    const files = { 'a.env': 'A=a\nS=$SET', 'b.env': 'A=b', 'raw.env': 'R="$SET"' };
    const found = componentWith(
      `command: run\n${yaml.startsWith('{') ? `<<: ${yaml}` : yaml}`,
      { env: { SET: 'outside' } },
      files,
    );
    expect(found.run?.env).toEqual(env);
  });

  it('collects labels of the service, of its deploy section and of files', () => {
    const yaml = 'command: run\nlabels: [a=1, b]\ndeploy: { labels: { c: 3 } }\nlabel_file: l.env';
    expect(componentWith(yaml, {}, { 'l.env': 'a=0\nd=4' }).labels).toEqual({
      a: '1',
      b: '',
      c: '3',
      d: '4',
    });
  });

  it('hands on what containers need, with the definitions they use', () => {
    const graph = graphOf(`
      services:
        a:
          image: x
          volumes: ["data:/data:ro", "./src:/src"]
          secrets: [s]
          configs: [{ source: c, target: /c, mode: 0440 }]
          ulimits: { nofile: { soft: 1, hard: 2 }, nproc: 5 }
          cap_add: [NET_ADMIN]
          tmpfs: /tmp
          extra_hosts: ["h:1.2.3.4"]
          sysctls: ["net.core.somaxconn=1"]
          devices: ["/dev/x"]
          networks: [front]
      volumes: { data: { driver: local }, other: }
      secrets: { s: { file: ./s.txt } }
      configs: { c: { content: hello } }
      networks: { front: }
    `);
    expect(only(graph, 'a').run?.container).toEqual({
      volumes: [
        { type: 'volume', source: 'data', target: '/data', read_only: true },
        { type: 'bind', source: '/p/src', target: '/src' },
      ],
      secrets: [{ source: 's' }],
      configs: [{ source: 'c', target: '/c', mode: 0o440 }],
      ulimits: { nofile: { soft: 1, hard: 2 }, nproc: 5 },
      cap_add: ['NET_ADMIN'],
      tmpfs: ['/tmp'],
      extra_hosts: { h: '1.2.3.4' },
      sysctls: { 'net.core.somaxconn': '1' },
      devices: [{ source: '/dev/x', target: '/dev/x' }],
      networks: { front: {} },
      definitions: {
        volumes: { data: { driver: 'local' } },
        secrets: { s: { file: '/p/s.txt' } },
        configs: { c: { content: 'hello' } },
        networks: { front: {} },
      },
    });
  });

  it('tells what it cannot honour, field by field', () => {
    const process = `
services:
  a:
    command: run
    networks: [n]
    cap_add: [X]
    mem_limit: 1g
    volumes: ["./x:/x"]
    tty: true
    deploy: { resources: { limits: { cpus: 1, memory: 1g, pids: 5 } }, placement: { constraints: [a] } }
networks: { n: }`;
    expect(told(process, 'warnings').map((line) => line.split(': ')[0])).toEqual([
      'compose.yaml:4:5 services.a.networks',
      'compose.yaml:5:5 services.a.cap_add',
      'compose.yaml:6:5 services.a.mem_limit',
      'compose.yaml:7:5 services.a.volumes',
      'compose.yaml:8:5 services.a.tty',
      'compose.yaml:9:72 services.a.deploy.placement',
      'compose.yaml:9:38 services.a.deploy.resources.limits.cpus',
      'compose.yaml:9:47 services.a.deploy.resources.limits.memory',
      'compose.yaml:9:59 services.a.deploy.resources.limits.pids',
    ]);
    const container =
      'services: { a: { image: x, container_name: y, cap_add: [X], deploy: { mode: global } } }';
    expect(told(container, 'warnings')).toEqual([
      'compose.yaml:1:28 services.a.container_name: Mitosis does not honour "container_name" for containers → Mitosis names instances itself, as there may be several; remove it',
      'compose.yaml:1:71 services.a.deploy.mode: Mitosis does not honour "deploy.mode" for containers → use replicas or x-mitosis.scale',
    ]);
  });
});
