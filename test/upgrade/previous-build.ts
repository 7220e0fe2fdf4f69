/**
 * The build to upgrade from: the newest earlier commit whose programs differ from this tree's, built from the history of
 * the clone into .mitosis/upgrade/<commit> (kept, so that it is built once). Where the history holds none (a shallow
 * clone, one commit), this tree itself is built there, and that is said. Either way its release carries another name.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../level/host.js';

const run = promisify(execFile);

export interface PreviousBuild {
  readonly cli: string;
  /** For the test's output: which commit, and how far back. */
  readonly what: string;
}

/** What a level's programs are made of. */
const PROGRAMS = [
  'libs',
  'services',
  'deploy/bundle',
  'pnpm-lock.yaml',
  ':(exclude)*.spec.ts',
  ':(exclude)*.testing.ts',
];
/** Commits before this file cannot be told which release is wanted. */
const MECHANISM = 'services/health/src/decide/stand-down.ts';
const BACK_MAX = 200;
const BUILD_MS = 8 * 60_000;

const git = async (...args: readonly string[]): Promise<string> =>
  (await run('git', ['-C', REPOSITORY, ...args], { maxBuffer: 64 * 1024 * 1024 })).stdout.trim();

const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

/** MITOSIS_UPGRADE_FROM names another commit. */
export const previousBuild = async (): Promise<PreviousBuild> => {
  const told = process.env['MITOSIS_UPGRADE_FROM'] ?? '';
  const commit = told === '' ? await newestOther() : await git('rev-parse', told);
  if (commit !== undefined) return { cli: await built(commit), what: `commit ${commit.slice(0, 10)}` };
  const head = await git('rev-parse', 'HEAD');
  return {
    cli: await built(head),
    what: `commit ${head.slice(0, 10)} itself, for the history of this clone holds no earlier one`,
  };
};

const newestOther = async (): Promise<string | undefined> => {
  const commits = (await git('rev-list', '--first-parent', `--max-count=${BACK_MAX}`, 'HEAD')).split('\n');
  for (const commit of commits.slice(1)) {
    if (!(await succeeds(git('cat-file', '-e', `${commit}:${MECHANISM}`)))) return undefined;
    if (!(await succeeds(git('diff', '--quiet', commit, 'HEAD', '--', ...PROGRAMS)))) return commit;
  }
  return undefined;
};

const built = async (commit: string): Promise<string> => {
  const directory = join(REPOSITORY, '.mitosis', 'upgrade', commit.slice(0, 12));
  const cli = join(directory, 'libs/cli/bin/mitosis.mjs');
  if (existsSync(join(directory, '.built'))) return cli;
  const making = `${directory}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const archive = join(making, 'tree.tar');
  await git('archive', `--output=${archive}`, commit);
  await run('tar', ['-xf', archive, '-C', making]);
  rmSync(archive);
  // Also where the difference is nothing a build keeps: another release all the same.
  renameRelease(join(making, 'libs/cli/package.json'));
  // In its final place: links between packages and bundles are made with paths.
  rmSync(directory, { recursive: true, force: true });
  renameSync(making, directory);
  const env = { ...process.env, CI: 'true', TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
  const options = { cwd: directory, env, timeout: BUILD_MS, maxBuffer: 64 * 1024 * 1024 };
  await run('pnpm', ['install', '--frozen-lockfile', '--prefer-offline'], options);
  const filters = ['mitosisd', 'router', 'agent', 'cli'].map((name) => `--filter=@mitosis/${name}`);
  await run('pnpm', ['exec', 'turbo', 'run', 'build', ...filters], options);
  writeFileSync(join(directory, '.built'), commit);
  return cli;
};

const renameRelease = (manifest: string): void => {
  const content = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>;
  writeFileSync(
    manifest,
    JSON.stringify({ ...content, version: `${String(content['version'])}-previous` }, null, 2),
  );
};
