/**
 * Sites with the same agent are one host: its sockets and its management replicas are there once, whatever kinds of
 * instances the host runs. One of its sites stands for it: the process site where there is one, else the first by name.
 */
import type { SiteId, SiteRecord } from '@mitosis/contracts';
import type { World } from './world.js';

export interface Host {
  /** The site that stands for it: listeners and management replicas carry its name. */
  readonly site: SiteId;
  readonly agent: string;
  readonly sites: readonly SiteRecord[];
  /** Some of its sites run containers. */
  readonly hasContainers: boolean;
}

export const hostsOf = (world: World): readonly Host[] => {
  const byAgent = new Map<string, SiteRecord[]>();
  for (const { value } of world.input.sites.values()) {
    // Without an address nothing is known to be shared.
    const key = value.agent === '' ? `site ${value.site}` : value.agent;
    byAgent.set(key, [...(byAgent.get(key) ?? []), value]);
  }
  return [...byAgent.values()].map(hostOf).sort((a, b) => (a.site < b.site ? -1 : 1));
};

const hostOf = (records: readonly SiteRecord[]): Host => {
  const sites = [...records].sort((a, b) => rank(a) - rank(b) || (a.site < b.site ? -1 : 1));
  const [first] = sites;
  if (first === undefined) throw new Error('a host has a site');
  return {
    site: first.site,
    agent: first.agent,
    sites,
    hasContainers: sites.some(({ driver }) => driver === 'docker'),
  };
};

const rank = ({ driver }: SiteRecord): number => (driver === 'process' ? 0 : 1);

/** The host of a site; undefined while the site is not known. */
export const hostOfSite = (world: World, site: SiteId): Host | undefined =>
  hostsOf(world).find(({ sites }) => sites.some((one) => one.site === site));

/** The site under whose name the sockets of this site's host are recorded. */
export const hostSite = (world: World, site: SiteId): SiteId => hostOfSite(world, site)?.site ?? site;
