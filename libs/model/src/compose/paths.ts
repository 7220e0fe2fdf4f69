/**
 * Relative paths are meant from the folder of the file that names them. They are made absolute before files are merged,
 * because afterwards nobody can tell where a value came from.
 */
import { isAbsolute, resolve } from 'node:path';
import { type MapNode, type Node, type ScalarNode, textOf, transformAt } from '../source/node.js';
import { isPath } from './volume-syntax.js';

/** Every path of a whole file, and the folder itself on each service. */
export const anchorFile = (root: Node, folder: string, home: string | undefined): Node => {
  const services = transformAt(root, ['services', '*'], (service) => anchorService(service, folder, home));
  const files = [
    ['secrets', '*', 'file'],
    ['configs', '*', 'file'],
  ].reduce((node, path) => transformAt(node, path, (found) => anchor(found, folder, home)), services);
  return transformAt(files, ['x-mitosis', 'sites'], (found) => anchor(found, folder, home));
};

const PLACES: readonly (readonly string[])[] = [
  ['extends', 'file'],
  ['x-mitosis', 'composition'],
  ['credential_spec', 'file'],
];

const anchorService = (service: Node, folder: string, home: string | undefined): Node => {
  if (service.kind !== 'map') return service;
  const path = (found: Node): Node => anchor(found, folder, home);
  const item = (key: string) => (found: Node) => eachItem(found, (entry) => transformAt(entry, [key], path));
  let node: Node = { ...service, folder } satisfies MapNode;
  for (const place of PLACES) node = transformAt(node, place, path);
  node = transformAt(node, ['build', 'context'], (found) => (isUrl(found) ? found : path(found)));
  node = transformAt(node, ['build', 'additional_contexts', '*'], (found) =>
    isUrl(found) ? found : path(found),
  );
  node = transformAt(node, ['env_file'], item('path'));
  node = transformAt(node, ['label_file'], (found) => eachItem(found, path));
  node = transformAt(node, ['develop', 'watch'], item('path'));
  return transformAt(node, ['volumes'], (found) => eachItem(found, (volume) => anchorVolume(volume, path)));
};

const anchorVolume = (volume: Node, path: (node: Node) => Node): Node => {
  const source = textOf(volume, 'source');
  const bind = textOf(volume, 'type') === 'bind' || (source !== undefined && isPath(source));
  return bind ? transformAt(volume, ['source'], path) : volume;
};

const eachItem = (node: Node, change: (item: Node) => Node): Node =>
  node.kind === 'seq' ? { ...node, items: node.items.map(change) } : node;

/** Contexts may be repositories, images or other services. */
const isUrl = (node: Node): boolean =>
  node.kind === 'scalar' && /^([a-z][a-z0-9+.-]*:|git@|github\.com\/)/i.test(node.text);

const anchor = (node: Node, folder: string, home: string | undefined): Node => {
  if (node.kind !== 'scalar' || node.text === '') return node;
  const absolute = absolutePath(node.text, folder, home);
  return absolute === node.text
    ? node
    : ({ ...node, value: absolute, text: absolute, lead: null } satisfies ScalarNode);
};

export const absolutePath = (path: string, folder: string, home: string | undefined): string => {
  if (home !== undefined && (path === '~' || path.startsWith('~/'))) return resolve(home, path.slice(2));
  return isAbsolute(path) || /^[A-Za-z]:\\/.test(path) ? path : resolve(folder, path);
};
