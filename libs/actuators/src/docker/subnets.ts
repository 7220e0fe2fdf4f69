/** Small subnets of a range, in an order that differs from name to name, and whether two ranges overlap. Pure. */
import { createHash } from 'node:crypto';
import { MitosisError } from '@mitosis/contracts';

export interface AddressRange {
  /** `10.213.0.4/30` */
  readonly text: string;
  readonly first: number;
  readonly last: number;
  /** Its first address after that of the network itself. */
  readonly gateway: string;
}

/** A network, the gateway, one more address, the broadcast: the smallest that an engine takes. */
const SMALL_BITS = 30;

export const addressRange = (cidr: string): AddressRange | undefined => {
  const [, a, b, c, d, bits] = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr)?.map(Number) ?? [];
  if (a === undefined || b === undefined || c === undefined || d === undefined || bits === undefined)
    return undefined;
  if ([a, b, c, d].some((part) => part > 255) || bits > 32) return undefined;
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = Math.floor(address / size) * size;
  return rangeOf(first, bits);
};

const rangeOf = (first: number, bits: number): AddressRange => ({
  text: `${spell(first)}/${bits}`,
  first,
  last: first + 2 ** (32 - bits) - 1,
  gateway: spell(first + 1),
});

const spell = (address: number): string =>
  [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(address / unit) % 256).join('.');

export const overlapsAny = (range: AddressRange, others: readonly AddressRange[]): boolean =>
  others.some(({ first, last }) => range.first <= last && first <= range.last);

/** All small subnets of the pool, beginning where the name says. Throws MitosisError `invalid_input`. */
export function* subnetsOf(pool: string, name: string): Generator<AddressRange> {
  const whole = addressRange(pool);
  const size = 2 ** (32 - SMALL_BITS);
  if (whole === undefined || whole.last - whole.first + 1 < size)
    throw new MitosisError(
      'invalid_input',
      `MITOSIS_DOCKER_POOL is ${pool}; write a range such as 10.213.0.0/16`,
    );
  const count = Math.floor((whole.last - whole.first + 1) / size);
  const start = createHash('sha256').update(name).digest().readUInt32BE(0) % count;
  for (let i = 0; i < count; i += 1) yield rangeOf(whole.first + ((start + i) % count) * size, SMALL_BITS);
}
