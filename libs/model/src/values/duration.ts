/** Compose durations: `1h30m`, `2.5s`, `300ms`. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
export const DURATION_PATTERN = '^(0|(\\d+(\\.\\d+)?(ns|us|µs|ms|s|m|h|d|w))+)$';
const WHOLE = new RegExp(DURATION_PATTERN);

/** Milliseconds, or undefined when the text is no duration (a number without a unit is none, except 0). */
export const durationMs = (text: string): number | undefined => {
  if (!WHOLE.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([a-zµ]+)/g))
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  // Parts of a microsecond mean nothing here and would only differ by rounding.
  return Math.round(total * 1_000) / 1_000;
};
