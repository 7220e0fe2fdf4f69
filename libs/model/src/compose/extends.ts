/** `extends`: a service takes over another one's definition, of the same file or of another. */
import { dirname } from 'node:path';
import { mergeServices, withoutResets } from './merge.js';
import { readCompositionFile, type Reading } from './read-file.js';
import type { Problems } from '../problem.js';
import {
  child,
  childMap,
  type Entry,
  map,
  type MapNode,
  type Node,
  textOf,
  withEntries,
} from '../source/node.js';
import { didYouMean } from '../values/did-you-mean.js';

/** The file with every `extends` carried out. `path` is the file itself. */
export const applyExtends = (root: Node, path: string, reading: Reading): Node => {
  const services = childMap(root, 'services');
  if (root.kind !== 'map' || services === undefined) return root;
  const entries = new Map<string, Entry>();
  for (const [name, { keyAt }] of services.entries) {
    const value = new Extension(reading).resolve(services, name, path, []);
    if (value !== undefined) entries.set(name, { keyAt, value });
  }
  const section = root.entries.get('services');
  if (section === undefined) return root;
  return withEntries(
    root,
    new Map(root.entries).set('services', { keyAt: section.keyAt, value: withEntries(services, entries) }),
  );
};

class Extension {
  private readonly problems: Problems;
  constructor(private readonly reading: Reading) {
    this.problems = reading.problems;
  }

  resolve(services: MapNode, name: string, path: string, chain: readonly string[]): Node | undefined {
    const own = services.entries.get(name)?.value;
    const extension = child(own, 'extends');
    if (own === undefined || own.kind !== 'map' || extension === undefined) return own;
    const id = `${path}#${name}`;
    if (chain.includes(id)) {
      this.problems.error(
        extension.at,
        `services.${name}.extends`,
        `"${name}" extends itself${chain.length > 1 ? ' through others' : ''}`,
        'break the circle: remove one of the extends',
      );
      return undefined;
    }
    const base = this.base(extension, services, name, path, [...chain, id]);
    const rest = new Map(own.entries);
    rest.delete('extends');
    const mine = withEntries(own, rest);
    if (base === undefined || base.kind !== 'map') return mine;
    const merged = mergeServices(base, mine);
    return { ...merged, ...(own.folder === undefined ? {} : { folder: own.folder }), at: own.at };
  }

  private base(
    extension: Node,
    services: MapNode,
    name: string,
    path: string,
    chain: readonly string[],
  ): Node | undefined {
    const target = textOf(extension, 'service') ?? '';
    const file = textOf(extension, 'file') ?? path;
    const others = file === path ? services : this.servicesOf(file, extension, name);
    if (others === undefined) return undefined;
    if (!others.entries.has(target)) {
      this.problems.error(
        child(extension, 'service')?.at ?? extension.at,
        `services.${name}.extends`,
        `there is no service "${target}" in ${file}`,
        didYouMean(target, others.entries.keys(), 'name a service of that file'),
      );
      return undefined;
    }
    return this.resolve(others, target, file, chain);
  }

  /** Relative paths of another file are meant from its own folder. */
  private servicesOf(file: string, extension: Node, name: string): MapNode | undefined {
    const at = child(extension, 'file')?.at ?? extension.at;
    const root = readCompositionFile(
      { path: file, at, where: `services.${name}.extends` },
      { ...this.reading, folder: dirname(file) },
    );
    return root === undefined ? undefined : (childMap(withoutResets(root), 'services') ?? map(at, []));
  }
}
