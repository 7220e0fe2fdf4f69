/**
 * The repository that `mitosis new service` changes: found from where a person is, changed as a whole or not at all. Must
 * never leave a folder without its registrations, nor the other way round.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import type { Registration } from './service.template.js';
import type { NewFile } from './write-new.js';

/** Wherever one of these lies, and nothing else, is a checkout of ours. */
const MARKS = ['pnpm-workspace.yaml', 'libs/contracts/src/functions.ts', 'services/mitosisd/src/services.ts'];

/** Throws MitosisError `invalid_input` outside of one. */
export const repositoryOf = (cwd: string): string => {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (MARKS.every((mark) => existsSync(join(folder, mark)))) return folder;
    if (dirname(folder) === folder)
      throw new MitosisError(
        'invalid_input',
        `${cwd} is in no checkout of Mitosis: a service is built with the others, so run this inside one (a policy needs none: mitosis new policy)`,
      );
  }
};

/** All files below a folder, with paths relative to it. */
export const filesBelow = (folder: string): readonly NewFile[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({
      file: relative(folder, path).split(sep).join('/'),
      text: readFileSync(path, 'utf8'),
    }));

/** Folders whose names are package names: what a service cannot be called. */
export const packageNames = (root: string): readonly string[] =>
  ['libs', 'services', 'deploy'].flatMap((part) =>
    readdirSync(join(root, part), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name),
  );

export interface Addition {
  /** Where its files go, relative to the repository; must not exist. */
  readonly folder: string;
  readonly files: readonly NewFile[];
  readonly registrations: readonly Registration[];
  /** Runs when everything is in its place; when it throws, everything is taken back. */
  readonly settle: () => void;
}

/** Throws MitosisError `invalid_input` with the repository as it was. */
export const addTo = (root: string, { folder, files, registrations, settle }: Addition): void => {
  const target = join(root, folder);
  if (existsSync(target))
    throw new MitosisError('invalid_input', `${folder} is there already: take another name, or remove it`);
  const changes = registrations.map(({ file, add }) => {
    const before = readFileSync(join(root, file), 'utf8');
    return { path: join(root, file), before, after: add(before) };
  });
  const draft = mkdtempSync(join(root, '.new-'));
  try {
    for (const { file, text } of files) {
      mkdirSync(dirname(join(draft, file)), { recursive: true });
      writeFileSync(join(draft, file), text);
    }
    renameSync(draft, target);
    for (const { path, after } of changes) replace(path, after);
    settle();
  } catch (error) {
    for (const { path, before } of changes) if (readFileSync(path, 'utf8') !== before) replace(path, before);
    rmSync(draft, { recursive: true, force: true });
    rmSync(target, { recursive: true, force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new MitosisError('invalid_input', `nothing was changed: ${reason}`, { cause: error });
  }
};

/** Whole or not at all, also when this process is killed. */
const replace = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
};
