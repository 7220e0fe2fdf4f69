/** Pieces of SVG as text, and the palette of the report. Pure. */

export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

type Attributes = Readonly<Record<string, string | number>>;

const attributesText = (attributes: Attributes): string =>
  Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${typeof value === 'number' ? round(value) : escapeXml(value)}"`)
    .join('');

const round = (value: number): number => Math.round(value * 100) / 100;

export const element = (name: string, attributes: Attributes, inner: readonly string[] = []): string =>
  inner.length === 0
    ? `<${name}${attributesText(attributes)}/>`
    : `<${name}${attributesText(attributes)}>${inner.join('')}</${name}>`;

export const label = (x: number, y: number, text: string, attributes: Attributes = {}): string =>
  element('text', { x, y, ...attributes }, [escapeXml(text)]);

export const line = (x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string =>
  element('line', { x1, y1, x2, y2, ...attributes });

/** Light and dark, by what the reader's system prefers; the same names in page and picture. */
export const PALETTE_CSS = `
:root,svg{--bg:#fff;--ink:#1b1f24;--muted:#667079;--grid:#e4e8ec;--band:#f5f7f9;--web:#2563c9;--api:#0e8a6d;--own:#c2570c;--third:#7c8ba1;--bad:#c8281e;--good:#15803d;--warn:#b45309}
@media (prefers-color-scheme:dark){:root,svg{--bg:#14171b;--ink:#e8ebee;--muted:#98a2ad;--grid:#2a3037;--band:#1a1e23;--web:#6ea3ff;--api:#3ecfa6;--own:#f0934a;--third:#8896aa;--bad:#ff6b60;--good:#4ade80;--warn:#fbbf24}}
`;
