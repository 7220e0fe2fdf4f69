/** What the monitor takes from the level's records: plain data out of parsed records, nothing else. */
import type { InstanceRecord, MemberRecord, ReplicaId, SiteRecord, SpecRecord } from '@mitosis/contracts';
import type { MonitoredComponent } from './snapshot.js';
import type { InstancePrice } from './summary.js';

export const monitoredComponents = (spec: SpecRecord | undefined): readonly MonitoredComponent[] =>
  Object.values(spec?.typeGraph.components ?? {}).map(({ name, kind, ports }) => ({
    name,
    // A binding always has a port, a composition those of its child's entry.
    routed: kind === 'binding' || kind === 'composition' || ports.length > 0,
  }));

/** Instances whose process may run: those that ended use nothing and are not waited for. */
export const componentOfInstances = (instances: readonly InstanceRecord[]): ReadonlyMap<string, string> =>
  new Map(
    instances
      .filter(({ phase }) => phase !== 'completed' && phase !== 'failed')
      .map(({ id, component }) => [id, component]),
  );

export const routersOf = (members: readonly MemberRecord[]): ReadonlyMap<ReplicaId, string> =>
  new Map(
    members
      .filter(({ functions }) => functions.includes('router'))
      .map(({ replica, grpc }) => [replica, grpc]),
  );

/** Addresses of all agents: those of the sites, and this host's for sites that name none. */
export const agentsOf = (sites: readonly SiteRecord[], ownAgent: string): readonly string[] => {
  const addresses = sites.map(({ agent }) => (agent === '' ? ownAgent : agent));
  return [...new Set([...addresses, ownAgent])].filter((address) => address !== '').sort();
};

export const pricedInstances = (
  spec: SpecRecord | undefined,
  instances: readonly InstanceRecord[],
  sites: readonly SiteRecord[],
): readonly InstancePrice[] => {
  const prices = new Map(sites.map(({ site, pricePerCpuHour }) => [site, pricePerCpuHour]));
  return instances
    .filter(({ class: kind, phase }) => kind === 'application' && phase !== 'completed' && phase !== 'failed')
    .map(({ component, site }) => {
      const resources = spec?.typeGraph.components[component]?.resources;
      return {
        component,
        cpus: resources === undefined ? 0 : resources.reservations.cpus || resources.limits.cpus,
        pricePerCpuHour: prices.get(site) ?? 0,
      };
    });
};
