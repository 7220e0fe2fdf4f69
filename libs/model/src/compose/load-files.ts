/** Several files of one composition → one tree: each with its `extends` and `include`, then merged in order. */
import { applyExtends } from './extends.js';
import { applyIncludes } from './include.js';
import { mergeFiles, withoutResets } from './merge.js';
import { type NamedFile, readCompositionFile, type Reading } from './read-file.js';
import type { Node } from '../source/node.js';

/** Undefined when nothing could be read; problems were reported then. */
export const loadFiles = (
  files: readonly NamedFile[],
  reading: Reading,
  chain: readonly string[] = [],
): Node | undefined => {
  const roots = files.map((file) => {
    const root = readCompositionFile(file, reading);
    if (root === undefined) return undefined;
    return applyIncludes(applyExtends(root, file.path, reading), reading, [...chain, file.path], loadFiles);
  });
  const usable = roots.filter((root) => root !== undefined);
  if (usable.length < roots.length) return undefined;
  const [first, ...rest] = usable;
  return first === undefined ? undefined : rest.reduce(mergeFiles, withoutResets(first));
};
