/**
 * Two adjacent builds in one level: brought up by the one, rolled to the other by its `mitosis up`, and back, under a
 * constant load of idempotent requests. In between, managers and routers of both serve the same level.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
const host = new Host({ SHOP_PORT: String(port) });
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
  afterAll(() => host.dispose());

  const roll = async (cli: string): Promise<void> => {
    const [before] = [...(await releases()).values()].flatMap((set) => [...set]);
    const mixed = new Set<string>();
    const load = startLoad(`http://127.0.0.1:${port}/`, RATE);
    host.cli = cli;
    const up = await host.mitosis('up', COMPOSE);
    expect(up.code, up.stderr).toBe(0);
    await until(
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

  it('roll to the newer one without a failed request', () => roll(present), ROLL_MS * 2);

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
