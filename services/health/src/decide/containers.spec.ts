/** Containers: what they are told, which sockets their host needs, and what a lost site means for those on it. */
import {
  siteId,
  type Component,
  type InstanceRecord,
  type ListenerRecord,
  type SiteId,
  type SiteRecord,
} from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { decideHealth } from './decide-health.js';
import { instance, level, NOW, placement, service, SITE, status, versioned } from './fixtures.testing.js';
import { hostsOf } from './hosts.js';
import type { HealthInput } from './input.js';
import { instanceSpec } from './instance-spec.js';
import { wantedListeners } from './listeners.js';
import { worldOf } from './world.js';

const BOXES = siteId('boxes');
const FAR = siteId('far');

const boxed = (name: string, target: number, over: Partial<Component> = {}): Component => {
  const bare = service(name);
  const ports = [{ name: String(target), target, protocol: 'http' as const, published: [] }];
  const run = { ...bare.run!, driver: 'docker' as const, image: `${name}:1`, command: [], workingDir: '' };
  return { ...bare, ports, run, ...over };
};
const web = boxed('web', 8080, { resources: limits(0.5, 1_000) });
const api = boxed('api', 8080);
const db: Component = { ...boxed('db', 0), ports: [] };

function limits(cpus: number, memoryBytes: number): Component['resources'] {
  return { limits: { cpus, memoryBytes, pids: 9 }, reservations: { cpus: 0, memoryBytes: 0, pids: 0 } };
}

const siteOf = (name: SiteId, driver: 'process' | 'docker', agent: string, more = {}): SiteRecord => ({
  v: 1,
  site: name,
  driver,
  agent,
  cpus: 4,
  memoryBytes: 8e9,
  zone: '',
  pricePerCpuHour: 0,
  ...more,
});

const held = (
  name: string,
  component: string,
  host: string,
  more: Partial<ListenerRecord> = {},
): ListenerRecord => ({
  name,
  component: service(component).name,
  port: '8080',
  protocol: 'http',
  host,
  number: 8080,
  published: false,
  ...more,
});

describe('what a container is told', () => {
  const listeners: readonly ListenerRecord[] = [
    held('web/8080', 'web', '127.0.0.1', { number: 20_001 }),
    held('web/8080@docker', 'web', '10.213.0.1', { network: 'docker' }),
    held('api/8080@docker', 'api', '10.213.0.5', { network: 'docker' }),
  ];
  const specFor = (component: Component, all = listeners) =>
    instanceSpec(siteId('shop') as never, instance('x1', component.name), component, {
      v: 1,
      site: SITE,
      listeners: all,
    });

  it('is where the routers listen for each name, and its own ports', () => {
    expect(specFor(web)?.container).toMatchObject({
      image: 'web:1',
      ports: { '8080': 8080 },
      hosts: { web: '10.213.0.1', api: '10.213.0.5' },
      aliases: [],
      cpus: 0.5,
      memoryBytes: 1_000,
      pids: 9,
    });
    expect(specFor(web)?.env).toMatchObject({
      API_URL: 'http://api:8080',
      API_HOST: 'api',
      API_PORT: '8080',
    });
  });

  it('is its name on the network when no router can serve it', () => {
    expect(specFor(db)?.container?.aliases).toEqual(['db']);
    const remote = listeners.map((one) => (one.network === 'docker' ? { ...one, host: '' } : one));
    expect(specFor(web, remote)?.container).toMatchObject({ hosts: {}, aliases: ['web'] });
  });

  it('is the image that Compose would have built when there is none', () => {
    const built = { ...web, run: { ...web.run!, image: null } };
    expect(specFor(built)?.container?.image).toBe('shop-web');
  });

  it('is nothing to a process, whose addresses stay those of its host', () => {
    const spec = specFor(service('job'));
    expect(spec?.container).toBeUndefined();
    expect(spec?.env).toMatchObject({ WEB_URL: 'http://127.0.0.1:20001' });
    expect(spec?.env).not.toHaveProperty('API_URL');
  });
});

/** Processes and containers on this host, containers on another one. */
const twoHosts = (over: Partial<HealthInput> = {}, far: Partial<SiteRecord> = {}): HealthInput => {
  const base = level({ components: [web, api, db] });
  const here = base.agents.get(SITE)!;
  const agentHere = base.sites.get(SITE)!.value.agent;
  return {
    ...base,
    sites: new Map([
      ...base.sites,
      [BOXES, versioned(siteOf(BOXES, 'docker', agentHere))],
      [FAR, versioned(siteOf(FAR, 'docker', 'far:1', far))],
    ]),
    agents: new Map([
      [SITE, here],
      [BOXES, here],
      [FAR, { synced: true, host: '10.0.0.2', statuses: new Map() }],
    ]),
    ...over,
  };
};

describe('sites that share an agent', () => {
  it('are one host, whose process site stands for it', () => {
    const hosts = hostsOf(worldOf(twoHosts()));
    expect(hosts.map(({ site, hasContainers }) => [site, hasContainers])).toEqual([
      [FAR, true],
      [SITE, true],
    ]);
  });

  it('are asked once for their sockets: a name and a port for containers besides', () => {
    const asked = decideHealth(twoHosts()).acts.flatMap((act) => (act.kind === 'listen' ? [act] : []));
    expect(asked.map(({ site }) => site).toSorted()).toEqual([FAR, SITE]);
    const inside = asked
      .find(({ site }) => site === SITE)!
      .listeners.filter(({ network }) => network === 'docker');
    expect(inside.map(({ name, port }) => [name, port])).toEqual([
      ['web/8080@docker', 8080],
      ['api/8080@docker', 8080],
    ]);
    // A host of processes alone needs none of them.
    expect(
      wantedListeners(worldOf(twoHosts()).input.spec!.value.typeGraph).map(({ inside: at }) => at),
    ).toEqual([null, null]);
  });

  it('each take in what is theirs of the strays', () => {
    const base = twoHosts();
    const stray = status(instance('web-lost', 'web'), { driver: 'docker' });
    const agents = new Map(
      [...base.agents].map(([name, one]) => [
        name,
        name === FAR ? one : { ...one, statuses: new Map([...one.statuses, [stray.id as never, stray]]) },
      ]),
    );
    const written = decideHealth({ ...base, agents }).changes.flatMap(({ writes }) => writes);
    const adopted = written.find(({ key }) => key === 'instances/web-lost');
    expect(adopted?.kind === 'put' && (adopted.value as InstanceRecord).site).toBe(BOXES);
  });
});

describe('a site whose agent is silent', () => {
  const ready = (id: string, site: SiteId): InstanceRecord =>
    instance(id, 'web', { site, version: web.version, ports: { '8080': 1 } });
  /** The placer has given the far site up; what runs there cannot be seen. */
  const lost = (records: readonly InstanceRecord[], farSynced = false): HealthInput => {
    const base = twoHosts({}, { trouble: { kind: 'lost', sinceMs: 1, reason: 'silent' } });
    const all = [...[...base.instances.values()].map(({ value }) => value), ...records];
    const here = {
      ...base.agents.get(SITE)!,
      statuses: new Map([
        ...base.agents.get(SITE)!.statuses,
        ...records.filter(({ site }) => site === BOXES).map((record) => [record.id, status(record)] as const),
      ]),
    };
    const there = records
      .filter(({ site }) => site === FAR)
      .map((record) => [record.id, status(record)] as const);
    const names = wantedListeners(base.spec!.value.typeGraph, { hasContainers: true });
    const listeners = names.map(({ name, component, inside }) =>
      held(name, component.name, '10.213.0.1', inside === null ? {} : { network: 'docker' }),
    );
    return {
      ...base,
      instances: new Map(all.map((record) => [record.id, versioned(record)])),
      placements: new Map([['web', placement('web', { [BOXES]: 2 })]]),
      listeners: new Map([[SITE, versioned({ v: 1 as const, site: SITE, listeners })]]),
      agents: new Map([
        [SITE, here],
        [BOXES, here],
        [FAR, { synced: farSynced, host: '10.0.0.2', statuses: new Map(there) }],
      ]),
    };
  };
  const phasesOf = (input: HealthInput): Readonly<Record<string, string>> =>
    Object.fromEntries(
      decideHealth(input)
        .changes.flatMap(({ writes }) => writes)
        .flatMap((write) =>
          write.kind === 'put' && write.key.startsWith('instances/web')
            ? [[write.key.slice('instances/'.length), (write.value as InstanceRecord).phase] as const]
            : [],
        ),
    );

  it('has its instances replaced first', () => {
    const phases = phasesOf(lost([ready('web-a', BOXES), ready('web-b', FAR)]));
    expect(phases['web-b']).toBeUndefined();
    expect(Object.values(phases)).toEqual(['starting']);
  });

  it('has those that were replaced end by a committed decision, whether it comes back or not', () => {
    const both = [ready('web-a', BOXES), ready('web-c', BOXES), ready('web-b', FAR)];
    expect(phasesOf(lost(both))).toEqual({ 'web-b': 'draining' });
    const leaving = both.map((record) =>
      record.id === 'web-b' ? { ...record, phase: 'stopping' as const, sinceMs: NOW } : record,
    );
    // The same act until the agent has answered it; only then the record goes.
    for (const synced of [false, true]) {
      const plan = decideHealth(lost(leaving, synced));
      const stops = plan.acts.filter((act) => act.kind === 'stop');
      expect(stops.map((act) => ('id' in act ? act.id : ''))).toEqual(['web-b']);
      expect(plan.changes.flatMap(({ writes }) => writes).map(({ key }) => key)).not.toContain(
        'instances/web-b',
      );
    }
  });
});
