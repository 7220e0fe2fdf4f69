/**
 * An authority as it goes to another host that joins its root level: its files, and nothing that lies beside them. Who
 * has it can be everybody in that root: it leaves a host only for whoever showed a join token.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MitosisError } from '@mitosis/contracts';
import { writeSecret } from './secret-file.js';

/** Content by path within the authority's directory. */
export type AuthorityFiles = Readonly<Record<string, string>>;

const FILE = /^(?:ca\.(?:pem|key)|seal\.key|levels\/[A-Za-z0-9][A-Za-z0-9._-]*\.(?:pem|key))$/u;
const FILES_MAX = 2_000;

export const readAuthority = (directory: string): AuthorityFiles => {
  const below = existsSync(join(directory, 'levels'))
    ? readdirSync(join(directory, 'levels')).map((file) => `levels/${file}`)
    : [];
  const files = [...readdirSync(directory), ...below].filter((file) => FILE.test(file));
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(directory, file), 'utf8')]));
};

/** Throws MitosisError `invalid_input` for what is no authority, and `conflict` where another one is. */
export const writeAuthority = (directory: string, files: AuthorityFiles): void => {
  const names = Object.keys(files);
  const wrong = names.find((file) => !FILE.test(file) || file.includes('..'));
  if (
    wrong !== undefined ||
    names.length > FILES_MAX ||
    files['ca.pem'] === undefined ||
    files['ca.key'] === undefined
  )
    throw new MitosisError('invalid_input', `what came is no authority (${wrong ?? names.length} files)`);
  const known = join(directory, 'ca.pem');
  if (existsSync(known) && readFileSync(known, 'utf8') !== files['ca.pem'])
    throw new MitosisError(
      'conflict',
      `${directory} holds another authority: a root level of this name lives here; take it down and remove the directory`,
    );
  // The root certificate comes last: with it the authority is whole.
  for (const file of [...names.filter((name) => name !== 'ca.pem'), 'ca.pem']) {
    mkdirSync(dirname(join(directory, file)), { recursive: true, mode: 0o700 });
    writeSecret(join(directory, file), files[file] ?? '');
  }
};
