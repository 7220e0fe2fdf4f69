/**
 * Where the instances of one component go. What is placed stays where it is; new ones go where the fewest of the same
 * component are, in the zone with the fewest first, then where the most is free; the ones too many leave where the most
 * are. Ties go by name, so that the answer is the same for every replica.
 */
import type { Component, SiteId, SiteRecord } from '@mitosis/contracts';
import type { Use } from './input.js';
import { requestOf, type Counts } from './resources.js';

export interface PlaceInput {
  readonly component: Component;
  readonly count: number;
  readonly current: Counts;
  readonly sites: readonly SiteRecord[];
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
    const site = best(input, suited, counts);
    if (site === undefined) {
      unplaced = missing;
      break;
    }
    counts = add(counts, site, 1);
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
    suited.flatMap(({ site }): [SiteId, number][] => {
      const count = input.current.get(site) ?? 0;
      return count > 0 ? [[site, count]] : [];
    }),
  );

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
  if (unplaced === 0) return where;
  const driver = input.component.run?.driver ?? 'process';
  if (suited.length === 0) return `${where}; no site runs ${driver} instances`;
  const request = requestOf(input.component);
  const shortages = suited.flatMap((site) => shortageOn(input, site, counts) ?? []).join('; ');
  return `${where}; one needs ${round(request.cpus)} cores and ${mebibytes(request.memoryBytes)} MiB, ${shortages}`;
};

const round = (value: number): number => Math.round(value * 100) / 100;
const mebibytes = (bytes: number): number => Math.round(bytes / (1024 * 1024));
