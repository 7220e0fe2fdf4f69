/** Files nobody else may read, replaced whole: a reader sees the old content or the new one. */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

export const writeSecret = (path: string, content: string): void => {
  const partial = `${path}.${process.pid}.new`;
  const file = openSync(partial, 'w', 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(partial, path);
};
