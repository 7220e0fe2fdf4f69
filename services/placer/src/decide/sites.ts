/**
 * Which sites there are: those the composition names, else those the parent lets this level use, else this machine. A
 * site that is no longer named stays until nothing is on it any more.
 */
import { siteId, type SiteRecord, type SiteSpec, type TypeGraph } from '@mitosis/contracts';
import type { Budget, PlacerInput } from './input.js';
import { troubleOf } from './trouble.js';

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
    const record = withTrouble(input, recordOf(input, spec) ?? before.get(spec.name), before.get(spec.name));
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
  if (input.own.agent === '' || !isThisMachine(input)) return undefined;
  return thisMachine(input);
};

/** Processes, and containers where the composition has some. */
const thisMachine = (input: PlacerInput): readonly SiteSpec[] => {
  const own = { agent: '', cpus: 0, memoryBytes: 0, zone: '', pricePerCpuHour: 0 };
  const graph = input.spec?.value.typeGraph;
  return [
    { ...own, name: input.own.site, driver: 'process' },
    ...(graph !== undefined && hasContainers(graph)
      ? [{ ...own, name: containerSite(input.own.site), driver: 'docker' as const }]
      : []),
  ];
};

const containerSite = (site: string): string => `${site}-docker`;

/** Here or in a child level, which gets its sites from here. */
const hasContainers = ({ components }: TypeGraph): boolean =>
  Object.values(components).some(
    ({ run, composition }) =>
      run?.driver === 'docker' || (composition !== null && hasContainers(composition)),
  );

/** Whatever sites there are were made here, by default. */
const isThisMachine = (input: PlacerInput): boolean =>
  [...input.sites.values()].every(
    ({ value: { site, agent } }) =>
      agent === input.own.agent && (site === input.own.site || site === containerSite(input.own.site)),
  );

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
  // Of one that has been silent from the first, only its silence is known.
  const said = host !== undefined && host.cpus > 0;
  if ((spec.cpus === 0 || spec.memoryBytes === 0) && !said) return undefined;
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

const withTrouble = (
  input: PlacerInput,
  record: SiteRecord | undefined,
  before: SiteRecord | undefined,
): SiteRecord | undefined => {
  if (record === undefined) return undefined;
  const { trouble: _, ...rest } = record;
  const site = before?.trouble === undefined ? rest : { ...rest, trouble: before.trouble };
  const trouble = troubleOf({ site, host: input.hosts.get(record.agent), nowMs: input.nowMs });
  return trouble === undefined ? rest : { ...rest, trouble };
};

/** The record of before where nothing changed, so that nothing is written. */
const sameRecord = (before: SiteRecord | undefined, after: SiteRecord): SiteRecord =>
  before !== undefined && JSON.stringify(before) === JSON.stringify(after) ? before : after;

const isOccupied = (input: PlacerInput, site: string): boolean =>
  [...input.instances.values()].some(({ value }) => value.site === site);
