/**
 * The shop under `mitosis up`, and every kind of process killed in turn under a constant load of idempotent requests.
 * After each kill: the level converges, the process list is exactly the instance graph, no connection was refused and
 * no request failed after one retry of a connection error.
 */
import { rmSync, truncateSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { SERVICES, type FunctionName } from '@mitosis/contracts';
import { Host, REPOSITORY, type LevelView } from '../level/host.js';
import { startLoad, type Load } from '../level/load.js';
import { killProcesses } from '../level/processes.js';
import { until } from '../level/until.js';

const LEVELS = ['shop', 'shop.catalog'] as const;
const COMPOSE = join(REPOSITORY, 'examples/shop/compose.yaml');
const RATE = 30;
/** Requests wait for so long while nothing serves and somebody brings it back. */
const BROUGHT_BACK_MS = 30_000;

const kill = (pid: number): void => void process.kill(pid, 'SIGKILL');

describe('the shop', () => {
  const port = 18_080 + (process.pid % 900);
  const host = new Host({ SHOP_PORT: String(port) });
  const url = `http://127.0.0.1:${port}/`;
  let load: Load;

  beforeAll(async () => {
    const up = await host.mitosis('up', COMPOSE);
    expect(up.stderr + up.stdout).toContain('ready');
    expect(up.code).toBe(0);
    await host.converged(LEVELS);
  });
  afterAll(async () => {
    await host.dispose();
  });

  beforeEach(() => {
    load = startLoad(url, RATE);
  });
  afterEach(async () => {
    await load.stop();
  });

  const views = (): Promise<readonly LevelView[]> => Promise.all(LEVELS.map((name) => host.level(name)));
  const pidsOf = (
    predicate: (found: { instance: string; level: string; command: string }) => boolean,
  ): number[] =>
    host
      .processes()
      .filter(predicate)
      .map((found) => found.pid);

  const instancePids = (): Set<number> => new Set(pidsOf((found) => found.instance !== ''));
  const applicationPids = (): Set<number> =>
    new Set(pidsOf((found) => found.instance !== '' && !found.instance.startsWith('mitosis-')));

  /** Nothing a careful client would notice; resets at most those in flight at the moment of the kill. */
  async function expectUnharmed(inFlight: number): Promise<void> {
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
    expect(counts.refused).toBe(0);
    expect(counts.resets).toBeLessThanOrEqual(inFlight);
    expect(counts.ok).toBeGreaterThan(0);
  }

  async function killAndConverge(pids: readonly number[]): Promise<number> {
    expect(pids.length).toBeGreaterThan(0);
    const inFlight = load.inFlight();
    pids.forEach(kill);
    await until('the killed processes are gone', () => pids.every(gone) || undefined, 5_000, 5);
    await host.converged(LEVELS);
    return inFlight;
  }

  it('answers through its entry', async () => {
    await until('twenty answers', () => load.counts.ok > 20 || undefined, 10_000);
    await expectUnharmed(0);
  });

  it('replaces an instance killed with its shim', async () => {
    const [shop] = await views();
    const web = shop!.graph.instances.filter(
      (instance) => instance.component === 'web' && instance.phase === 'ready',
    );
    expect(web.length).toBeGreaterThanOrEqual(2);
    await killAndConverge(pidsOf((found) => found.instance === web[0]!.id));
    const [after] = await views();
    expect(after!.graph.instances.map((instance) => instance.id)).not.toContain(web[0]!.id);
    await expectUnharmed(0);
  });

  it('replaces an instance of which only the main process was killed', async () => {
    const [shop] = await views();
    const victim = shop!.graph.instances.find((one) => one.component === 'web' && one.phase === 'ready')!;
    const status = shop!.agentSays.find((one) => one.id === victim.id)!;
    await killAndConverge([status.pid]);
    await expectUnharmed(0);
  });

  for (const fn of Object.keys(SERVICES) as FunctionName[]) {
    for (const level of LEVELS) {
      it(`goes on when the leader of ${fn} of ${level} is killed`, async () => {
        const view = await host.level(level);
        const leader = view.directory.leaders.find((one) => one.function === fn)!;
        const inFlight = await killAndConverge(pidsOf((found) => found.instance === leader.replica));
        const after = await until(
          'a leader',
          async () => (await host.level(level)).directory.leaders.find((one) => one.function === fn),
          10_000,
        );
        expect(after.epoch?.revision).toBeGreaterThan(leader.epoch?.revision ?? 0);
        await expectUnharmed(fn === 'router' ? inFlight : 0);
      });
    }
  }

  it('goes on when followers are killed', async () => {
    for (const view of await views()) {
      const leads = new Set(view.directory.leaders.map((leader) => leader.replica));
      const followers = view.directory.members.filter((member) => !leads.has(member.replica));
      if (followers.length > 0) {
        await killAndConverge(
          pidsOf((found) => followers.some((member) => member.replica === found.instance)),
        );
      }
    }
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
    expect(counts.refused).toBe(0);
  });

  it('brings an etcd member back in place while requests go on', async () => {
    for (const level of LEVELS) {
      await killAndConverge(
        pidsOf((found) => found.level === level && found.instance.startsWith('mitosis-etcd')),
      );
    }
    await expectUnharmed(0);
  });

  it('brings a whole child level back', async () => {
    await killAndConverge(pidsOf((found) => found.level === 'shop.catalog'));
    const counts = await load.stop();
    // Every instance of the child was the only one of its kind at that moment; the rest of the page must still answer.
    expect(counts.refused).toBe(0);
  });

  it('brings all management back at once', async () => {
    const inFlight = await killAndConverge(pidsOf((found) => found.instance.startsWith('mitosis-')));
    await expectUnharmed(inFlight);
  });

  it('starts the agent again, which adopts what runs and still holds the entry', async () => {
    const before = instancePids();
    const agent = pidsOf((found) => found.instance === '' && found.command.includes('agent'));
    await killAndConverge(agent);
    // The autoscaler may have added to them in the meantime.
    expect([...before].filter((pid) => !instancePids().has(pid))).toEqual([]);
    await expectUnharmed(0);
  });

  it('is brought back by `mitosis up` after agent and management died together', async () => {
    // On a slow machine this takes as long as requests wait elsewhere.
    await load.stop();
    load = startLoad(url, RATE, { timeoutMs: BROUGHT_BACK_MS });
    await until('twenty answers', () => load.counts.ok > 20 || undefined, 10_000);
    const before = applicationPids();
    pidsOf((found) => found.instance.startsWith('mitosis-') || found.command.includes('agent')).forEach(kill);
    const up = await host.mitosis('up', COMPOSE);
    expect(up.code, up.stderr).toBe(0);
    await host.converged(LEVELS);
    // All that ran is adopted. The requests that waited meanwhile may have earned themselves one more.
    const after = applicationPids();
    expect([...before].filter((pid) => !after.has(pid))).toEqual([]);
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
  });

  it('survives a truncated state file', async () => {
    await load.stop();
    await until('everything is down', () => killProcesses(host.home) || undefined, 10_000);
    const truncated = stateFiles(host.home);
    expect(truncated.length).toBeGreaterThan(0);
    for (const file of truncated.slice(0, 1)) truncateSync(file, Math.floor(statSync(file).size / 2));
    const up = await host.mitosis('up', COMPOSE);
    expect(up.code, up.stderr).toBe(0);
    await host.converged(LEVELS);
    load = startLoad(url, RATE);
    await until('twenty answers', () => load.counts.ok > 20 || undefined, 10_000);
    await expectUnharmed(0);
  });

  it('leaves nothing after `mitosis down`, also when etcd is dead', async () => {
    await load.stop();
    pidsOf((found) => found.instance.startsWith('mitosis-etcd')).forEach(kill);
    const down = await host.mitosis('down', 'shop');
    expect(down.code, down.stderr).toBe(0);
    await until('no process is left', () => host.processes().length === 0 || undefined, 15_000);
    rmSync(host.home, { recursive: true, force: true });
  });
});

const gone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

/** The JSON files of the agent, newest first. */
function stateFiles(home: string): string[] {
  return readdirSync(home, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(home, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
}
