/**
 * Erlang's C for the simulated pools, tabulated: a month of seconds asks for it some million times. Kept apart from the
 * formula of the policies on purpose: what judges a decision must not share an error with it.
 */

/** Steps of the utilisation from 0 to 1; between them is interpolated. */
const STEPS = 512;
/** Pools larger than this are treated as this many servers at the same utilisation: hardly anything waits there. */
const SERVERS_MAX = 4_096;

const exact = (offered: number, servers: number): number => {
  let blocking = 1;
  for (let k = 1; k <= servers; k += 1) blocking = (offered * blocking) / (k + offered * blocking);
  return blocking / (1 - (offered / servers) * (1 - blocking));
};

const tables = new Map<number, Float64Array>();

const tableOf = (servers: number): Float64Array => {
  let table = tables.get(servers);
  if (table === undefined) {
    table = new Float64Array(STEPS + 1).fill(-1);
    table[0] = 0;
    table[STEPS] = 1;
    tables.set(servers, table);
  }
  return table;
};

const entry = (table: Float64Array, servers: number, step: number): number => {
  let value = table[step] ?? 1;
  if (value < 0) {
    value = exact((servers * step) / STEPS, servers);
    table[step] = value;
  }
  return value;
};

/** Probability that an arrival finds all of `servers` (whole, at least 1) busy. 1 at full use and beyond. */
export const waitChance = (offered: number, servers: number): number => {
  if (offered <= 0) return 0;
  const utilisation = offered / servers;
  if (utilisation >= 1) return 1;
  const counted = Math.min(SERVERS_MAX, servers);
  const table = tableOf(counted);
  const position = utilisation * STEPS;
  const low = Math.floor(position);
  const below = entry(table, counted, low);
  return below + (position - low) * (entry(table, counted, low + 1) - below);
};
