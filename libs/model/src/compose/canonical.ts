/**
 * Short forms → long forms, file by file and before merging, so that merging and everything after it knows one form only.
 * Works on trees that fit the shape; what a shape cannot say (a port's text, say) is complained about here.
 */
import type { Problems } from '../problem.js';
import {
  isNull,
  map,
  type Entry,
  type Node,
  type Position,
  scalar,
  seq,
  transformAt,
  withEntries,
} from '../source/node.js';
import { canonicalDevice, canonicalMode, canonicalPorts, canonicalVolume } from './canonical-items.js';

/** A whole file. */
export const canonical = (root: Node, problems: Problems): Node => {
  const withServices = transformAt(root, ['services', '*'], (service, keyAt, name) =>
    canonicalService(isNull(service) ? map(keyAt, []) : service, `services.${name}`, problems),
  );
  return ['networks', 'volumes', 'secrets', 'configs'].reduce(
    (node, section) => transformAt(node, [section, '*', 'labels'], (labels) => toMap(labels, '=')),
    withServices,
  );
};

/** Fields that are lists of `KEY=value` or maps. */
const KEY_VALUES: readonly (readonly string[])[] = [
  ['environment'],
  ['labels'],
  ['annotations'],
  ['sysctls'],
  ['deploy', 'labels'],
  ['build', 'args'],
  ['build', 'labels'],
  ['build', 'additional_contexts'],
  ['build', 'ssh'],
];
const HOSTS: readonly (readonly string[])[] = [['extra_hosts'], ['build', 'extra_hosts']];
/** Fields that are one text or a list of texts. */
const LISTS: readonly (readonly string[])[] = [
  ['dns'],
  ['dns_search'],
  ['tmpfs'],
  ['env_file'],
  ['label_file'],
];
const MOUNTS: readonly (readonly string[])[] = [['secrets'], ['configs'], ['build', 'secrets']];

export const canonicalService = (service: Node, path: string, problems: Problems): Node => {
  type Step = readonly [readonly string[], (node: Node) => Node];
  const steps: readonly Step[] = [
    [['build'], (node) => single(node, 'context')],
    [['extends'], (node) => single(node, 'service')],
    ...KEY_VALUES.map((path): Step => [path, (node) => toMap(node, '=')]),
    ...HOSTS.map((path): Step => [path, (node) => toMap(node, /[=:]/)]),
    ...LISTS.map((path): Step => [path, toList]),
    [['env_file'], (node) => items(node, (item) => [single(item, 'path')])],
    [['depends_on'], canonicalDependencies],
    [['networks'], namesToMap],
    [['models'], namesToMap],
    ...MOUNTS.map((path): Step => [path, (node) => items(node, (item) => [single(item, 'source')])]),
    [['ports'], (node) => items(node, (item) => canonicalPorts(item, `${path}.ports`, problems))],
    [['volumes'], (node) => items(node, (item) => canonicalVolume(item, `${path}.volumes`, problems))],
    ...MOUNTS.map((path): Step => [path, (node) => items(node, octalMode)]),
    [['volumes'], (node) => items(node, (item) => [transformAt(item, ['tmpfs', 'mode'], canonicalMode)])],
    [['devices'], (node) => items(node, (item) => [canonicalDevice(item)])],
  ];
  return steps.reduce(
    (node, [path, step]) => transformAt(node, path, (found) => keepTag(found, step)),
    service,
  );
};

/** A `!reset` stays what it is; what a form becomes keeps its `!override`. */
const keepTag = (node: Node, step: (node: Node) => Node): Node => {
  if (node.tag === 'reset' || isNull(node)) return node;
  const made = step(node);
  return made === node ? node : { ...made, tag: node.tag };
};

const octalMode = (item: Node): readonly Node[] => [transformAt(item, ['mode'], canonicalMode)];

/** `text` → `{ key: text }` */
const single = (node: Node, key: string): Node =>
  node.kind === 'scalar' ? map(node.at, [[key, node]]) : node;

const toList = (node: Node): Node => (node.kind === 'scalar' ? seq(node.at, [node]) : node);

const items = (node: Node, expand: (item: Node) => readonly Node[]): Node =>
  node.kind === 'seq' ? { ...node, items: node.items.flatMap(expand) } : node;

/** `[KEY=value, NAME]` → `{ KEY: value, NAME: null }` */
const toMap = (node: Node, separator: string | RegExp): Node => {
  if (node.kind !== 'seq') return node;
  const entries = new Map<string, Entry>();
  for (const item of node.items) {
    if (item.kind !== 'scalar') continue;
    const index = item.text.search(separator);
    const key = (index < 0 ? item.text : item.text.slice(0, index)).trim();
    const value = scalar(index < 0 ? null : item.text.slice(index + 1), item.at);
    entries.set(key, { keyAt: item.at, value });
  }
  return withEntries(map(node.at, []), entries);
};

const namesToMap = (node: Node): Node => named(node, (at) => map(at, []));

const canonicalDependencies = (node: Node): Node => {
  const asMap = named(node, (at) => map(at, [['condition', scalar('service_started', at)]]));
  return transformAt(asMap, ['*'], (found, keyAt) =>
    isNull(found) ? map(keyAt, [['condition', scalar('service_started', keyAt)]]) : found,
  );
};

/** `[a, b]` → `{ a: …, b: … }` */
const named = (node: Node, value: (at: Position) => Node): Node => {
  if (node.kind !== 'seq') return node;
  const entries = node.items.flatMap((item): [string, Node][] =>
    item.kind === 'scalar' ? [[item.text, value(item.at)]] : [],
  );
  return map(node.at, entries);
};
