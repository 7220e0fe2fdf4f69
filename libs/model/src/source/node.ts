/**
 * A composition as a tree that remembers where each value was written. Everything up to the type graph works on it, so
 * that every complaint can name file, line and column, also after merging, `extends` and `include`.
 */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type Node = ScalarNode | MapNode | SeqNode;
export type ScalarValue = string | number | boolean | null;
/** Compose's own tags; what other tags mean is unknown, so they are errors. */
export type MergeTag = 'reset' | 'override' | null;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly at: Position;
  readonly tag: MergeTag;
  readonly value: ScalarValue;
  /** As written: `1.10` stays `1.10`, `0440` stays `0440`. */
  readonly text: string;
  /** Characters between `at` and the text in the file (1 for quotes); null: the text is not written there in one piece. */
  readonly lead: number | null;
}

export interface MapNode {
  readonly kind: 'map';
  readonly at: Position;
  readonly tag: MergeTag;
  readonly entries: ReadonlyMap<string, Entry>;
  /** Of a service: the folder its relative paths are meant from. */
  readonly folder?: string;
}

export interface Entry {
  readonly keyAt: Position;
  readonly value: Node;
}

export interface SeqNode {
  readonly kind: 'seq';
  readonly at: Position;
  readonly tag: MergeTag;
  readonly items: readonly Node[];
}

export const scalar = (value: ScalarValue, at: Position): ScalarNode => ({
  kind: 'scalar',
  at,
  tag: null,
  value,
  text: value === null ? '' : String(value),
  lead: null,
});

export const map = (at: Position, entries: Iterable<readonly [string, Node | undefined]>): MapNode => {
  const result = new Map<string, Entry>();
  for (const [key, value] of entries) if (value !== undefined) result.set(key, { keyAt: value.at, value });
  return { kind: 'map', at, tag: null, entries: result };
};

export const seq = (at: Position, items: readonly Node[]): SeqNode => ({ kind: 'seq', at, tag: null, items });

export const isNull = (node: Node): boolean => node.kind === 'scalar' && node.value === null;

/** The value below a map's key; undefined also for `key:` with nothing behind it. */
export const child = (node: Node | undefined, ...keys: readonly string[]): Node | undefined => {
  let current = node;
  for (const key of keys) {
    if (current?.kind !== 'map') return undefined;
    current = current.entries.get(key)?.value;
  }
  return current === undefined || isNull(current) ? undefined : current;
};

export const childMap = (node: Node | undefined, ...keys: readonly string[]): MapNode | undefined => {
  const found = child(node, ...keys);
  return found?.kind === 'map' ? found : undefined;
};

/** Entries of the map below; none where there is no map. */
export const entriesOf = (node: Node | undefined, ...keys: readonly string[]): [string, Node][] =>
  [...(childMap(node, ...keys)?.entries ?? [])].map(([key, { value }]) => [key, value]);

/** Items of the list below; none where there is no list. */
export const itemsOf = (node: Node | undefined, ...keys: readonly string[]): readonly Node[] => {
  const found = child(node, ...keys);
  return found?.kind === 'seq' ? found.items : [];
};

/** Text of the scalar below. */
export const textOf = (node: Node | undefined, ...keys: readonly string[]): string | undefined => {
  const found = child(node, ...keys);
  return found?.kind === 'scalar' ? found.text : undefined;
};

/** Whether the flag below is set; a text `true` (from a variable) counts. */
export const flagOf = (node: Node | undefined, ...keys: readonly string[]): boolean | undefined => {
  const text = textOf(node, ...keys);
  return text === undefined ? undefined : text === 'true';
};

/** The number below; a text that is a number (from a variable) counts. */
export const numberOf = (node: Node | undefined, ...keys: readonly string[]): number | undefined => {
  const text = textOf(node, ...keys);
  const value = Number(text);
  return text === undefined || text === '' || Number.isNaN(value) ? undefined : value;
};

export const withEntries = (node: MapNode, entries: ReadonlyMap<string, Entry>): MapNode => ({
  ...node,
  entries,
});

/** Replaces what lies at a path, when it is there; `undefined` as a result removes it. `*` stands for each key. */
export const transformAt = (
  node: Node,
  path: readonly string[],
  transform: (found: Node, keyAt: Position, key: string) => Node | undefined,
): Node => {
  const [head, ...rest] = path;
  if (head === undefined || node.kind !== 'map') return node;
  if (head !== '*' && !node.entries.has(head)) return node;
  const entries = new Map<string, Entry>();
  for (const [key, entry] of node.entries) {
    if (head !== '*' && head !== key) {
      entries.set(key, entry);
      continue;
    }
    const value =
      rest.length === 0
        ? transform(entry.value, entry.keyAt, key)
        : transformAt(entry.value, rest, transform);
    if (value !== undefined) entries.set(key, { keyAt: entry.keyAt, value });
  }
  return withEntries(node, entries);
};

/** Plain data without positions. */
export const plain = (node: Node): unknown => {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'seq') return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plain(value)]));
};

/** How a path is shown: `services.web.ports[0]`. */
export const joinPath = (path: string, key: string | number): string => {
  if (typeof key === 'number') return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
};
