/** Which files make a composition when none is named, as `docker compose` finds them. */
import { join, resolve } from 'node:path';
import type { Variables } from '../interpolation/interpolate-node.js';

export const DEFAULT_NAMES = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yaml',
  'docker-compose.yml',
] as const;

export const overrideNames = (name: string): readonly string[] => {
  const stem = name.replace(/\.ya?ml$/, '');
  return [`${stem}.override.yaml`, `${stem}.override.yml`];
};

/** Absolute paths: of `COMPOSE_FILE`, else of the first default name that exists and its override. Empty: none. */
export const defaultFiles = (
  folder: string,
  variables: Variables,
  exists: (path: string) => boolean,
): readonly string[] => {
  const listed = variables['COMPOSE_FILE'];
  if (listed !== undefined && listed !== '') {
    const separator = variables['COMPOSE_PATH_SEPARATOR'] ?? ':';
    return listed.split(separator).map((path) => resolve(folder, path));
  }
  const name = DEFAULT_NAMES.find((candidate) => exists(join(folder, candidate)));
  if (name === undefined) return [];
  const override = overrideNames(name).find((candidate) => exists(join(folder, candidate)));
  return [name, ...(override === undefined ? [] : [override])].map((file) => join(folder, file));
};
