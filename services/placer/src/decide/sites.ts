/**
 * Which sites there are: those the composition names, else those the parent lets this level use, else this machine. A
 * site that is no longer named stays until nothing is on it any more.
 */
import { siteId, type SiteRecord, type SiteSpec } from '@mitosis/contracts';
import type { Budget, PlacerInput } from './input.js';

export interface SitesDecision {
  /** Every site that is known, by name. */
  readonly records: ReadonlyMap<string, SiteRecord>;
  /** Those instances may be placed on. */
  readonly open: readonly SiteRecord[];
  /** Why a site that is wanted is not there yet. */
  readonly waits: readonly { readonly on: string; readonly reason: string }[];
}

export const decideSites = (input: PlacerInput): SitesDecision => {
  const before = new Map([...input.sites].map(([name, { value }]) => [name, value]));
  const wanted = wantedSites(input);
  if (wanted === undefined) {
    return {
      records: before,
      open: [...before.values()],
      waits:
        before.size > 0 ? [] : [{ on: 'site', reason: 'no site is named and this process has no agent' }],
    };
  }
  const records = new Map<string, SiteRecord>();
  const waits: { on: string; reason: string }[] = [];
  for (const spec of wanted) {
    const record = recordOf(input, spec) ?? before.get(spec.name);
    if (record === undefined) {
      waits.push({ on: 'agent', reason: `the agent of site ${spec.name} has not said what it has` });
    } else records.set(spec.name, sameRecord(before.get(spec.name), record));
  }
  const open = [...records.values()];
  for (const [name, record] of before) {
    if (!records.has(name) && isOccupied(input, name)) records.set(name, record);
  }
  return { records, open, waits };
};

/** Undefined: nobody says, so what is known stays. */
const wantedSites = (input: PlacerInput): readonly SiteSpec[] | undefined => {
  const named = input.spec?.value.typeGraph.sites ?? [];
  if (named.length > 0) return named;
  if (input.budget !== null) return input.budget.map(specOf);
  if (input.sites.size > 0 || input.own.agent === '') return undefined;
  return [
    {
      name: input.own.site,
      driver: 'process',
      agent: '',
      cpus: 0,
      memoryBytes: 0,
      zone: '',
      pricePerCpuHour: 0,
    },
  ];
};

const specOf = ({ site, driver, agent, cpus, memoryBytes, zone, pricePerCpuHour }: Budget): SiteSpec => ({
  name: site,
  driver,
  agent,
  cpus,
  memoryBytes,
  zone,
  pricePerCpuHour,
});

const recordOf = (input: PlacerInput, spec: SiteSpec): SiteRecord | undefined => {
  const agent = spec.agent || input.own.agent;
  const host = input.hosts.get(agent);
  if ((spec.cpus === 0 || spec.memoryBytes === 0) && host === undefined) return undefined;
  return {
    v: 1,
    site: siteId(spec.name),
    driver: spec.driver,
    agent,
    cpus: spec.cpus || (host?.cpus ?? 0),
    memoryBytes: spec.memoryBytes || (host?.memoryBytes ?? 0),
    zone: spec.zone,
    pricePerCpuHour: spec.pricePerCpuHour,
  };
};

/** The record of before where nothing changed, so that nothing is written. */
const sameRecord = (before: SiteRecord | undefined, after: SiteRecord): SiteRecord =>
  before !== undefined && JSON.stringify(before) === JSON.stringify(after) ? before : after;

const isOccupied = (input: PlacerInput, site: string): boolean =>
  [...input.instances.values()].some(({ value }) => value.site === site);
