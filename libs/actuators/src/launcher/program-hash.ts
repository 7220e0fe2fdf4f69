/** Which program this is: two builds of one version are two programs. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

const LENGTH = 16;

/** Hex, of the file's bytes; empty when there is no such file. */
export const programHash = (file: string): string =>
  existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, LENGTH) : '';
