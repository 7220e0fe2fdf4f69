/** Writes new files, all or none. Must never overwrite what is there, nor leave a half behind. */
import { closeSync, existsSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MitosisError } from '@mitosis/contracts';

export interface NewFile {
  /** Relative to the folder. */
  readonly file: string;
  readonly text: string;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/**
 * `shown` is the folder as the user wrote it. Throws MitosisError `invalid_input` when the folder or the right to write is
 * missing, or any of the files is there.
 */
export const writeNew = (folder: string, shown: string, files: readonly NewFile[]): void => {
  if (!isFolder(folder))
    throw new MitosisError('invalid_input', `there is no folder ${shown}: make it first`);
  for (const { file } of files) {
    if (existsSync(join(folder, file)))
      throw new MitosisError(
        'invalid_input',
        `${join(shown, file)} is there already: take another name, or move it away`,
      );
  }
  const written: string[] = [];
  try {
    for (const { file, text } of files) {
      const path = join(folder, file);
      // Exclusive: also what came into being since the look above is left alone. Ours from here on, even if half written.
      const opened = openSync(path, 'wx');
      written.push(path);
      try {
        writeFileSync(opened, text);
      } finally {
        closeSync(opened);
      }
    }
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new MitosisError('invalid_input', `nothing was written: ${reason}`, { cause: error });
  }
};
