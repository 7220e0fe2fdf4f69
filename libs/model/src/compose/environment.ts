/** The variables of a composition: what the surroundings say, then `.env` or the files named instead of it. */
import { join } from 'node:path';
import { readText, type ReadFile } from './read-file.js';
import { parseEnvFile } from '../interpolation/env-file.js';
import type { Variables } from '../interpolation/interpolate-node.js';
import type { Problems } from '../problem.js';
import type { Position } from '../source/node.js';

export interface EnvironmentInput {
  readonly folder: string;
  /** Empty: `.env` in the folder, when there is one. */
  readonly envFiles: readonly { readonly path: string; readonly at: Position }[];
  /** Wins over every file. */
  readonly outer: Variables;
  readonly read: ReadFile;
  readonly problems: Problems;
}

export const readEnvironment = (input: EnvironmentInput): Variables => {
  const { outer, problems } = input;
  const files = input.envFiles.length > 0 ? input.envFiles : defaultFile(input);
  let values: Record<string, string> = {};
  for (const { path, at } of files) {
    const text = readText(path, input, at, 'name an environment file that exists');
    if (text === undefined) continue;
    const options = { variables: { ...values, ...outer }, format: 'compose' } as const;
    values = { ...values, ...parseEnvFile(path, text, options, problems) };
  }
  return { ...values, ...outer };
};

const defaultFile = ({ folder, read }: EnvironmentInput): EnvironmentInput['envFiles'] => {
  const path = join(folder, '.env');
  try {
    return read(path) === undefined ? [] : [{ path, at: { file: path, line: 0, column: 0 } }];
  } catch {
    // A folder of that name, or one without permission: Compose takes no notice of it either.
    return [];
  }
};
