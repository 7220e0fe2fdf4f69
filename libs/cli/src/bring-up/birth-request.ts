/** What a root level is born from: its first etcd members and its first manager. Pure; ids are handed in. */
import {
  etcdSpec,
  instanceId,
  MANAGEMENT_COMPONENTS,
  managedLevel,
  managerSpec,
  siteId,
  type agent,
  type InstanceId,
  type Release,
  type SiteId,
  type SiteSpec,
  type TypeGraph,
} from '@mitosis/contracts';

/** What a replica calls the site it runs on when the composition names none. */
const LOCAL_SITE = siteId('local');
/** ARCHITECTURE.md, rule 3: succession within about a lease; shorter ones make slow machines lose leaders for nothing. */
const LEASE_TTL_MS = 3_000;

/** The site that is this machine; where it is several, management belongs to the one of processes. */
export const localSite = (typeGraph: TypeGraph, agentAddress = ''): SiteId => {
  const here = typeGraph.sites.filter(({ agent: at }) => at === '' || at === agentAddress);
  const own = here.find(({ driver }) => driver === 'process') ?? here.toSorted(byName)[0];
  return own === undefined ? LOCAL_SITE : siteId(own.name);
};

const byName = (a: SiteSpec, b: SiteSpec): number => (a.name < b.name ? -1 : 1);

/** The agent ignores ids and specs of a level that already lives there. */
export const birthRequest = (
  typeGraph: TypeGraph,
  release: Release,
  agentAddress: string,
  newSuffix: () => string,
): agent.BirthRequest => {
  const { level } = typeGraph;
  const id = (component: string): InstanceId => instanceId(`${component}-${newSuffix()}`);
  return {
    level,
    parent: '',
    act: undefined,
    incarnation: 0,
    etcd: Array.from({ length: typeGraph.management.etcdMembers }, () =>
      etcdSpec(level, id(MANAGEMENT_COMPONENTS.etcd), release),
    ),
    manager: managerSpec(
      {
        level,
        id: id(MANAGEMENT_COMPONENTS.manager),
        release,
        site: localSite(typeGraph, agentAddress),
        agent: agentAddress,
        etcd: '{{etcd}}',
        incarnation: '{{incarnation}}',
        leaseTtlMs: LEASE_TTL_MS,
      },
      managedLevel(typeGraph),
    ),
  };
};
