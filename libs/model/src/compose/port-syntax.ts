/** `ports` and `expose` in their short forms: `[host:][published:]target[/protocol]`, each part a port or a range. */
import { isPort } from '../shape/formats.js';

export interface ShortPort {
  readonly hostIp: string;
  /** '' when the host's port is left open. */
  readonly published: string;
  readonly target: number;
  readonly protocol: string;
}

/** One entry per port of the range, or what is wrong with the text. */
export const parsePort = (text: string): readonly ShortPort[] | { readonly wrong: string } => {
  const [address = '', protocol = 'tcp', ...more] = text.split('/');
  if (more.length > 0 || protocol === '')
    return { wrong: 'there is more than one protocol or none after the /' };
  const { hostIp, rest } = splitHost(address);
  const parts = rest.split(':');
  if (parts.length > 2) return { wrong: 'there are more than two ports' };
  const target = parseRange(parts[parts.length - 1] ?? '');
  const published = parts.length === 2 && parts[0] !== '' ? parseRange(parts[0] ?? '') : undefined;
  if (target === undefined) return { wrong: 'the port inside is not from 1 to 65535' };
  if (parts.length === 2 && parts[0] !== '' && published === undefined)
    return { wrong: 'the port outside is not from 1 to 65535' };
  return pair(hostIp, published, target, protocol);
};

const splitHost = (address: string): { hostIp: string; rest: string } => {
  const v6 = /^\[([0-9a-fA-F:.]+)\]:(.*)$/.exec(address);
  if (v6 !== null) return { hostIp: v6[1] ?? '', rest: v6[2] ?? '' };
  const v4 = /^(\d+\.\d+\.\d+\.\d+|localhost):(.*)$/.exec(address);
  return v4 === null ? { hostIp: '', rest: address } : { hostIp: v4[1] ?? '', rest: v4[2] ?? '' };
};

interface Range {
  readonly from: number;
  readonly to: number;
}

export const parseRange = (text: string): Range | undefined => {
  const found = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (found === null) return undefined;
  const from = Number(found[1]);
  const to = Number(found[2] ?? found[1]);
  return isPort(from) && isPort(to) && from <= to ? { from, to } : undefined;
};

const size = ({ from, to }: Range): number => to - from + 1;

const pair = (
  hostIp: string,
  published: Range | undefined,
  target: Range,
  protocol: string,
): readonly ShortPort[] | { readonly wrong: string } => {
  const at = (index: number, text: string): ShortPort => ({
    hostIp,
    published: text,
    target: target.from + index,
    protocol,
  });
  if (published === undefined) return Array.from({ length: size(target) }, (_, index) => at(index, ''));
  if (size(published) === size(target))
    return Array.from({ length: size(target) }, (_, index) => at(index, String(published.from + index)));
  // A range outside and one port inside: any free port of the range.
  if (size(target) === 1) return [at(0, `${published.from}-${published.to}`)];
  return { wrong: 'the ranges outside and inside have different lengths' };
};
