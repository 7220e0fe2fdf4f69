/** Writes what a process of Mitosis, or an etcd member, reads as its TLS directory. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TLS_FILES } from '../tls/tls-identity.js';
import type { Leaf } from './authority.js';
import { writeSecret } from './secret-file.js';

/** Mode 0700 and 0600. The certificate comes last: whoever sees it change finds the rest in place. */
export const writeTlsDirectory = (directory: string, leaf: Leaf): void => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeSecret(join(directory, TLS_FILES.authority), leaf.authority);
  writeSecret(join(directory, TLS_FILES.levelAuthority), leaf.levelAuthority);
  writeSecret(join(directory, TLS_FILES.key), leaf.key);
  writeSecret(join(directory, TLS_FILES.certificate), leaf.certificate);
};

/** The key of an earlier certificate, to certify again; undefined: there is none. */
export const keyIn = (directory: string): string | undefined => {
  const path = join(directory, TLS_FILES.key);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
};
