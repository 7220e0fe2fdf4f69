/** Entries of `ports`, `volumes` and `devices`: short form → long form. */
import type { Problems } from '../problem.js';
import { map, type Node, type ScalarNode, scalar } from '../source/node.js';
import { parsePort } from './port-syntax.js';
import { parseVolume } from './volume-syntax.js';

export const canonicalPorts = (item: Node, path: string, problems: Problems): readonly Node[] => {
  if (item.kind !== 'scalar') return [item];
  const ports = parsePort(item.text);
  if ('wrong' in ports) {
    problems.error(
      item.at,
      path,
      `"${item.text}" is no port: ${ports.wrong}`,
      'write "8080:80", "127.0.0.1:8080:80" or "8000-8010:8000-8010", in quotes',
    );
    return [];
  }
  return ports.map(({ hostIp, published, target, protocol }) =>
    map(item.at, [
      ['target', scalar(target, item.at)],
      ['published', optional(published, item)],
      ['host_ip', optional(hostIp, item)],
      ['protocol', scalar(protocol, item.at)],
    ]),
  );
};

export const canonicalVolume = (item: Node, path: string, problems: Problems): readonly Node[] => {
  if (item.kind !== 'scalar') return [item];
  const volume = parseVolume(item.text);
  if ('wrong' in volume) {
    problems.error(
      item.at,
      path,
      `"${item.text}" is no volume: ${volume.wrong}`,
      'write "name:/path", "./folder:/path" or "./folder:/path:ro"',
    );
    return [];
  }
  const bind = [
    ['selinux', optional(volume.selinux, item)],
    ['propagation', optional(volume.propagation, item)],
  ] as const;
  const nested = (entries: readonly (readonly [string, Node | undefined])[]): Node | undefined =>
    entries.every(([, value]) => value === undefined) ? undefined : map(item.at, entries);
  return [
    map(item.at, [
      ['type', scalar(volume.type, item.at)],
      ['source', optional(volume.source, item)],
      ['target', scalar(volume.target, item.at)],
      ['read_only', volume.readOnly ? scalar(true, item.at) : undefined],
      ['volume', volume.nocopy ? map(item.at, [['nocopy', scalar(true, item.at)]]) : undefined],
      ['bind', nested(bind)],
    ]),
  ];
};

/** `source[:target[:permissions]]` */
export const canonicalDevice = (item: Node): Node => {
  if (item.kind !== 'scalar') return item;
  const [source = '', target = '', permissions = ''] = item.text.split(':');
  return map(item.at, [
    ['source', scalar(source, item.at)],
    ['target', scalar(target === '' ? source : target, item.at)],
    ['permissions', optional(permissions, item)],
  ]);
};

/** A file mode as a number: with a leading 0, or as a text, it is octal. */
export const canonicalMode = (node: Node): Node => {
  if (node.kind !== 'scalar') return node;
  const octal = node.text.startsWith('0') || typeof node.value === 'string';
  return octal ? scalar(Number.parseInt(node.text.replace(/^0o/, ''), 8), node.at) : node;
};

const optional = (text: string, { at }: ScalarNode): Node | undefined =>
  text === '' ? undefined : scalar(text, at);
