/** Births with a real etcd; the manager is a script that notes how it was started. */
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import {
  etcdSpec,
  instanceId,
  levelId,
  managerSpec,
  siteId,
  type agent,
  type Release,
} from '@mitosis/contracts';
import { readDurable, writeDurable } from '@mitosis/actuators';
import type { LevelState } from '../state/records.js';
import { findEtcdctl } from '../adapters/etcdctl.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { act, AgentUnderTest, epoch, until } from '../testing/agent-under-test.testing.js';

const ETCD = execFileSync('/bin/sh', ['-c', 'command -v etcd'], { encoding: 'utf8' }).trim();
const LEVEL = levelId('shop');

describe('birth', () => {
  let host: AgentUnderTest;
  let release: Release;
  let manager: string;
  beforeEach(async () => {
    host = new AgentUnderTest({ MITOSIS_SNAPSHOT_INTERVAL_MS: '1000', MITOSIS_UPKEEP_INTERVAL_MS: '500' });
    manager = join(host.home, 'manager.cjs');
    writeFileSync(
      manager,
      `require('node:http').createServer((q, r) => r.end('ok')).listen(process.env.MITOSIS_HTTP_PORT, process.env.MITOSIS_HOST);
       console.log('manager ' + process.env.MITOSIS_INCARNATION + ' ' + process.env.MITOSIS_ETCD + ' ' + process.env.MITOSIS_AGENT);`,
    );
    release = { version: '1', node: process.execPath, manager, router: manager, agent: manager, etcd: ETCD };
    await host.up();
  });
  afterEach(() => host.dispose());

  const request = (
    suffix: string,
    members = 1,
    more: Partial<agent.BirthRequest> = {},
  ): agent.BirthRequest => ({
    level: LEVEL,
    parent: '',
    act: undefined,
    incarnation: 0,
    etcd: Array.from({ length: members }, (_, i) =>
      etcdSpec(LEVEL, instanceId(`mitosis-etcd-${suffix}${i}`), release),
    ),
    manager: managerSpec(
      {
        level: LEVEL,
        id: instanceId(`mitosis-manager-${suffix}`),
        release,
        site: siteId('local'),
        agent: host.address,
        etcd: '{{etcd}}',
        incarnation: '{{incarnation}}',
        leaseTtlMs: 3_000,
      },
      { managers: 1, components: 1 },
    ),
    ...more,
  });
  const healthy = (id: string, boundMs = 30_000): Promise<agent.InstanceStatus> =>
    host.reaches('shop', id, ({ health }) => health === 'healthy', boundMs);
  const etcdctl = (member: agent.InstanceStatus, ...args: string[]): string =>
    execFileSync(findEtcdctl(ETCD)!, [`--endpoints=127.0.0.1:${member.ports['client']}`, ...args], {
      encoding: 'utf8',
      env: { ETCDCTL_API: '3' },
      timeout: 10_000,
    });
  const dataOf = (id: string): string => join(host.home, 'levels/shop/instances', id, 'data/member');

  it('starts etcd and manager together, once, however often it is asked', async () => {
    const [first, second] = await Promise.all([host.birth(request('a')), host.birth(request('b'))]);
    expect([first, second].filter(({ adopted }) => adopted)).toHaveLength(1);
    const id = first.etcd[0]!.id;
    expect(second.etcd.map((one) => one.id)).toEqual([id]);
    expect([first.incarnation, second.incarnation]).toEqual([1, 1]);
    const member = await healthy(id);
    await healthy(first.manager!.id);
    const client = `http://127.0.0.1:${member.ports['client']}`;
    expect(await host.output('shop', first.manager!.id)).toBe(`manager 1 ${client} ${host.address}\n`);
    etcdctl(member, 'put', 'a', 'b');
  });

  it('brings everything back with its data after all died, and adopts it at the next birth', async () => {
    const born = await host.birth(request('a'));
    const member = await healthy(born.etcd[0]!.id);
    etcdctl(member, 'put', 'key', 'kept');
    await host.kill();
    for (const pid of host.runs()) process.kill(pid, 'SIGKILL');
    await host.up();
    const again = await host.birth(request('b'));
    expect(again).toMatchObject({ adopted: true, incarnation: 1 });
    const after = await healthy(member.id);
    expect(after.ports).toEqual(member.ports);
    expect(etcdctl(after, 'get', 'key', '--print-value-only').trim()).toBe('kept');
  });

  it('finishes a birth over which the agent died', async () => {
    const pending = host.birth(request('a')).catch(() => undefined);
    await until('something runs', () => host.runs().length > 0, 10_000, 1);
    await host.kill();
    await pending;
    await host.up();
    const reply = await host.birth(request('b'));
    expect(reply.adopted).toBe(true);
    expect(reply.etcd.map(({ id }) => id)).toEqual(['mitosis-etcd-a0']);
    await healthy('mitosis-etcd-a0');
    await healthy('mitosis-manager-a');
  });

  it('bootstraps three members', async () => {
    const born = await host.birth(request('a', 3));
    const members = await Promise.all(born.etcd.map(({ id }) => healthy(id)));
    expect(etcdctl(members[0]!, 'member', 'list').trim().split('\n')).toHaveLength(3);
  });

  it('runs another etcd on the same data, member by member, and the one before where that does not come up', async () => {
    const born = await host.birth(request('a', 3));
    const before = await Promise.all(born.etcd.map(({ id }) => healthy(id)));
    etcdctl(before[0]!, 'put', 'key', 'kept');
    const other = join(host.home, 'other-etcd');
    copyFileSync(ETCD, other);
    // Says that it is an etcd, and ends.
    const broken = join(host.home, 'broken-etcd');
    writeFileSync(broken, '#!/bin/sh\n[ "$1" = --version ] && echo "etcd Version: 9.9.9"\n', { mode: 0o700 });

    expect((await host.upgradeEtcd('shop', other)).restarted).toEqual(before.map(({ id }) => id));
    const after = await Promise.all(before.map(({ id }) => healthy(id)));
    for (const [at, { pid, ports }] of after.entries()) {
      expect(ports).toEqual(before[at]!.ports);
      expect(readlinkSync(`/proc/${pid}/exe`)).toBe(other);
    }
    expect((await host.upgradeEtcd('shop', other)).restarted).toEqual([]);

    await expect(host.upgradeEtcd('shop', manager)).rejects.toThrow(/is no etcd/u);
    await expect(host.upgradeEtcd('shop', broken)).rejects.toThrow(
      /did not get healthy with .*broken-etcd and runs .*other-etcd again/u,
    );
    for (const { id } of before) expect((await healthy(id)).ports).toBeDefined();
    expect(etcdctl(after[0]!, 'get', 'key', '--print-value-only').trim()).toBe('kept');
    expect((await host.levels()).levels[0]?.incarnation).toBe(1);

    // A cluster that misses one already must not miss two.
    const [first, second] = before;
    await host.signal('shop', second!.id, 'SIGSTOP', false);
    await expect(host.upgradeEtcd('shop', ETCD)).rejects.toThrow(/goes on as it is/u);
    expect((await host.status('shop', first!.id))?.state).toBe('running');
    await host.signal('shop', second!.id, 'SIGCONT', false);
  }, 120_000);

  it('makes a damaged etcd anew from its newest snapshot, under a newer incarnation', async () => {
    const born = await host.birth(request('a'));
    const member = await healthy(born.etcd[0]!.id);
    etcdctl(member, 'put', 'key', 'kept');
    const snapshots = join(host.home, 'levels/shop/snapshots');
    const written = Date.now();
    await until('a snapshot after the write', () => newest(snapshots) > written, 20_000);
    damage(dataOf(member.id));
    for (const pid of host.runs(member.id)) process.kill(pid, 'SIGKILL');
    await until(
      'a newer incarnation',
      async () => (await host.levels()).levels[0]?.incarnation === 2,
      40_000,
    );
    const after = await healthy(member.id);
    expect(after.ports).toEqual(member.ports);
    expect(etcdctl(after, 'get', 'key', '--print-value-only').trim()).toBe('kept');
    await until(
      'the manager knows',
      async () => (await host.output('shop', born.manager!.id)).includes('manager 2 '),
      30_000,
    );
    expect(readdirSync(join(host.home, 'levels/shop/instances', member.id, 'aside'))).toHaveLength(1);
  });

  it('makes room in a store whose history has used up its space', async () => {
    const { etcd, ...rest } = request('a');
    const small = etcd.map((spec) => ({
      ...spec,
      command: spec.command.map((word) =>
        word.startsWith('--quota-backend-bytes=') ? `--quota-backend-bytes=${16 * 1024 * 1024}` : word,
      ),
    }));
    const born = await host.birth({ ...rest, etcd: small });
    const member = await healthy(born.etcd[0]!.id);
    etcdctl(member, 'put', 'kept', 'yes');
    // Every value replaces the one before: all of it but the last is history.
    const put = async (): Promise<boolean> => {
      const body = JSON.stringify({ key: btoa('filler'), value: btoa('x'.repeat(1_000_000)) });
      const answer = await fetch(`http://127.0.0.1:${member.ports['client']}/v3/kv/put`, {
        method: 'POST',
        body,
      });
      return answer.ok;
    };
    let writes = 0;
    while (await put()) if ((writes += 1) > 100) throw new Error('it never ran full');
    await until('it takes writes again', put, 30_000);
    expect(etcdctl(member, 'alarm', 'list').trim()).toBe('');
    expect(etcdctl(member, 'get', 'kept', '--print-value-only').trim()).toBe('yes');
    await healthy(member.id);
  });

  it('goes back to a snapshot when told, under a newer incarnation, and refuses what is none before it stops anything', async () => {
    const born = await host.birth(request('a', 3));
    const members = await Promise.all(born.etcd.map(({ id }) => healthy(id)));
    etcdctl(members[0]!, 'put', 'key', 'before');
    const file = join(host.home, 'told.snapshot');
    etcdctl(members[0]!, 'snapshot', 'save', file);
    etcdctl(members[0]!, 'put', 'key', 'after');
    const broken = join(host.home, 'broken.snapshot');
    writeFileSync(broken, readFileSync(file).subarray(0, 5_000));
    await expect(host.restore('shop', broken)).rejects.toThrow(/no etcd snapshot/);
    expect(etcdctl(members[0]!, 'get', 'key', '--print-value-only').trim()).toBe('after');
    expect(await host.restore('shop', file)).toEqual({ incarnation: 2 });
    const after = await Promise.all(members.map(({ id }) => healthy(id)));
    for (const member of after)
      expect(etcdctl(member, 'get', 'key', '--print-value-only').trim()).toBe('before');
  });

  it('lets the management begin anew also when the agent died between the new store and that', async () => {
    const born = await host.birth(request('a'));
    await healthy(born.etcd[0]!.id);
    await healthy(born.manager!.id);
    await host.kill();
    // What is on disk at that moment.
    const path = join(host.home, 'levels/shop/level.json');
    const stateOf = async (): Promise<LevelState> => {
      const read = await readDurable<LevelState>(path);
      if (read.kind !== 'value') throw new Error(`${path}: ${read.kind}`);
      return read.value;
    };
    const recovery = { snapshot: '', incarnation: 2 };
    await writeDurable(path, { ...(await stateOf()), incarnation: 2, recovery } satisfies LevelState);
    await host.up();
    await until(
      'the manager knows',
      async () => (await host.output('shop', born.manager!.id)).includes('manager 2 '),
      30_000,
    );
    await until('nothing is left to do', async () => (await stateOf()).recovery === null, 30_000);
    expect((await host.levels()).levels[0]?.incarnation).toBe(2);
  });

  it('starts empty under a newer incarnation when there is no snapshot', async () => {
    const born = await host.birth(request('a'));
    const member = await healthy(born.etcd[0]!.id);
    await host.kill();
    for (const pid of host.runs()) process.kill(pid, 'SIGKILL');
    rmSync(join(host.home, 'levels/shop/snapshots'), { recursive: true, force: true });
    damage(dataOf(member.id));
    await host.up();
    await until(
      'a newer incarnation',
      async () => (await host.levels()).levels[0]?.incarnation === 2,
      40_000,
    );
    etcdctl(await healthy(member.id), 'put', 'a', 'b');
  });

  it('gives a child the incarnation of its parent, refuses overtaken births, and a newer one takes the place', async () => {
    const child = (suffix: string, incarnation: number, revision: number): agent.BirthRequest => ({
      ...request(suffix),
      level: 'shop.catalog',
      parent: 'shop',
      act: act('shop', epoch(revision)),
      incarnation,
    });
    const first = await host.birth(child('a', 3, 7));
    expect(first).toMatchObject({ adopted: false, incarnation: 3 });
    await expect(host.birth(child('b', 4, 6))).rejects.toThrow(/epoch/);
    expect(await host.birth(child('b', 3, 8))).toMatchObject({ adopted: true, incarnation: 3 });
    const next = await host.birth(child('b', 4, 8));
    expect(next).toMatchObject({ adopted: false, incarnation: 4 });
    expect(next.etcd.map(({ id }) => id)).toEqual(['mitosis-etcd-b0']);
    expect(host.runs('mitosis-etcd-a0')).toEqual([]);
  });

  it('uses a newer incarnation after a removal', async () => {
    await host.birth(request('a'));
    await host.purge('shop');
    expect(host.runs()).toEqual([]);
    expect(await host.birth(request('b'))).toMatchObject({ adopted: false, incarnation: 2 });
  });
});

const newest = (directory: string): number => {
  try {
    // The name is the time the snapshot was begun.
    const times = readdirSync(directory)
      .filter((name) => name.endsWith('.db'))
      .map((name) => Date.parse(name.slice(0, -3).replace(/T(\d+)-(\d+)-(\d+)-(\d+)Z/, 'T$1:$2:$3.$4Z')));
    return Math.max(0, ...times);
  } catch {
    return 0;
  }
};

const damage = (member: string): void => {
  truncateSync(join(member, 'member/snap/db'), 3_000);
  for (const name of readdirSync(join(member, 'member/wal'))) {
    const path = join(member, 'member/wal', name);
    const bytes = readFileSync(path);
    bytes.fill(0xff, 8, 400);
    writeFileSync(path, bytes);
  }
};
