/**
 * Finds etcd, or fetches Debian's package and unpacks it below `.mitosis/tools/etcd`. The system stays as it is: nothing
 * is installed, no service is started or touched, no root is needed.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { probe, run, StepError, toolsDir } from './steps.mjs';

const PACKAGES = ['etcd-server', 'etcd-client'];
const REMEDY =
  'install etcd 3.4 or newer so that `etcd` and `etcdctl` are on the PATH ' +
  '(macOS: brew install etcd; Fedora: dnf install etcd; others: https://github.com/etcd-io/etcd/releases), then run this again';

const ownBin = join(toolsDir, 'etcd', 'usr', 'bin');

/** @param {string} dir */
const versionIn = async (dir) => {
  const etcd = dir === '' ? 'etcd' : join(dir, 'etcd');
  const text = await probe(etcd, ['--version']);
  const version = text?.match(/etcd Version: (\d+)\.(\d+)\.(\d+)/u);
  if (version === undefined || version === null) return undefined;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  const etcdctl = await probe(dir === '' ? 'etcdctl' : join(dir, 'etcdctl'), ['version']);
  if (etcdctl === undefined) return undefined;
  return major === 3 && minor >= 4 ? version.slice(1).join('.') : undefined;
};

/** apt-get with state of its own, so that it needs no rights and changes nothing. @param {string} dir */
const privateApt = (dir) => {
  const lists = join(dir, 'lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(join(dir, 'cache', 'archives', 'partial'), { recursive: true });
  return [
    ['-o', `Dir::State::Lists=${lists}`],
    ['-o', `Dir::Cache=${join(dir, 'cache')}`],
    ['-o', 'APT::Sandbox::User='],
  ].flat();
};

/** @param {string} dir */
const download = async (dir) => {
  const remedy = `the Debian packages ${PACKAGES.join(' and ')} could not be downloaded; check the network, or ${REMEDY}`;
  const sandbox = ['-o', 'APT::Sandbox::User='];
  try {
    await run('etcd-download', 'apt-get', [...sandbox, 'download', ...PACKAGES], { cwd: dir });
  } catch {
    // The machine's package lists are missing or older than the mirror: fetch them to a place of our own.
    const apt = privateApt(join(dir, 'apt'));
    await run('etcd-update', 'apt-get', [...apt, 'update'], { cwd: dir, remedy });
    await run('etcd-download', 'apt-get', [...apt, 'download', ...PACKAGES], { cwd: dir, remedy });
  }
};

const fetchDebian = async () => {
  const work = join(toolsDir, 'etcd.partial');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  await download(work);
  const unpacked = join(work, 'unpacked');
  for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
    await run('etcd-unpack', 'dpkg-deb', ['-x', join(work, file), unpacked], { remedy: REMEDY });
  rmSync(join(toolsDir, 'etcd'), { recursive: true, force: true });
  renameSync(unpacked, join(toolsDir, 'etcd'));
  rmSync(work, { recursive: true, force: true });
};

/**
 * Makes etcd available; answers the text of the step and the directory to put on the PATH ('' when it is there already).
 * @returns {Promise<{ text: string, binDir: string }>}
 */
export const ensureEtcd = async () => {
  const onPath = await versionIn('');
  if (onPath !== undefined) return { text: `${onPath}, on the PATH`, binDir: '' };
  if (existsSync(ownBin)) {
    const own = await versionIn(ownBin);
    if (own !== undefined) return { text: `${own}, in .mitosis/tools`, binDir: ownBin };
  }
  if ((await probe('apt-get', ['--version'])) === undefined)
    throw new StepError('etcd was not found (3.4 or newer, with etcdctl)', REMEDY);
  await fetchDebian();
  const fetched = await versionIn(ownBin);
  if (fetched === undefined)
    throw new StepError('the etcd of this machine’s packages is missing or older than 3.4', REMEDY);
  return { text: `${fetched}, fetched to .mitosis/tools`, binDir: ownBin };
};

/** @param {string} dir @param {string} path */
export const prependPath = (dir, path) => (dir === '' ? path : `${dir}${delimiter}${path}`);
