/**
 * Follows docs/adding-a-service.md in a copy of the repository: the scaffold as it stands builds, passes its tests, is in the
 * deploy files and elected on its own; with the page's code it holds a real level under load at its budget, and lets go.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { DecisionRecord } from '@mitosis/contracts';
import { TestEtcd } from '@mitosis/coordination/testing';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Host, REPOSITORY, type CommandResult } from '../level/host.js';
import { startLoad, type Load } from '../level/load.js';
import { until } from '../level/until.js';
import { blocksOf, CopiedRepository, wordsOf, type Block } from './copied-repository.js';

const NAME = 'cost-watcher';
const BOUND_MS = 60_000;
const PAGE = readFileSync(join(REPOSITORY, 'docs/adding-a-service.md'), 'utf8');
const BLOCKS = blocksOf(PAGE);
const SHELL_LINES = BLOCKS.filter(({ language }) => language === 'sh').map(({ text }) =>
  text.trim().split('\n'),
);
const FILES: readonly Block[] = BLOCKS.filter(({ file }) => file !== '');
const [[create = ''] = [], afterwards = [], [alone = ''] = [], again = [], [up = ''] = [], ...later] =
  SHELL_LINES;
const [[explain = ''] = [], [kill = ''] = [], [raise = ''] = []] = later;

const freePort = (offset: number): number => 19_800 + offset * 50 + (process.pid % 47);

describe('docs/adding-a-service.md', { timeout: 300_000 }, () => {
  const copy = new CopiedRepository();
  const state = mkdtempSync('/tmp/m-');
  const children: ChildProcess[] = [];
  let etcd: TestEtcd | undefined;
  let host: Host | undefined;
  let load: Load | undefined;

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(async () => {
    await load?.stop();
    await host?.dispose();
    await etcd?.stop();
    copy.dispose();
    rmSync(state, { recursive: true, force: true });
  });

  it('has a page that is followed from its first command to its last', () => {
    expect(SHELL_LINES).toHaveLength(8);
    expect(FILES.map(({ file }) => file)).toEqual(
      ['.ts', '.spec.ts'].map((end) => `services/${NAME}/src/decide/decide-${NAME}${end}`),
    );
    expect(BLOCKS).toHaveLength(SHELL_LINES.length + FILES.length);
  });

  it('scaffolds what builds, passes its tests and is in every deploy file', async () => {
    const [install = '', ...others] = afterwards;
    expect(install).toBe('pnpm install');
    // What a person has done before: the page says so.
    await copy.type(install, '--frozen-lockfile', '--prefer-offline');
    const made = await mitosisOf(REPOSITORY, copy.root, create);
    expect(made.stderr).toBe('');
    expect(made.stdout.split('\n').map((line) => line.trim())).toEqual(
      expect.arrayContaining([...afterwards]),
    );
    await copy.type(install, '--frozen-lockfile', '--prefer-offline');
    let tests = '';
    for (const line of others) tests = await copy.type(line);
    expect(tests).toMatch(/decide-cost-watcher\.spec\.ts/);
    // It loops over the one list: deployed, scraped and described.
    expect(tests).toMatch(/deploy\/generate\/src\/files\.spec\.ts/);
    await copy.type(`pnpm exec oxfmt --check services/${NAME} services/mitosisd libs/contracts/src`);
    await copy.type(`pnpm exec oxlint services/${NAME} services/mitosisd`);

    const compose = parse(copy.read('deploy/compose/docker-compose.yml')) as { readonly services: object };
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining([`${NAME}-1`, `${NAME}-2`]));
    expect(copy.read('deploy/prometheus/prometheus.yml')).toContain(`mitosis-${NAME}`);
    expect(copy.read(`deploy/kubernetes/${NAME}.yaml`)).toContain('kind: Deployment');
    expect(copy.read(`docs/services/${NAME}.md`)).toContain('MITOSIS_COST_WATCHER_PERIOD_MS');
    expect(copy.read('docs/services/list.md')).toContain(
      'holds scale-out where the reserve of the budget begins',
    );
  });

  it('runs alone, elected: when its leader is killed, another replica leads', async () => {
    etcd = await TestEtcd.start();
    const { url } = etcd;
    const words = wordsOf(alone);
    const program = words.slice(words.indexOf('node') + 1);
    const told = Object.fromEntries(
      words.slice(0, words.indexOf('node')).map((word) => word.split('=') as [string, string]),
    );
    const start = (index: number): { readonly child: ChildProcess; readonly port: number } => {
      const port = freePort(index);
      const env = { ...told, MITOSIS_ETCD: url, MITOSIS_HTTP_PORT: String(port), MITOSIS_HOME: state };
      const child = spawn(process.execPath, [...program], {
        cwd: copy.root,
        env: { PATH: process.env['PATH'], ...env },
        stdio: 'ignore',
      });
      children.push(child);
      return { child, port };
    };
    const first = start(0);
    await until('the first replica leads', () => leads(first.port), BOUND_MS);
    const second = start(1);
    await until('the second replica is ready', () => isReady(second.port), BOUND_MS);
    expect(await leads(second.port)).toBeUndefined();
    first.child.kill('SIGKILL');
    await until('the second replica leads', () => leads(second.port), BOUND_MS);
  });

  it('with the code of the page builds and passes its tests', async () => {
    for (const { file, text } of FILES) copy.write(file, text);
    let tests = '';
    for (const line of again) tests = await copy.type(line);
    expect(tests).toMatch(/decide-cost-watcher\.spec\.ts/);
    await copy.type(`pnpm exec oxfmt --check services/${NAME}`);
    await copy.type(`pnpm exec oxlint services/${NAME}`);
  });

  it('holds a level under load at its budget, heals there, outlives its leader, and lets go for more money', async () => {
    const port = freePort(3);
    host = new Host({ BUDGET_PORT: String(port) }, join(copy.root, 'libs/cli/bin/mitosis.mjs'), copy.root);
    const own = host;
    await typed(own, up);
    const before = await leaderOf(own);
    load = startLoad(`http://127.0.0.1:${port}/`, 60);

    const held = await until('scale-out is held', () => holdOf(own), BOUND_MS);
    expect(held.reason).toMatch(
      /held at 3 by cost-watcher: the budget of 0\.40 an hour, less a quarter in reserve, has room for web 3$/,
    );
    const explained = await typed(own, explain);
    expect(explained.stdout).toMatch(/hold web 3, not \d.*held at 3 by cost-watcher/);
    expect(explained.stdout).toMatch(/because\s+.*cost-watcher\s+ceiling up to web 3/);
    await until('three run', async () => (await webs(own)).length === 3 || undefined, BOUND_MS);

    const [victim = ''] = await webs(own);
    await typed(own, `mitosis kill budget ${victim}`);
    await until('it is replaced', () => replaced(own, victim), BOUND_MS);

    await typed(own, kill);
    await until(
      'another replica leads',
      async () => {
        const now = await leaderOf(own);
        return now === '' || now === before ? undefined : now;
      },
      BOUND_MS,
    );
    expect(await webs(own)).toHaveLength(3);

    await typed(own, raise);
    await until('five run', async () => (await webs(own)).length === 5 || undefined, BOUND_MS);
    const counts = await load.stop();
    expect(counts.failures).toEqual([]);
  });
});

/** A command line of the page on a level of its own; variables before it are handed on. */
async function typed(host: Host, line: string): Promise<CommandResult> {
  const words = wordsOf(line);
  const at = words.indexOf('mitosis');
  const env = Object.fromEntries(words.slice(0, at).map((word) => word.split('=') as [string, string]));
  const said = await host.mitosisWith(env, ...words.slice(at + 1));
  expect([line, said.code, said.stderr]).toEqual([line, 0, expect.any(String)]);
  return said;
}

/** The command of a repository, run in a folder without any level. */
async function mitosisOf(repository: string, cwd: string, line: string): Promise<CommandResult> {
  const [, ...args] = wordsOf(line);
  const host = new Host({}, join(repository, 'libs/cli/bin/mitosis.mjs'), cwd);
  try {
    return await host.mitosis(...args);
  } finally {
    rmSync(host.home, { recursive: true, force: true });
  }
}

async function leads(port: number): Promise<true | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${port}/status`)).text();
  return text.includes('"leading":true') || undefined;
}

async function isReady(port: number): Promise<true | undefined> {
  return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok || undefined;
}

async function leaderOf(host: Host): Promise<string> {
  const { directory } = await host.level('budget');
  return directory.leaders.find((leader) => leader.function === NAME)?.replica ?? '';
}

async function webs(host: Host): Promise<readonly string[]> {
  const { graph } = await host.level('budget');
  return graph.instances
    .filter(({ component, phase }) => component === 'web' && phase === 'ready')
    .map(({ id }) => id);
}

async function replaced(host: Host, victim: string): Promise<true | undefined> {
  const now = await webs(host);
  return (now.length === 3 && !now.includes(victim)) || undefined;
}

async function holdOf(host: Host): Promise<DecisionRecord | undefined> {
  const { stdout } = await host.mitosis('decisions', 'budget', '--function', 'autoscaler', '--json');
  const { decisions } = JSON.parse(stdout) as { readonly decisions: readonly DecisionRecord[] };
  return decisions.find(({ action, change }) => action === 'hold' && change.startsWith('3, not'));
}
