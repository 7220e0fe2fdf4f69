/**
 * Where the programs of this installation are. The one place that knows how packages are laid out on disk: a program is
 * taken as one bundled file where the build made one, since a level starts about ten of them at its birth.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MitosisError, type Release } from '@mitosis/contracts';

type Env = Readonly<Record<string, string | undefined>>;

/** `dist/bundle/main.mjs` is made by deploy/bundle, `dist/main.js` by the compiler. */
const PROGRAM_FILES = ['dist/bundle/main.mjs', 'dist/main.js'];

/** The directory of this package, whether it runs from `dist`, from a bundle or from its sources. */
const cliDir = ((): string => {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json')) && dirname(dir) !== dir) dir = dirname(dir);
  return dir;
})();
/** Of a checkout: libs/cli lies two levels below it. */
const repository = join(cliDir, '..', '..');

const programOf = (name: string): string => {
  const dir = join(repository, 'services', name);
  const found = PROGRAM_FILES.map((file) => join(dir, file)).find((file) => existsSync(file));
  if (found === undefined)
    throw new MitosisError(
      'unavailable',
      `${name} is not built (${dir}): run \`pnpm build\`, then try again`,
    );
  return found;
};

/** Directories in which `npm start` puts an etcd of its own: of this checkout. */
const checkoutEtcdDir = join(repository, '.mitosis', 'tools', 'etcd', 'usr', 'bin');

/** Throws MitosisError `unavailable` that says what to install. */
export const findProgram = (name: 'etcd' | 'etcdctl', env: Env): string => {
  const told = env['MITOSIS_ETCD_BIN'];
  const toldDir =
    told === undefined || told === '' ? [] : [name === 'etcd' ? told : join(dirname(told), name)];
  const onPath = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, name));
  const found = [...toldDir, join(checkoutEtcdDir, name), ...onPath].find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new MitosisError(
    'unavailable',
    `${name} was not found: install etcd 3.4 or newer (apt-get install etcd-server etcd-client, brew install etcd), ` +
      'or name the program in MITOSIS_ETCD_BIN',
  );
};

const HASH_LENGTH = 8;
const contentHash = (files: readonly string[]): string => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, HASH_LENGTH);
};

export const resolveRelease = (env: Env): Release => {
  const manifest = JSON.parse(readFileSync(join(cliDir, 'package.json'), 'utf8')) as { version: string };
  const [manager, router, agent] = [programOf('mitosisd'), programOf('router'), programOf('agent')];
  return {
    // Two builds of one version are two releases: a developer's `up` after a build brings that build.
    version: `${manifest.version}+${contentHash([manager, router])}`,
    node: process.execPath,
    manager,
    router,
    agent,
    etcd: findProgram('etcd', env),
  };
};
