/** A site whose engine is gone, or whose agent is silent: what is concluded, when, and what is not. */
import {
  componentName,
  decisionId,
  instanceId,
  siteId,
  type Component,
  type InstancePhase,
  type PlacementRecord,
  type SiteRecord,
  type SiteTrouble,
} from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { decidePlacement } from './decide-placement.js';
import { component, input, site, specOf, target, versioned } from './fixtures.testing.js';
import type { HostCapacity, PlacerInput } from './input.js';
import { AGENT_SILENT_MS, ENGINE_AWAY_MS, hasLocalData, troubleOf } from './trouble.js';

const NOW = 1_000_000;
const well: HostCapacity = { cpus: 4, memoryBytes: 8e9, silentSinceMs: null };
const silentFor = (ms: number): HostCapacity => ({ ...well, silentSinceMs: NOW - ms });
const engineAway = (forMs: number): HostCapacity => ({
  ...well,
  engine: { usable: false, detail: 'no Docker engine answers', forMs },
});
const docker = (name: string, trouble?: SiteTrouble): SiteRecord =>
  site(name, { driver: 'docker', ...(trouble === undefined ? {} : { trouble }) });
const lost: SiteTrouble = { kind: 'lost', sinceMs: 1, reason: 'silent' };
const closed: SiteTrouble = { kind: 'closed', sinceMs: 1, reason: 'no engine' };

describe('what is wrong with a site', () => {
  const of = (record: SiteRecord, host: HostCapacity | undefined): SiteTrouble | undefined =>
    troubleOf({ site: record, host, nowMs: NOW });

  it('is nothing while its agent answers and its engine, too', () => {
    expect(of(docker('a'), { ...well, engine: { usable: true, detail: '', forMs: 0 } })).toBeUndefined();
    expect(of(docker('a', lost), well)).toBeUndefined();
  });

  it('is nothing yet while the engine restarts or the agent misses a few answers', () => {
    expect(of(docker('a'), engineAway(ENGINE_AWAY_MS - 1))).toBeUndefined();
    expect(of(docker('a'), silentFor(AGENT_SILENT_MS - 1))).toBeUndefined();
  });

  it('is an engine that does not answer, with the words of its agent', () => {
    expect(of(docker('a'), engineAway(ENGINE_AWAY_MS))).toEqual({
      kind: 'closed',
      sinceMs: NOW,
      reason: 'no Docker engine answers',
    });
    expect(of(docker('a', closed), engineAway(0))).toBe(closed);
  });

  it('is no concern of processes that the engine does not answer', () => {
    expect(of(site('a'), engineAway(600_000))).toBeUndefined();
  });

  it('is a silence that is longer than a restart takes', () => {
    expect(of(docker('a'), silentFor(AGENT_SILENT_MS))).toMatchObject({ kind: 'lost', sinceMs: NOW });
    expect(of(docker('a', lost), silentFor(1))).toBe(lost);
  });

  it('stays what a predecessor found until the agent is heard', () => {
    expect(of(docker('a', lost), undefined)).toBe(lost);
    expect(of(docker('a'), undefined)).toBeUndefined();
  });
});

const web: Component = dockerComponent({});
const withData: Component = dockerComponent({
  volumes: [{ type: 'volume', source: 'data', target: '/data' }],
  definitions: { volumes: { data: {} } },
});

function dockerComponent(container: Record<string, unknown>): Component {
  const bare = component('web', { cpus: 1 });
  return {
    ...bare,
    run: bare.run === null ? null : { ...bare.run, driver: 'docker', image: 'web:1', container },
  };
}

const placed = (counts: Readonly<Record<string, number>>): PlacementRecord => ({
  v: 1,
  component: componentName('web'),
  targetRevision: 20,
  counts,
  unplaced: 0,
  reason: '',
  decision: decisionId('p'),
});

const instances = (on: Readonly<Record<string, readonly InstancePhase[]>>): PlacerInput['instances'] =>
  new Map(
    Object.entries(on).flatMap(([where, phases]) =>
      phases.map((phase, index) => {
        const id = instanceId(`web-${where}${index}`);
        return [
          id,
          versioned({
            v: 1 as const,
            id,
            component: componentName('web'),
            class: 'application' as const,
            version: 'v1',
            site: siteId(where),
            phase,
            sinceMs: 0,
            createdAtMs: 0,
            host: '',
            ports: {},
            exitCode: null,
            reason: '',
            decision: decisionId(''),
          }),
        ] as const;
      }),
    ),
  );

/** Two hosts; what is known of the second is given. */
const situation = (over: {
  readonly component?: Component;
  readonly b: HostCapacity;
  readonly trouble?: SiteTrouble;
  readonly on: Readonly<Record<string, readonly InstancePhase[]>>;
  readonly counts?: Readonly<Record<string, number>>;
}): PlacerInput =>
  input({
    nowMs: NOW,
    spec: specOf([over.component ?? web], [named('a'), named('b')]),
    targets: new Map([['web', target('web', 2)]]),
    sites: new Map([
      ['a', versioned(docker('a'))],
      ['b', versioned(docker('b', over.trouble))],
    ]),
    placements: new Map([['web', versioned(placed(over.counts ?? { a: 1, b: 1 }))]]),
    instances: instances(over.on),
    hosts: new Map([
      ['a:1', well],
      ['b:1', over.b],
    ]),
  });

const named = (name: string) => {
  const { agent, cpus, memoryBytes, zone, pricePerCpuHour } = site(name);
  return { name, driver: 'docker' as const, agent, cpus, memoryBytes, zone, pricePerCpuHour };
};

const placement = (from: PlacerInput): PlacementRecord | undefined => {
  const write = decidePlacement(from).writes.find(({ key }) => key === 'placements/web');
  return write?.kind === 'put' ? (write.value as PlacementRecord) : undefined;
};

describe('places on a site in trouble', () => {
  const bothUp = { a: ['ready'], b: ['ready'] } as const;

  it('are kept where the engine is away but the instances live', () => {
    expect(placement(situation({ b: engineAway(600_000), on: bothUp }))).toBeUndefined();
  });

  it('are given up for those that have died, or never came up, and the reason is told', () => {
    for (const phase of ['failed', 'starting', 'stopping'] as const) {
      const moved = placement(situation({ b: engineAway(600_000), on: { a: ['ready'], b: [phase] } }));
      expect(moved?.counts).toEqual({ a: 2 });
      expect(moved?.reason).toContain('moved from b: no Docker engine answers');
    }
  });

  it('are given up when the agent has been silent for longer than the bound, and not before', () => {
    expect(placement(situation({ b: silentFor(AGENT_SILENT_MS - 1), on: bothUp }))).toBeUndefined();
    const moved = placement(situation({ b: silentFor(AGENT_SILENT_MS), on: bothUp }));
    expect(moved?.counts).toEqual({ a: 2 });
    expect(moved?.reason).toContain('its agent has been silent');
  });

  it('are kept where there is no other site that could take them: nothing ends because nothing is heard', () => {
    const alone = situation({
      b: silentFor(600_000),
      on: { a: [], b: ['ready', 'ready'] },
      counts: { b: 2 },
    });
    const sites = new Map([...alone.sites].filter(([name]) => name === 'b'));
    const spec = alone.spec && {
      ...alone.spec,
      value: {
        ...alone.spec.value,
        typeGraph: {
          ...alone.spec.value.typeGraph,
          sites: alone.spec.value.typeGraph.sites.filter(({ name }) => name === 'b'),
        },
      },
    };
    expect(placement({ ...alone, sites, spec })).toBeUndefined();
  });

  it('wait for the site when an instance may run only once', () => {
    const exclusive = { ...web, exclusive: true };
    const one = { component: exclusive, counts: { a: 1, b: 1 }, on: bothUp };
    expect(placement(situation({ ...one, b: silentFor(600_000) }))).toBeUndefined();
  });

  it('wait for the site that has their data', () => {
    const on = { a: [], b: ['failed', 'failed'] } as const;
    const pinned = { component: withData, counts: { b: 2 }, on };
    expect(placement(situation({ ...pinned, b: engineAway(600_000) }))).toBeUndefined();
    expect(placement(situation({ ...pinned, b: silentFor(600_000) }))).toBeUndefined();
  });

  it('are not filled while it lasts, and are when it is over', () => {
    const onA = { counts: { a: 1 }, on: { a: ['ready'], b: [] } } as const;
    const lostStill = placement(situation({ ...onA, b: silentFor(1), trouble: lost }));
    expect(lostStill?.counts).toEqual({ a: 2 });
    expect(placement(situation({ ...onA, b: well, trouble: lost }))?.counts).toEqual({ a: 1, b: 1 });
  });

  it('are not taken back by its return: nothing that runs elsewhere moves', () => {
    const back = { counts: { a: 2 }, on: { a: ['ready', 'ready'], b: ['ready'] } } as const;
    expect(placement(situation({ ...back, b: well, trouble: lost }))).toBeUndefined();
  });
});

describe('local data', () => {
  it('is a named volume of the engine itself', () => {
    expect(hasLocalData(withData)).toBe(true);
    expect(hasLocalData(web)).toBe(false);
    const shared = { volumes: { data: { driver: 'nfs' } } };
    expect(
      hasLocalData(dockerComponent({ volumes: [{ type: 'volume', source: 'data' }], definitions: shared })),
    ).toBe(false);
    expect(hasLocalData(dockerComponent({ volumes: [{ type: 'bind', source: '/data' }] }))).toBe(false);
  });

  it('keeps all instances on one site', () => {
    const first = situation({ component: withData, b: well, on: { a: [], b: [] }, counts: {} });
    expect(Object.values(placement(first)?.counts ?? {})).toEqual([2]);
  });
});
