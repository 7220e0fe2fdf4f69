/**
 * Merging of composition files (and of what a service extends), by the Compose Specification: maps by key, lists one
 * behind the other without repetitions, single values and commands by the later; ports, volumes and the like by what
 * makes them the same; `!override` replaces and `!reset` removes. Both sides are in the long form.
 */
import {
  type Entry,
  isNull,
  type MapNode,
  type Node,
  type SeqNode,
  textOf,
  withEntries,
} from '../source/node.js';

/** Lists that the later file replaces. Paths are within a service. */
const REPLACED = new Set([
  'command',
  'entrypoint',
  'healthcheck.test',
  'x-mitosis.policy.rules',
  'post_start.command',
  'pre_stop.command',
]);

/** What makes two entries of a list the same thing. */
const IDENTITIES: Readonly<Record<string, (item: Node) => string | undefined>> = {
  ports: (item) =>
    [
      textOf(item, 'host_ip') ?? '',
      textOf(item, 'target') ?? '',
      textOf(item, 'published') ?? '',
      textOf(item, 'protocol') ?? 'tcp',
    ].join('|'),
  volumes: (item) => textOf(item, 'target'),
  devices: (item) => textOf(item, 'target') ?? textOf(item, 'source'),
  secrets: (item) => textOf(item, 'target') ?? textOf(item, 'source'),
  configs: (item) => textOf(item, 'target') ?? textOf(item, 'source'),
  env_file: (item) => textOf(item, 'path'),
  'x-mitosis.alternatives': (item) => textOf(item, 'name'),
};

/** Two whole files, the later over the earlier. */
export const mergeFiles = (base: Node, over: Node): Node => mergeAt(base, over, [], undefined);

/** Two services, as for `extends`. */
export const mergeServices = (base: Node, over: Node): Node => mergeAt(base, over, [], '');

/**
 * `within` is the path inside a service, undefined outside of one; `path` leads from the root of the file.
 */
const mergeAt = (base: Node, over: Node, path: readonly string[], within: string | undefined): Node => {
  if (over.tag === 'override') return withoutResets({ ...over, tag: null });
  if (isNull(over)) return base;
  if (within === 'x-mitosis.policy' && textOf(base, 'kind') !== textOf(over, 'kind'))
    return withoutResets(over);
  if (base.kind === 'map' && over.kind === 'map') return mergeMaps(base, over, path, within);
  if (base.kind === 'seq' && over.kind === 'seq' && !(within !== undefined && REPLACED.has(within)))
    return mergeLists(base, over, within ?? '');
  return withoutResets(over);
};

const mergeMaps = (
  base: MapNode,
  over: MapNode,
  path: readonly string[],
  within: string | undefined,
): MapNode => {
  const entries = new Map<string, Entry>(base.entries);
  // Options belong to their driver: those of another mean nothing to it.
  const otherDriver =
    within === 'logging' &&
    textOf(over, 'driver') !== undefined &&
    textOf(base, 'driver') !== textOf(over, 'driver');
  if (otherDriver) entries.delete('options');
  for (const [key, { keyAt, value }] of over.entries) {
    const before = entries.get(key);
    if (value.tag === 'reset') entries.delete(key);
    else if (before === undefined) entries.set(key, { keyAt, value: withoutResets(value) });
    else {
      const merged = mergeAt(before.value, value, [...path, key], step(path, within, key));
      entries.set(key, { keyAt: merged === before.value ? before.keyAt : keyAt, value: merged });
    }
  }
  return { ...withEntries(base, entries), at: base.at };
};

const step = (path: readonly string[], within: string | undefined, key: string): string | undefined => {
  if (within !== undefined) return within === '' ? key : `${within}.${key}`;
  return path.length === 1 && path[0] === 'services' ? '' : undefined;
};

const mergeLists = (base: SeqNode, over: SeqNode, within: string): SeqNode => {
  const identity = IDENTITIES[within] ?? ((item: Node) => (item.kind === 'scalar' ? item.text : undefined));
  const merged: Node[] = [...base.items];
  for (const item of over.items) {
    const own = identity(item);
    const index = own === undefined ? -1 : merged.findIndex((other) => identity(other) === own);
    if (index < 0) merged.push(withoutResets(item));
    else merged[index] = withoutResets(item);
  }
  return { ...base, items: merged };
};

/** In the first file that says something, `!reset` removes it and `!override` changes nothing. */
export const withoutResets = (node: Node): Node => {
  if (node.kind === 'seq')
    return { ...node, tag: null, items: node.items.filter(({ tag }) => tag !== 'reset').map(withoutResets) };
  if (node.kind === 'scalar') return node.tag === null ? node : { ...node, tag: null };
  const entries = new Map<string, Entry>();
  for (const [key, { keyAt, value }] of node.entries)
    if (value.tag !== 'reset') entries.set(key, { keyAt, value: withoutResets(value) });
  return { ...withEntries(node, entries), tag: null };
};
