/** What the docker driver works out without an engine: addresses, bodies, mounts, subnets. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunPlan } from '../actuator.js';
import { containerBody } from './container-body.js';
import { hostOfEngine, isLocal, parseEngineAddress, spellAddress } from './engine-address.js';
import { afterStamp } from './log-follower.js';
import { containerName, runNameOf, volumeName } from './marks.js';
import { externalNetworksOf, mountsOf, namedVolumesOf } from './mounts.js';
import type { RunContainer } from './run-container.js';
import { usageOf } from './stats-meter.js';
import { addressRange, overlapsAny, subnetsOf } from './subnets.js';

describe('where an engine is', () => {
  const of = (host: string, certPath = '') => parseEngineAddress({ host, certPath });

  it('is what DOCKER_HOST says', () => {
    expect(of('')).toEqual({ kind: 'unix', path: '/var/run/docker.sock' });
    expect(of('unix:///x/y.sock')).toEqual({ kind: 'unix', path: '/x/y.sock' });
    expect(of('tcp://10.0.0.2')).toEqual({ kind: 'tcp', host: '10.0.0.2', port: 2375, tls: null });
    expect(of('tcp://box:2376', '/certs')).toMatchObject({ port: 2376, tls: { ca: '/certs/ca.pem' } });
    expect(of('tcp://[::1]:99')).toMatchObject({ host: '::1', port: 99 });
    expect(of('ssh://me@box:2222')).toEqual({ kind: 'ssh', target: 'me@box', port: '2222' });
    expect(isLocal(of(''))).toBe(true);
    expect(isLocal(of('ssh://me@box'))).toBe(false);
    expect([of(''), of('tcp://box'), of('ssh://me@box')].map(hostOfEngine)).toEqual([
      undefined,
      'box',
      'box',
    ]);
    expect(spellAddress(of('ssh://me@box:2222'))).toBe('ssh://me@box:2222');
  });

  it.each(['box', 'ftp://box', 'unix://relative', 'tcp://', 'ssh://-oProxyCommand=x', 'https://box'])(
    'is not %s',
    (host) => {
      expect(() => of(host)).toThrow(/DOCKER_HOST is .*; write unix:/);
    },
  );
});

const container: RunContainer = {
  image: 'web:1',
  definition: {},
  ports: [{ inside: 8080, outside: 20_001 }],
  host: '127.0.0.1',
  hosts: { db: '10.213.0.1' },
  aliases: ['web'],
  cpus: 0,
  memoryBytes: 0,
  memoryReservationBytes: 0,
  pids: 0,
  labels: {},
  stopSignal: 'SIGINT',
  stopGraceMs: 1_500,
  probed: false,
  logMaxBytes: 1_024_000,
};
const plan: RunPlan = {
  level: 'shop.catalog',
  id: 'web-a1',
  run: 1,
  dir: '/x',
  component: 'web',
  instanceClass: 'application',
  version: 'v1',
  command: [],
  cwd: '',
  env: { A: 'b=c' },
  fds: [],
  user: '',
  epoch: '1.7',
  container,
};
const body = (more: Partial<RunContainer> = {}): Record<string, unknown> => {
  const whole = { ...container, ...more };
  return containerBody({ home: '/h', plan: { ...plan, container: whole }, container: whole, network: 'net' });
};

describe('the body of a container', () => {
  it('leaves to the image what the composition does not say', () => {
    const made = body();
    for (const key of ['Cmd', 'Entrypoint', 'WorkingDir', 'User', 'Healthcheck'])
      expect(made).not.toHaveProperty(key);
    expect(made).toMatchObject({ Image: 'web:1', Env: ['A=b=c'], StopSignal: 'SIGINT', StopTimeout: 2 });
    expect(made['HostConfig']).toMatchObject({
      RestartPolicy: { Name: 'no' },
      PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '20001' }] },
      ExtraHosts: ['db:10.213.0.1'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '500k', 'max-file': '2' } },
    });
    for (const limit of ['NanoCpus', 'Memory', 'PidsLimit', 'MemoryReservation'])
      expect(made['HostConfig']).not.toHaveProperty(limit);
  });

  it('is marked as whose it is, whatever labels the user gives', () => {
    const made = body({ labels: { 'mitosis.home': 'mine', team: 'x' } });
    expect(made['Labels']).toEqual({
      team: 'x',
      'mitosis.home': '/h',
      'mitosis.level': 'shop.catalog',
      'mitosis.instance': 'web-a1',
      'mitosis.run': '1',
      'mitosis.component': 'web',
      'mitosis.class': 'application',
      'mitosis.version': 'v1',
      'mitosis.epoch': '1.7',
    });
    expect(runNameOf(made['Labels'] as Record<string, string>)).toEqual({
      level: 'shop.catalog',
      id: 'web-a1',
      run: 1,
    });
  });

  it('takes over what Compose says, in the words of the engine', () => {
    const definition = {
      entrypoint: [],
      hostname: 'box',
      tty: true,
      cap_add: ['NET_ADMIN'],
      shm_size: '64m',
      memswap_limit: '1g',
      ulimits: { nofile: { soft: 10, hard: 20 }, nproc: 5 },
      tmpfs: ['/run', '/tmp:size=1m'],
      devices: [{ source: '/dev/null', target: '/dev/x' }],
      sysctls: { 'net.core.somaxconn': 128 },
      extra_hosts: { other: '10.0.0.9' },
      logging: { driver: 'syslog', options: { tag: 'x' } },
      init: true,
    };
    const made = body({ definition, memoryBytes: 5, probed: true });
    expect(made).toMatchObject({
      Entrypoint: [''],
      Hostname: 'box',
      Tty: true,
      Healthcheck: { Test: ['NONE'] },
    });
    expect(made['HostConfig']).toMatchObject({
      CapAdd: ['NET_ADMIN'],
      ShmSize: 64 * 2 ** 20,
      Memory: 5,
      MemorySwap: 2 ** 30,
      Ulimits: [
        { Name: 'nofile', Soft: 10, Hard: 20 },
        { Name: 'nproc', Soft: 5, Hard: 5 },
      ],
      Tmpfs: { '/run': '', '/tmp': 'size=1m' },
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'rwm' }],
      Sysctls: { 'net.core.somaxconn': '128' },
      ExtraHosts: ['db:10.213.0.1', 'other:10.0.0.9'],
      LogConfig: { Type: 'syslog', Config: { tag: 'x' } },
      Init: true,
    });
  });

  it('has a name that stands for one run', () => {
    expect(containerName(plan)).toBe('shop.catalog-web-a1');
    expect(containerName({ ...plan, run: 3 })).toBe('shop.catalog-web-a1-r3');
  });
});

describe('mounts', () => {
  const definition = {
    volumes: [
      { type: 'volume', source: 'data', target: '/data' },
      { type: 'volume', target: '/cache' },
      { type: 'volume', source: 'given', target: '/given', read_only: true },
      { type: 'bind', source: '/etc/x', target: '/x', bind: { propagation: 'rslave' } },
      { type: 'tmpfs', target: '/t', tmpfs: { size: 10 } },
    ],
    secrets: [{ source: 'key' }],
    networks: { default: null, office: null },
    definitions: {
      volumes: { data: { labels: { a: 'b' } }, given: { external: true } },
      secrets: { key: { file: '/keys/key' } },
      networks: { office: { external: true, name: 'office-net' } },
    },
  };

  it('are volumes of the level, of others, of the host, and files', () => {
    expect(mountsOf('shop.catalog', definition)).toEqual([
      { Type: 'volume', Source: 'shop_catalog_data', Target: '/data' },
      { Type: 'volume', Target: '/cache' },
      { Type: 'volume', Source: 'given', Target: '/given', ReadOnly: true },
      { Type: 'bind', Source: '/etc/x', Target: '/x', BindOptions: { Propagation: 'rslave' } },
      { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 10 } },
      { Type: 'bind', Source: '/keys/key', Target: '/run/secrets/key', ReadOnly: true },
    ]);
    expect(namedVolumesOf('shop', definition).map(({ name, external }) => [name, external])).toEqual([
      ['shop_data', false],
      ['given', true],
    ]);
    expect(externalNetworksOf(definition)).toEqual(['office-net']);
    expect(volumeName('shop', 'data')).toBe('shop_data');
  });

  it('are refused when they cannot be made', () => {
    expect(() => mountsOf('shop', { volumes: [{ type: 'npipe', target: '/x' }] })).toThrow(
      /use volume, bind or tmpfs/,
    );
    expect(() => mountsOf('shop', { secrets: [{ source: 'x' }] })).toThrow(/secrets.x is no file/);
  });
});

describe('subnets', () => {
  it('are small, in the pool, and differ from each other', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const pool = addressRange('10.213.0.0/24')!;
        const all = [...subnetsOf('10.213.0.0/24', name)];
        expect(all).toHaveLength(64);
        expect(new Set(all.map(({ text }) => text)).size).toBe(64);
        for (const one of all) expect(one.first >= pool.first && one.last <= pool.last).toBe(true);
      }),
      { numRuns: 20 },
    );
    expect(addressRange('10.213.0.5/30')).toMatchObject({ text: '10.213.0.4/30', gateway: '10.213.0.5' });
  });

  it('are known to overlap', () => {
    const range = (text: string) => addressRange(text)!;
    expect(overlapsAny(range('10.0.0.0/30'), [range('10.0.0.0/8')])).toBe(true);
    expect(overlapsAny(range('10.0.0.4/30'), [range('10.0.0.0/30'), range('10.0.0.8/30')])).toBe(false);
  });

  it.each(['', 'x', '10.0.0.0', '10.0.0.0/31', '300.0.0.0/8'])('are not taken from "%s"', (pool) => {
    expect(() => [...subnetsOf(pool, 'x')]).toThrow(/MITOSIS_DOCKER_POOL/);
  });
});

describe('readings', () => {
  it('go on one nanosecond after the last line', () => {
    expect(afterStamp('1970-01-01T00:00:01.000000001Z')).toBe('1.000000002');
    expect(afterStamp('1970-01-01T00:00:01.999999999Z')).toBe('2.000000000');
    expect(afterStamp('1970-01-01T00:00:01Z')).toBe('1.000000001');
  });

  it('count memory without what the kernel gives back', () => {
    const reading = {
      cpu_stats: { cpu_usage: { total_usage: 2e9 } },
      memory_stats: { usage: 100, stats: { total_inactive_file: 40 } },
      pids_stats: { current: 3 },
    };
    expect(usageOf(reading)).toEqual({ cpuSeconds: 2, memoryBytes: 60, processes: 3 });
  });
});
