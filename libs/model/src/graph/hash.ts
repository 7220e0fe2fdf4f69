/** Hashes of plain data that do not depend on the order of keys. */
import { createHash } from 'node:crypto';

const HEX_DIGITS = 16;

export const hashOf = (value: unknown): string =>
  createHash('sha256').update(stableJson(value)).digest('hex').slice(0, HEX_DIGITS);

export const stableJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : part,
  );
