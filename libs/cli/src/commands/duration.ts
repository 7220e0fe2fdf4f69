/** Durations on the command line. */
import { MitosisError } from '@mitosis/contracts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `90s`, `10m`, `1h`, `500ms`; a bare number is seconds. Throws MitosisError `invalid_input`. */
export const parseDuration = (text: string): number => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const factor = UNITS[unit ?? 's'];
  if (amount === undefined || factor === undefined)
    throw new MitosisError('invalid_input', `${text} is no duration: expected e.g. 90s, 10m or 1h`);
  return Number(amount) * factor;
};
