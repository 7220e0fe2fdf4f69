/** Amounts per time: money (`2.50/h`, `60/d`) and requests (`200/s`, `200`). */
export const MONEY_PATTERN = '^\\d+(\\.\\d+)?(\\s*/\\s*[hd])?$';
export const THROUGHPUT_PATTERN = '^\\d+(\\.\\d+)?(\\s*/\\s*(s|m))?$';

const perUnit =
  (pattern: string, divisors: Readonly<Record<string, number>>) =>
  (text: string): number | undefined => {
    if (!new RegExp(pattern).test(text)) return undefined;
    const unit = /[a-z]$/.exec(text)?.[0] ?? '';
    return Number((Number.parseFloat(text) / (divisors[unit] ?? 1)).toPrecision(12));
  };

/** Per hour; a bare number is per hour. */
export const moneyPerHour = perUnit(MONEY_PATTERN, { d: 24 });
/** Per second; a bare number is per second. */
export const requestsPerSecond = perUnit(THROUGHPUT_PATTERN, { m: 60 });
