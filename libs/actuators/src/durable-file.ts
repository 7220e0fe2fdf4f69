/**
 * State files that survive a power cut and a truncation: written aside, synced, renamed; checked by a digest when read;
 * kept twice, so that one damaged file costs nothing. Must never answer with contents whose digest does not fit.
 */
import { createHash } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const COPY_SUFFIX = '.copy';

export type DurableRead<T> =
  /** `recovered`: the first file was missing or damaged, its copy was not. */
  | { readonly kind: 'value'; readonly value: T; readonly recovered: boolean }
  | { readonly kind: 'absent' }
  /** Something is there, but neither file can be trusted. */
  | { readonly kind: 'damaged' };

const digest = (body: string): string => createHash('sha256').update(body).digest('hex').slice(0, 32);

export const encodeDurable = (value: unknown): string => {
  const body = JSON.stringify(value);
  return `{"sum":"${digest(body)}","value":${body}}\n`;
};

/** The value, or undefined when the digest does not fit. */
export const decodeDurable = (text: string): unknown => {
  const found = /^\{"sum":"([0-9a-f]{32})","value":(.*)\}\n?$/s.exec(text);
  const [, sum, body] = found ?? [];
  return sum === undefined || body === undefined || digest(body) !== sum ? undefined : JSON.parse(body);
};

/** Both copies are on disk, also after a power cut, when it resolves. Not for concurrent writers of one path. */
export const writeDurable = async (path: string, value: unknown): Promise<void> => {
  const text = encodeDurable(value);
  // Each is replaced whole, so at every moment each holds the old or the new value.
  await Promise.all([writeAside(path, text), writeAside(path + COPY_SUFFIX, text)]);
  await syncDirectory(dirname(path));
};

const writeAside = async (path: string, text: string): Promise<void> => {
  const part = `${path}.part`;
  const file = await open(part, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(part, path);
};

/** Makes renames and new entries of a directory last. */
export const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
};

export const readDurable = async <T>(path: string): Promise<DurableRead<T>> => {
  const first = await readOne(path);
  if (first.value !== undefined) return { kind: 'value', value: first.value as T, recovered: false };
  const copy = await readOne(path + COPY_SUFFIX);
  if (copy.value !== undefined) return { kind: 'value', value: copy.value as T, recovered: true };
  return first.exists || copy.exists ? { kind: 'damaged' } : { kind: 'absent' };
};

const readOne = async (path: string): Promise<{ exists: boolean; value: unknown }> => {
  try {
    return { exists: true, value: decodeDurable(await readFile(path, 'utf8')) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { exists: false, value: undefined };
    throw error;
  }
};

export const removeDurable = async (path: string): Promise<void> => {
  await Promise.all([rm(path, { force: true }), rm(path + COPY_SUFFIX, { force: true })]);
};
