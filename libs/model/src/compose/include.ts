/** `include`: other compositions' services, networks, volumes, secrets and configs become part of this one. */
import { dirname, resolve } from 'node:path';
import { absolutePath } from './paths.js';
import { readEnvironment } from './environment.js';
import type { NamedFile, Reading } from './read-file.js';
import {
  child,
  type Entry,
  itemsOf,
  type MapNode,
  type Node,
  plain,
  textOf,
  withEntries,
} from '../source/node.js';

const SECTIONS = ['services', 'networks', 'volumes', 'secrets', 'configs', 'models'] as const;

/** What loads whole compositions, this file's included ones too; handed in because it uses this file. */
export type LoadFiles = (
  files: readonly NamedFile[],
  reading: Reading,
  chain: readonly string[],
) => Node | undefined;

/** The file with what it includes; `chain` are the files that led here. */
export const applyIncludes = (
  root: Node,
  reading: Reading,
  chain: readonly string[],
  load: LoadFiles,
): Node => {
  if (root.kind !== 'map') return root;
  let result: MapNode = root;
  for (const item of itemsOf(root, 'include')) {
    const included = loadIncluded(item, reading, chain, load);
    if (included !== undefined) result = take(result, included, item, reading);
  }
  const entries = new Map(result.entries);
  entries.delete('include');
  return withEntries(result, entries);
};

const pathsOf = (node: Node | undefined): readonly Node[] => {
  if (node === undefined) return [];
  return node.kind === 'seq' ? node.items : [node];
};

const loadIncluded = (
  item: Node,
  reading: Reading,
  chain: readonly string[],
  load: LoadFiles,
): Node | undefined => {
  const { problems } = reading;
  const home = reading.variables['HOME'];
  const named = item.kind === 'scalar' ? [item] : pathsOf(child(item, 'path'));
  const files = named.flatMap((node) =>
    node.kind === 'scalar'
      ? [{ path: absolutePath(node.text, reading.folder, home), at: node.at, where: 'include' }]
      : [],
  );
  const [first] = files;
  if (first === undefined) {
    problems.error(
      item.at,
      'include',
      'nothing is included here',
      'name a composition file: path: ./other.yaml',
    );
    return undefined;
  }
  const circle = files.find(({ path }) => chain.includes(path));
  if (circle !== undefined) {
    problems.error(
      circle.at,
      'include',
      `${circle.path} includes itself${chain.length > 1 ? ' through others' : ''}`,
      'break the circle: remove one of the includes',
    );
    return undefined;
  }
  const folder =
    textOf(item, 'project_directory') === undefined
      ? dirname(first.path)
      : absolutePath(textOf(item, 'project_directory') ?? '', reading.folder, home);
  const envFiles = pathsOf(child(item, 'env_file')).flatMap((node) =>
    node.kind === 'scalar'
      ? [{ path: resolve(reading.folder, node.text), at: node.at, where: 'include' }]
      : [],
  );
  // What the including composition knows wins over the file of the included one.
  const variables = readEnvironment({
    folder,
    envFiles,
    outer: reading.variables,
    read: reading.read,
    problems,
  });
  return load(files, { ...reading, folder, variables }, chain);
};

/** The same name twice is only an error when it means two things. */
const take = (root: MapNode, included: Node, item: Node, reading: Reading): MapNode => {
  if (included.kind !== 'map') return root;
  const entries = new Map(root.entries);
  for (const section of SECTIONS) {
    const theirs = included.entries.get(section);
    if (theirs === undefined || theirs.value.kind !== 'map') continue;
    const ours = entries.get(section);
    const own = ours?.value.kind === 'map' ? ours.value : undefined;
    const merged = new Map<string, Entry>(own?.entries);
    for (const [name, entry] of theirs.value.entries) {
      const before = merged.get(name);
      if (before === undefined) merged.set(name, entry);
      else if (!same(before.value, entry.value)) conflict(section, name, before, entry, reading);
    }
    entries.set(section, {
      keyAt: ours?.keyAt ?? theirs.keyAt,
      value: withEntries(own ?? theirs.value, merged),
    });
  }
  if (included.entries.has('x-mitosis'))
    reading.problems.warn(
      included.entries.get('x-mitosis')?.keyAt ?? item.at,
      'x-mitosis',
      'x-mitosis of an included composition is not taken over',
      'say it in the including file, or make a child level of it (x-mitosis.composition of a component)',
    );
  return withEntries(root, entries);
};

const same = (a: Node, b: Node): boolean => JSON.stringify(plain(a)) === JSON.stringify(plain(b));

const conflict = (section: string, name: string, ours: Entry, theirs: Entry, { problems }: Reading): void =>
  problems.error(
    ours.keyAt,
    `${section}.${name}`,
    `"${name}" is also in the included ${theirs.keyAt.file}, and differs`,
    'rename one of them, or change the included one in an override file',
  );
