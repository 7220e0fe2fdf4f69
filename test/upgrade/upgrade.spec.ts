/**
 * Two adjacent builds in one level: brought up by the one, rolled to the other by its `mitosis up`, and back, under a
 * constant load of idempotent requests. In between, managers and routers of both serve the same level.
 */
import { copyFileSync, existsSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programHash } from '@mitosis/actuators';
import { MANAGEMENT_COMPONENTS } from '@mitosis/contracts';
import { Host, REPOSITORY } from '../level/host.js';
import { startLoad } from '../level/load.js';
import { until } from '../level/until.js';
import { previousBuild } from './previous-build.js';

const LEVELS = ['shop', 'shop.catalog'] as const;
const COMPOSE = join(REPOSITORY, 'examples/shop/compose.yaml');
const RATE = 20;
const BUILD_MS = 10 * 60_000;
const ROLL_MS = 120_000;

const port = 17_080 + (process.pid % 900);
const env: Record<string, string> = { SHOP_PORT: String(port) };
const host = new Host(env);
/** Another etcd to the programs, whatever its version: they are told apart by their place. */
const otherEtcd = mkdtempSync('/tmp/m-e');
const present = host.cli;

/** A router's version is its release and the hash of its sockets. */
const releaseOf = ({
  component,
  version,
}: {
  readonly component: string;
  readonly version: string;
}): string => (component === MANAGEMENT_COMPONENTS.router ? version.replace(/\+[0-9a-f]{8}$/u, '') : version);

/** Managers and routers that run and are healthy, by level and component: which releases there are among them. */
const releases = async (): Promise<ReadonlyMap<string, ReadonlySet<string>>> => {
  const found = new Map<string, Set<string>>();
  for (const { level, management } of await host.levels())
    for (const one of management) {
      if (one.component === MANAGEMENT_COMPONENTS.etcd || one.health !== 'healthy') continue;
      const key = `${level} ${one.component}`;
      found.set(key, (found.get(key) ?? new Set<string>()).add(releaseOf(one)));
    }
  return found;
};

interface Standing {
  readonly agent: { readonly pid: number; readonly program: string };
  /** Pids by id. */
  readonly application: ReadonlyMap<string, number>;
  readonly etcd: ReadonlyMap<
    string,
    { readonly pid: number; readonly ports: Readonly<Record<string, number>> }
  >;
}

/** What is no manager and no router. */
const standing = async (): Promise<Standing> => {
  const { pid, program } = await host.hello();
  const all = (await Promise.all(LEVELS.map((level) => host.level(level)))).flatMap(
    ({ agentSays }) => agentSays,
  );
  return {
    agent: { pid, program },
    application: new Map(
      all.filter((one) => one.class === 'application').map((one) => [one.id, one.pid] as const),
    ),
    etcd: new Map(
      all
        .filter((one) => one.component === MANAGEMENT_COMPONENTS.etcd)
        .map((one) => [one.id, { pid: one.pid, ports: one.ports }] as const),
    ),
  };
};

describe('two adjacent builds of the management', () => {
  let previous = '';
  beforeAll(async () => {
    const build = await previousBuild();
    console.log(`upgrades from ${build.what}`);
    previous = build.cli;
    host.cli = previous;
    const up = await host.mitosis('up', COMPOSE);
    expect(up.code, up.stderr).toBe(0);
    await host.converged(LEVELS);
  }, BUILD_MS);
  afterAll(async () => {
    await host.dispose();
    rmSync(otherEtcd, { recursive: true, force: true });
  });

  const roll = async (cli: string): Promise<void> => {
    const [before] = [...(await releases()).values()].flatMap((set) => [...set]);
    const mixed = new Set<string>();
    const load = startLoad(`http://127.0.0.1:${port}/`, RATE);
    host.cli = cli;
    // Watched from the beginning: on a quick machine the roll is over when `up` returns.
    const rolled = until(
      'every manager and router is of the other release',
      async () => {
        const now = await releases();
        for (const [key, set] of now) if (set.size > 1) mixed.add(key);
        const all = new Set([...now.values()].flatMap((set) => [...set]));
        return (all.size === 1 && !all.has(before ?? '')) || undefined;
      },
      ROLL_MS,
      50,
    );
    rolled.catch(() => undefined);
    const up = await host.mitosis('up', COMPOSE);
    expect(up.code, up.stderr).toBe(0);
    await rolled;
    await host.converged(LEVELS);
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
    expect(counts.refused).toBe(0);
    expect(counts.ok).toBeGreaterThan(0);
    // Both releases managed, and both carried requests, at the same time, in the level and in its child.
    for (const level of LEVELS)
      for (const component of [MANAGEMENT_COMPONENTS.manager, MANAGEMENT_COMPONENTS.router])
        expect(mixed, `${level} ${component}`).toContain(`${level} ${component}`);
  };

  it(
    'roll to the newer one without a failed request: managers, routers, the agent and each etcd member',
    async () => {
      const before = await standing();
      for (const name of ['etcd', 'etcdctl']) {
        const from = (process.env['PATH'] ?? '').split(':').map((folder) => join(folder, name));
        copyFileSync(from.find((path) => existsSync(path)) ?? name, join(otherEtcd, name));
      }
      env['MITOSIS_ETCD_BIN'] = join(otherEtcd, 'etcd');
      await roll(present);
      const after = await standing();
      // Replaced where the two builds' agents differ, and then by this build's.
      expect(after.agent.program).toBe(programHash(join(REPOSITORY, 'services/agent/dist/bundle/main.mjs')));
      expect(after.agent.pid !== before.agent.pid).toBe(after.agent.program !== before.agent.program);
      // What the old agent started is the new one's, untouched.
      const kept = [...before.application].filter(([id]) => after.application.has(id));
      expect(kept.length).toBeGreaterThan(2);
      for (const [id, pid] of kept) expect(after.application.get(id), id).toBe(pid);
      // Every member of every level: the same one, at its ports, another process of the other program.
      expect([...after.etcd.keys()]).toEqual([...before.etcd.keys()]);
      expect(after.etcd.size).toBe(LEVELS.length);
      for (const [id, { pid, ports }] of after.etcd) {
        expect(ports).toEqual(before.etcd.get(id)?.ports);
        expect(readlinkSync(`/proc/${pid}/exe`), id).toBe(env['MITOSIS_ETCD_BIN']);
      }
    },
    ROLL_MS * 2,
  );

  it('leaves everything as it is when the same is brought up again', async () => {
    const before = await standing();
    const up = await host.mitosis('up', COMPOSE);
    expect(up.code, up.stderr).toBe(0);
    const after = await standing();
    expect([after.agent, after.etcd]).toEqual([before.agent, before.etcd]);
  });

  it('obey the newer one: a count set by hand is carried out', async () => {
    expect((await host.mitosis('scale', 'shop', 'web=3')).code).toBe(0);
    await until(
      'three instances of web',
      async () => {
        const { graph } = await host.level('shop');
        const ready = graph.instances.filter(
          ({ component, phase }) => component === 'web' && phase === 'ready',
        );
        return ready.length === 3 || undefined;
      },
      30_000,
    );
  });

  it('roll back to the older one without a failed request', () => roll(previous), ROLL_MS * 2);
});
