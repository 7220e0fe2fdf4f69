/** What a transaction put below a prefix, parsed. */
import { levelPrefix, PREFIXES } from '@mitosis/contracts';
import type { SeenTxn } from '@mitosis/coordination';
import { LEVEL } from '../level/composition.js';
import type { Families, Family } from '../level/families.js';

const FULL = levelPrefix(LEVEL);

export const putsOf = <F extends Family>(
  { txn, response }: SeenTxn,
  family: F,
): readonly { readonly name: string; readonly value: Families[F] }[] => {
  if (!response.succeeded) return [];
  const start = FULL + PREFIXES[family];
  return txn.writes.flatMap((write) =>
    write.kind === 'put' && write.key.startsWith(start)
      ? [{ name: write.key.slice(start.length), value: JSON.parse(write.value) as Families[F] }]
      : [],
  );
};
