/** Shares: `1%` or `0.01`. */
export const RATIO_PATTERN = '^(\\d+(\\.\\d+)?\\s*%|0|1|0?\\.\\d+|1\\.0+)$';
const WHOLE = new RegExp(RATIO_PATTERN);

/** 0..1, or undefined when the text is no share. */
export const ratio = (text: string): number | undefined => {
  if (!WHOLE.test(text)) return undefined;
  const percent = text.endsWith('%');
  const value = Number.parseFloat(text) / (percent ? 100 : 1);
  // `0.1%` is 0.001, not 0.0010000000000000002.
  const exact = Number(value.toPrecision(12));
  return exact <= 1 ? exact : undefined;
};
