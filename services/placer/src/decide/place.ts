/**
 * Where the instances of one component go. What is placed stays where it is; new ones go where the fewest of the same
 * component are, in the zone with the fewest first, then where the most is free; the ones too many leave where the most
 * are. What is on a lost site goes elsewhere as far as there is room. Ties go by name, so that the answer is the same for
 * every replica.
 */
import type { Component, SiteId, SiteRecord } from '@mitosis/contracts';
import type { Use } from './input.js';
import { requestOf, type Counts } from './resources.js';
import { hasLocalData } from './trouble.js';

export interface PlaceInput {
  readonly component: Component;
  readonly count: number;
  readonly current: Counts;
  readonly sites: readonly SiteRecord[];
  /** How many of its instances run on each site, as far as is known. */
  readonly up: Counts;
  /** What everything but this component uses. */
  readonly otherUse: ReadonlyMap<SiteId, Use>;
}

export interface PlaceDecision {
  readonly counts: Counts;
  readonly unplaced: number;
  readonly reason: string;
}

export const place = (input: PlaceInput): PlaceDecision => {
  const suited = input.sites.filter(({ driver }) => driver === (input.component.run?.driver ?? 'process'));
  let counts = keep(input, suited);
  let unplaced = 0;
  for (let missing = input.count - total(counts); missing > 0; missing -= 1) {
    const site = best(input, openTo(input, suited, counts), counts);
    if (site === undefined) {
      unplaced = missing;
      break;
    }
    counts = add(counts, site, 1);
  }
  // What finds no other place keeps its own: fewer would be wanted for no other reason than that nothing is heard.
  for (const { site, trouble } of suited) {
    if (trouble?.kind !== 'lost') continue;
    const back = Math.min(unplaced, (input.current.get(site) ?? 0) - (counts.get(site) ?? 0));
    if (back <= 0) continue;
    counts = add(counts, site, back);
    unplaced -= back;
  }
  for (let surplus = total(counts) - input.count; surplus > 0; surplus -= 1) {
    const site = fullest(suited, counts);
    if (site !== undefined) counts = add(counts, site, -1);
  }
  return { counts, unplaced, reason: reasonOf(input, suited, counts, unplaced) };
};

/** A site that shrank keeps what it has: moving costs more than a tight place. */
const keep = (input: PlaceInput, suited: readonly SiteRecord[]): Counts =>
  new Map(
    suited.flatMap((site): [SiteId, number][] => {
      const count = keptOn(input, site);
      return count > 0 ? [[site.site, count]] : [];
    }),
  );

/** On a site in trouble: what runs while it can be seen, nothing when it cannot; what may not move, stays. */
const keptOn = (input: PlaceInput, { site, trouble }: SiteRecord): number => {
  const current = input.current.get(site) ?? 0;
  if (trouble === undefined || input.component.exclusive || hasLocalData(input.component)) return current;
  return trouble.kind === 'lost' ? 0 : Math.min(current, input.up.get(site) ?? 0);
};

/** Where new ones may go: not into trouble, and where the data is, once there is some. */
const openTo = (input: PlaceInput, suited: readonly SiteRecord[], counts: Counts): readonly SiteRecord[] => {
  const withData = hasLocalData(input.component)
    ? suited.find(({ site }) => (counts.get(site) ?? 0) > 0)
    : undefined;
  return (withData === undefined ? suited : [withData]).filter(({ trouble }) => trouble === undefined);
};

const total = (counts: Counts): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

const add = (counts: Counts, site: SiteId, change: number): Counts => {
  const count = (counts.get(site) ?? 0) + change;
  const next = new Map(counts);
  if (count > 0) next.set(site, count);
  else next.delete(site);
  return next;
};

const best = (input: PlaceInput, sites: readonly SiteRecord[], counts: Counts): SiteId | undefined => {
  const inZone = (zone: string): number =>
    sites.filter((site) => site.zone === zone).reduce((sum, { site }) => sum + (counts.get(site) ?? 0), 0);
  return sites
    .filter((site) => shortageOn(input, site, counts) === undefined)
    .map((site) => ({
      site: site.site,
      zone: inZone(site.zone),
      same: counts.get(site.site) ?? 0,
      free: freeShare(input, site, counts),
    }))
    .sort((a, b) => a.zone - b.zone || a.same - b.same || b.free - a.free || (a.site < b.site ? -1 : 1))[0]
    ?.site;
};

const fullest = (sites: readonly SiteRecord[], counts: Counts): SiteId | undefined =>
  sites
    .map(({ site }) => ({ site, same: counts.get(site) ?? 0 }))
    .filter(({ same }) => same > 0)
    .sort((a, b) => b.same - a.same || (a.site < b.site ? 1 : -1))[0]?.site;

const usedOn = (input: PlaceInput, site: SiteId, counts: Counts): Use => {
  const other = input.otherUse.get(site) ?? { cpus: 0, memoryBytes: 0 };
  const request = requestOf(input.component);
  const count = counts.get(site) ?? 0;
  return {
    cpus: other.cpus + count * request.cpus,
    memoryBytes: other.memoryBytes + count * request.memoryBytes,
  };
};

/** Sums of tenths are not exact; a millionth of a core is nobody's. */
const EPSILON = 1e-6;

/** What one more instance would lack there; undefined: it fits. */
const shortageOn = (input: PlaceInput, site: SiteRecord, counts: Counts): string | undefined => {
  const used = usedOn(input, site.site, counts);
  const request = requestOf(input.component);
  if (used.cpus + request.cpus > site.cpus + EPSILON) {
    return `${site.site} has ${round(site.cpus - used.cpus)} of ${round(site.cpus)} cores left`;
  }
  if (used.memoryBytes + request.memoryBytes > site.memoryBytes) {
    return `${site.site} has ${mebibytes(site.memoryBytes - used.memoryBytes)} MiB left`;
  }
  return undefined;
};

/** Of the scarcer resource, 0..1. */
const freeShare = (input: PlaceInput, site: SiteRecord, counts: Counts): number => {
  const used = usedOn(input, site.site, counts);
  return Math.min(
    1 - used.cpus / Math.max(EPSILON, site.cpus),
    1 - used.memoryBytes / Math.max(1, site.memoryBytes),
  );
};

const reasonOf = (
  input: PlaceInput,
  suited: readonly SiteRecord[],
  counts: Counts,
  unplaced: number,
): string => {
  const where = [...counts].map(([site, count]) => `${count} on ${site}`).join(', ') || 'none';
  if (unplaced === 0) return `${where}${movedFrom(input, suited, counts)}`;
  const driver = input.component.run?.driver ?? 'process';
  if (suited.length === 0) return `${where}; no site runs ${driver} instances`;
  const open = openTo(input, suited, counts);
  const troubles = suited.flatMap(({ site, trouble }) =>
    trouble === undefined ? [] : [`${site}: ${trouble.reason}`],
  );
  if (open.length === 0) return `${where}; ${troubles.join('; ')}`;
  const request = requestOf(input.component);
  const shortages = [...open.flatMap((site) => shortageOn(input, site, counts) ?? []), ...troubles].join(
    '; ',
  );
  return `${where}; one needs ${round(request.cpus)} cores and ${mebibytes(request.memoryBytes)} MiB, ${shortages}`;
};

/** Why fewer are on a site than were. */
const movedFrom = (input: PlaceInput, suited: readonly SiteRecord[], counts: Counts): string =>
  suited
    .filter(
      ({ site, trouble }) =>
        trouble !== undefined && (input.current.get(site) ?? 0) > (counts.get(site) ?? 0),
    )
    .map(({ site, trouble }) => `; moved from ${site}: ${trouble?.reason ?? ''}`)
    .join('');

const round = (value: number): number => Math.round(value * 100) / 100;
const mebibytes = (bytes: number): number => Math.round(bytes / (1024 * 1024));
