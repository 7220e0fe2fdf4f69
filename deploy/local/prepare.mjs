/**
 * From a clean clone to a built tree with nothing but Node and npm: pnpm (pinned, kept inside the repository),
 * dependencies, etcd, build. What is up to date is skipped; nothing outside the repository is changed.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureEtcd, prependPath } from './etcd.mjs';
import { probe, root, run, stamp, stampOf, step, StepError, toolsDir } from './steps.mjs';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const pnpmVersion = String(manifest.packageManager)
  .replace(/^pnpm@/u, '')
  .replace(/\+.*$/u, '');
const pnpmBin = join(toolsDir, 'node_modules', '.bin');

const checkNode = async () => {
  const wanted = String(manifest.engines.node).match(/>=(\d+)\.(\d+)/u);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = [Number(wanted?.[1]), Number(wanted?.[2])];
  if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor))
    throw new StepError(
      `Node ${process.versions.node} is too old`,
      `install Node ${wantedMajor}.${wantedMinor} or newer (https://nodejs.org)`,
    );
  return process.versions.node;
};

/** The directory to put on the PATH for the pinned pnpm; '' when the PATH has just that version. */
const ensurePnpm = async () => {
  // Asked outside the repository: inside, another version would fetch the pinned one to the user's home and answer for it.
  const onPath = await probe('pnpm', ['--version'], { cwd: tmpdir() });
  if (onPath?.trim() === pnpmVersion) return { text: `${pnpmVersion}, on the PATH`, binDir: '' };
  const own = existsSync(join(pnpmBin, 'pnpm'))
    ? await probe(join(pnpmBin, 'pnpm'), ['--version'], { cwd: tmpdir() })
    : undefined;
  if (own?.trim() === pnpmVersion) return { text: `${pnpmVersion}, in .mitosis/tools`, binDir: pnpmBin };
  mkdirSync(toolsDir, { recursive: true });
  const flags = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  await run('pnpm', 'npm', ['install', '--prefix', toolsDir, ...flags, `pnpm@${pnpmVersion}`], {
    remedy:
      'npm could not install pnpm: check the network and `npm config get registry`, then run this again',
  });
  return { text: `${pnpmVersion}, installed to .mitosis/tools`, binDir: pnpmBin };
};

/** Every directory a workspace package may lie in. */
const PACKAGE_DIRS = ['.', 'libs', 'services', 'examples', 'deploy', 'test'];

const manifestFiles = () =>
  PACKAGE_DIRS.flatMap((dir) => {
    const below = dir === '.' ? [] : existsSync(join(root, dir)) ? readdirSync(join(root, dir)).sort() : [];
    return [join(dir, 'package.json'), ...below.map((name) => join(dir, name, 'package.json'))];
  });

/** Changes exactly when an install would: lock file, workspace file, every manifest. */
const dependencyHash = () => {
  const hash = createHash('sha256');
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc', ...manifestFiles()])
    if (existsSync(join(root, file))) hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.update(process.version).digest('hex');
};

/** @param {Record<string, string>} env */
const installDependencies = async (env) => {
  const wanted = dependencyHash();
  if (stampOf('install') === wanted && existsSync(join(root, 'node_modules', '.modules.yaml')))
    return 'up to date';
  await run('install', 'pnpm', ['install', '--frozen-lockfile'], {
    // No questions: with CI set, pnpm replaces a node_modules of another layout without asking.
    env: { ...env, CI: 'true' },
    remedy: 'dependencies could not be installed: check the network, then run this again',
  });
  stamp('install', wanted);
  return 'installed';
};

/** @param {Record<string, string>} env */
const build = async (env) => {
  const output = await run('build', 'pnpm', ['build'], {
    env: { ...env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
    remedy: 'the sources do not compile: fix the errors above, then run this again',
  });
  // `.ci/run` waits for it, to run beside the tests what needs the build as well.
  stamp('build', new Date().toISOString());
  return output.includes('FULL TURBO') ? 'up to date' : 'built';
};

/**
 * Does all steps and answers the environment in which pnpm, etcd and the built commands are found.
 * @returns {Promise<Record<string, string>>}
 */
export const prepare = async () => {
  let path = process.env.PATH ?? '';
  const env = () => ({ PATH: path });
  await step('node', 'checking', checkNode);
  await step('pnpm', 'looking', async () => {
    const pnpm = await ensurePnpm();
    path = prependPath(pnpm.binDir, path);
    return pnpm.text;
  });
  await step('packages', 'installing', () => installDependencies(env()));
  await step('etcd', 'looking', async () => {
    const etcd = await ensureEtcd();
    path = prependPath(etcd.binDir, path);
    return etcd.text;
  });
  await step('build', 'compiling', () => build(env()));
  return env();
};
