/**
 * Header fields on their way through: hop-by-hop ones end here (RFC 9110, 7.6.1), forwarding ones are added for our own
 * components. A third party is sent the host it expects and nothing about the inside.
 * Works on flat lists [name, value, name, value, …] as Node gives them: order, spelling and repeats survive.
 */

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Answered by the listener itself (100 Continue): the body is on its way already.
  'expect',
]);

const FORWARDING: ReadonlySet<string> = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host']);

/** Names that a `Connection` header declares hop-by-hop, lower case. */
const connectionTokens = (raw: readonly string[]): ReadonlySet<string> | undefined => {
  let tokens: Set<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() !== 'connection') continue;
    for (const token of raw[i + 1]?.split(',') ?? []) {
      const name = token.trim().toLowerCase();
      if (name !== '' && name !== 'close' && name !== 'keep-alive') (tokens ??= new Set()).add(name);
    }
  }
  return tokens;
};

export interface ForwardedFrom {
  readonly remoteAddress: string;
  /** Host header to send; empty: the client's. */
  readonly authority: string;
}

export const requestHeaders = (raw: readonly string[], from: ForwardedFrom): string[] => {
  const tokens = connectionTokens(raw);
  const out: string[] = [];
  let host = '';
  let forwardedFor = '';
  let hasProto = false;
  let hasHost = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || tokens?.has(lower)) continue;
    if (lower === 'host') host = value;
    else if (FORWARDING.has(lower)) {
      if (from.authority !== '') continue;
      if (lower === 'x-forwarded-for')
        forwardedFor = forwardedFor === '' ? value : `${forwardedFor}, ${value}`;
      else {
        hasProto ||= lower === 'x-forwarded-proto';
        hasHost ||= lower === 'x-forwarded-host';
        out.push(name, value);
      }
    } else out.push(name, value);
  }
  out.push('Host', from.authority === '' ? host : from.authority);
  if (from.authority !== '') return out;
  out.push(
    'X-Forwarded-For',
    forwardedFor === '' ? from.remoteAddress : `${forwardedFor}, ${from.remoteAddress}`,
  );
  if (!hasProto) out.push('X-Forwarded-Proto', 'http');
  if (!hasHost && host !== '') out.push('X-Forwarded-Host', host);
  return out;
};

export const responseHeaders = (raw: readonly string[]): string[] => {
  const tokens = connectionTokens(raw);
  const out: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !tokens?.has(lower)) out.push(name, raw[i + 1] ?? '');
  }
  return out;
};

/** The path to ask for: origin form, below the target's base path. Undefined for what cannot be forwarded (`*`, an authority). */
export const targetPath = (url: string, basePath: string): string | undefined => {
  if (url.startsWith('/')) return basePath + url;
  if (!URL.canParse(url)) return undefined;
  const { protocol, pathname, search } = new URL(url);
  return protocol === 'http:' || protocol === 'https:' ? basePath + pathname + search : undefined;
};
