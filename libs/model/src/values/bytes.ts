/** Compose byte sizes: `512`, `128M`, `1.5gb`, `64MiB`; every unit is a power of 1024, as Docker reads them. */
const POWERS = 'bkmgtp';
export const BYTES_PATTERN = '^\\d+(\\.\\d+)?\\s*([bB]|[kKmMgGtTpP]([iI]?[bB])?)?$';
const WHOLE = new RegExp(BYTES_PATTERN);

/** Bytes, or undefined when the text is no size. */
export const byteSize = (text: string): number | undefined => {
  if (!WHOLE.test(text)) return undefined;
  const unit = /[a-z]/i.exec(text)?.[0]?.toLowerCase() ?? 'b';
  return Math.round(Number.parseFloat(text) * 1024 ** POWERS.indexOf(unit));
};
