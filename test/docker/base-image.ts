/**
 * A base image for tests where nothing can be pulled: this machine's Node, a shell and the plain tools around it, with
 * the libraries they need, packed once and kept by its content. Must never hold anything of a user or of this machine's
 * configuration.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** What the name of every base image begins with; the rest is its content. */
const RECIPE = 1;
const CACHE = process.env['MITOSIS_TEST_CACHE'] || join(tmpdir(), 'm-images');
const TOOLS =
  'sh cat ls mkdir rm sleep echo env id touch chmod chown cp mv ln date head tail wc true false test printf grep sed stat hostname'.split(
    ' ',
  );
const OPTIONAL = ['tini'] as const;

export interface BaseImageOptions {
  /** Further programs of this machine, by name or path: `etcd`. */
  readonly programs?: readonly string[];
}

export interface BaseImage {
  /** Path of the tar to import. */
  readonly tar: string;
  /** Image name to import it as: the same content has the same name. */
  readonly name: string;
}

/** Makes the tar unless one of the same content is kept. Throws when a program is missing on this machine. */
export const baseImage = ({ programs = [] }: BaseImageOptions = {}): BaseImage => {
  const named = [...TOOLS, ...programs].map((name) => ({ name, path: programPath(name) }));
  const missing = named.filter(({ path }) => path === undefined).map(({ name }) => name);
  if (missing.length > 0) throw new Error(`a base image needs ${missing.join(', ')}: not on this machine`);
  const optional = OPTIONAL.map(programPath);
  const found = [...named.map(({ path }) => path), ...optional].filter((path) => path !== undefined);
  const files = [...new Set([process.execPath, ...found])];
  const key = keyOf(files);
  const tar = join(CACHE, `base-${key}.tar`);
  if (!existsSync(tar)) pack(files, tar);
  return { tar, name: `mitosis-test-base:${key}` };
};

const programPath = (name: string): string | undefined => {
  if (name.includes('/')) return existsSync(name) ? name : undefined;
  const path = `/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:${process.env['PATH'] ?? ''}`;
  return path
    .split(':')
    .map((folder) => join(folder, name))
    .find((candidate) => existsSync(candidate));
};

const keyOf = (files: readonly string[]): string => {
  const hash = createHash('sha256').update(`recipe ${RECIPE}\n`);
  for (const file of files) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${file} ${size} ${Math.floor(mtimeMs)}\n`);
  }
  return hash.digest('hex').slice(0, 12);
};

const pack = (files: readonly string[], tar: string): void => {
  mkdirSync(CACHE, { recursive: true });
  const root = mkdtempSync(join(CACHE, 'root-'));
  try {
    layOut(root);
    for (const file of files) install(root, file);
    for (const file of new Set(files.flatMap(librariesOf))) copyTo(root, file);
    // Beside it and then by name: two test runs may want it at once.
    const part = `${tar}.${process.pid}`;
    const made = spawnSync('tar', [
      '-C',
      root,
      '--numeric-owner',
      '--owner=0',
      '--group=0',
      '-cf',
      part,
      '.',
    ]);
    if (made.status !== 0) throw new Error(`tar failed: ${made.stderr.toString()}`);
    renameSync(part, tar);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
};

const layOut = (root: string): void => {
  for (const folder of [
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/lib64',
    'etc',
    'root',
    'proc',
    'sys',
    'dev',
    'run',
  ])
    mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ['tmp', 'var/tmp']) mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ['tmp', 'var/tmp']) spawnSync('chmod', ['1777', join(root, folder)]);
  for (const link of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${link}`, join(root, link));
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:node:/home/node:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  mkdirSync(join(root, 'home/node'), { recursive: true });
  spawnSync('chown', ['1000:1000', join(root, 'home/node')]);
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(certificates)) copyTo(root, certificates);
};

/** By its own name in /usr/bin, whatever link led to it here. */
const install = (root: string, file: string): void => {
  const name = file === process.execPath ? 'node' : basename(file);
  copyFileSync(realpathSync(file), join(root, 'usr/bin', name));
};

const copyTo = (root: string, file: string): void => {
  const target = join(root, file.startsWith('/lib') ? `/usr${file}` : file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(file), target);
};

const librariesOf = (file: string): readonly string[] => {
  if (readFileSync(file).subarray(0, 4).toString('latin1') !== '\u007fELF') return [];
  const listed = spawnSync('ldd', [file]).stdout.toString();
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
};
