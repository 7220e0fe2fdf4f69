/**
 * YAML text → nodes with positions. Resolves anchors, aliases and merge keys here, so that nobody after it knows of them.
 * The only place that knows the YAML library.
 */
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Alias,
  type Document,
  type Node as YamlNode,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import type { Problems } from '../problem.js';
import type { Entry, MapNode, MergeTag, Node, Position, ScalarNode, ScalarValue } from './node.js';
import { syntaxRemedy } from './syntax-remedies.js';

/** A small file can name an exponential tree with aliases; nobody writes so many values. */
const NODES_MAX = 100_000;
const MERGE_TAGS: Readonly<Record<string, MergeTag>> = { '!reset': 'reset', '!override': 'override' };
/** Tags of YAML itself that change nothing for us. */
const YAML_TAG = /^(tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)|!)$/;

/** Each document of the file, in order; documents without content are left out. Problems were reported when it is undefined. */
export const parseYaml = (file: string, text: string, problems: Problems): readonly Node[] | undefined => {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'silent',
    version: '1.2',
  });
  const documents: readonly Document.Parsed[] = Array.isArray(parsed) ? parsed : [];
  const errors = documents.flatMap((document) => document.errors);
  for (const error of errors)
    problems.error(at(error.pos[0]), '', firstSentence(error.message), syntaxRemedy(error.code));
  if (errors.length > 0) return undefined;
  const before = problems.errors.length;
  const nodes = documents.flatMap((document) => {
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return [];
    return [new Conversion(document, text, at, problems).convert(contents)];
  });
  return problems.errors.length > before ? undefined : nodes;
};

const firstSentence = (message: string): string => (message.split('\n')[0] ?? message).replace(/[:.]$/, '');

class Conversion {
  private count = 0;
  private readonly within = new Set<YamlNode>();

  constructor(
    private readonly document: Document.Parsed,
    private readonly source: string,
    private readonly at: (offset: number) => Position,
    private readonly problems: Problems,
  ) {}

  convert(node: unknown): Node {
    if (isAlias(node)) return this.alias(node);
    const where = this.where(node);
    if (++this.count > NODES_MAX) {
      if (this.count === NODES_MAX + 1)
        this.problems.error(
          where,
          '',
          `aliases make this file larger than ${NODES_MAX} values`,
          'write fewer aliases of aliases',
        );
      return nothing(where);
    }
    if (isMap(node)) return this.guarded(node, () => this.map(node, where));
    if (isSeq(node))
      return this.guarded(node, () => ({
        kind: 'seq',
        at: where,
        tag: this.tag(node, where),
        items: node.items.map((item) => this.convert(item)),
      }));
    return isScalar(node) ? this.scalar(node, where) : nothing(where);
  }

  private where(node: unknown): Position {
    const range = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range : undefined;
    return this.at(range?.[0] ?? 0);
  }

  private guarded(node: YamlNode, make: () => Node): Node {
    if (this.within.has(node)) {
      const where = this.where(node);
      this.problems.error(where, '', 'an alias is inside its own anchor', 'remove that alias');
      return nothing(where);
    }
    this.within.add(node);
    const made = make();
    this.within.delete(node);
    return made;
  }

  private alias(alias: Alias): Node {
    const target = alias.resolve(this.document);
    if (target !== undefined) return this.convert(target);
    const where = this.where(alias);
    this.problems.error(
      where,
      '',
      `alias *${alias.source} has no anchor &${alias.source} before it`,
      `define it before this line: &${alias.source}`,
    );
    return nothing(where);
  }

  private map(node: YAMLMap, where: Position): MapNode {
    const entries = new Map<string, Entry>();
    const merged: unknown[] = [];
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const keyAt = this.where(pair.key);
      const key = this.key(pair.key, keyAt);
      if (key === undefined) continue;
      if (key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') merged.push(pair.value);
      else {
        const value: Node =
          pair.value === null || pair.value === undefined ? nothing(keyAt) : this.convert(pair.value);
        entries.set(key, { keyAt, value });
      }
    }
    for (const value of merged) this.mergeInto(entries, value, where);
    return { kind: 'map', at: where, tag: this.tag(node, where), entries };
  }

  /** Merge keys: what a map says itself wins, then earlier maps of the list. */
  private mergeInto(entries: Map<string, Entry>, value: unknown, where: Position): void {
    const node = this.convert(value);
    const sources = node.kind === 'seq' ? node.items : [node];
    for (const source of sources) {
      if (source.kind === 'map') {
        for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
      } else
        this.problems.error(
          source.at.line > 0 ? source.at : where,
          '',
          'a merge key (<<) takes a map or a list of maps',
          'write <<: *name of a map',
        );
    }
  }

  private key(key: unknown, at: Position): string | undefined {
    const node = isAlias(key) ? key.resolve(this.document) : key;
    if (isScalar(node) && node.value !== null) return this.scalar(node, at).text;
    this.problems.error(at, '', 'a key must be a text', 'write the key as one word or in quotes');
    return undefined;
  }

  private scalar(node: Scalar, at: Position): ScalarNode {
    const tag = this.tag(node, at);
    const quoted = node.type !== 'PLAIN';
    const raw = node.value;
    const value: ScalarValue =
      tag !== null && !quoted && typeof raw === 'string' ? plainValue(raw) : scalarValue(raw);
    const text = quoted || node.source === undefined ? textOfValue(raw) : node.source;
    const start = node.range?.[0] ?? 0;
    const quotes = quoted ? 1 : 0;
    const lead = this.source.startsWith(text, start + quotes) && !text.includes('\n') ? quotes : null;
    return { kind: 'scalar', at, tag, value, text: value === null ? '' : text, lead };
  }

  private tag(node: YamlNode, at: Position): MergeTag {
    if (node.tag === undefined || YAML_TAG.test(node.tag)) return null;
    const known = MERGE_TAGS[node.tag];
    if (known === undefined)
      this.problems.error(
        at,
        '',
        `unknown tag ${node.tag}`,
        'Compose knows the tags !reset and !override; remove this one',
      );
    return known ?? null;
  }
}

const nothing = (at: Position): ScalarNode => ({
  kind: 'scalar',
  at,
  tag: null,
  value: null,
  text: '',
  lead: null,
});

const scalarValue = (value: unknown): ScalarValue => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : textOfValue(value);
};

const textOfValue = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : typeof value === 'bigint'
      ? value.toString()
      : '';

/** What an untagged plain scalar would have been; the library reads tagged ones as text. */
export const plainValue = (text: string): ScalarValue => {
  if (/^(|~|null|Null|NULL)$/.test(text)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  return /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text;
};
