/** `mitosis new service`: reads the repository, puts the texts together and adds them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FUNCTION_NAMES } from '@mitosis/contracts';
import { checkedName } from './names.js';
import { addTo, filesBelow, packageNames, repositoryOf } from './repository.js';
import { registrations, serviceFiles } from './service.template.js';

/** A word of Kubernetes may have 63; with room for a replica's number, and a line of code. */
const NAME_MAX = 32;
/** Roles in certificates, a page of its own in docs/services, or the tests' package. */
const RESERVED = ['manager', 'etcd', 'operator', 'readme', 'list', 'test', 'new-service'];
const LIKE = 'services/placer';
const TEMPLATE = 'libs/cli/templates/service';
export const DEFAULT_SUMMARY = 'how many instances of each component are ready';

export interface NewService {
  readonly name: string;
  /** What was written, relative to the repository. */
  readonly files: readonly string[];
  /** What was changed in it. */
  readonly changed: readonly string[];
  /** Commands to type in the repository. */
  readonly next: readonly string[];
}

/** Throws MitosisError `invalid_input`; then nothing has changed. */
export const newService = (cwd: string, wanted: string, summary: string): NewService => {
  const root = repositoryOf(cwd);
  const taken = [...new Set([...FUNCTION_NAMES, ...packageNames(root), ...RESERVED])].sort();
  const name = checkedName(wanted, { kind: 'service', example: 'cost-watcher', maxLength: NAME_MAX, taken });
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const files = serviceFiles(name, filesBelow(join(root, TEMPLATE)), {
    manifest: read(`${LIKE}/package.json`),
    configs: ['tsconfig.json', 'tsconfig.build.json'].map((file) => ({
      file,
      text: read(`${LIKE}/${file}`),
    })),
  });
  const places = registrations(name, summary);
  const folder = `services/${name}`;
  addTo(root, {
    folder,
    files,
    registrations: places,
    settle: () => {
      // Temporary folders are their maker's alone.
      chmodSync(join(root, folder), 0o755);
      format(root, [folder, ...places.map(({ file }) => file)]);
    },
  });
  return {
    name,
    files: files.map(({ file }) => `${folder}/${file}`),
    changed: places.map(({ file }) => file),
    next: [
      'pnpm install',
      'pnpm build',
      'pnpm deploy:generate',
      `pnpm test:unit ${folder} services/mitosisd deploy/generate`,
    ],
  };
};

/** Where lines break depends on the length of the name. */
const format = (root: string, paths: readonly string[]): void => {
  const formatter = join(root, 'node_modules/.bin/oxfmt');
  if (existsSync(formatter)) execFileSync(formatter, [...paths], { cwd: root, stdio: 'pipe' });
};
