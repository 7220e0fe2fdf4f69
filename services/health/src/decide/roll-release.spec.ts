import { describe, expect, it } from 'vitest';
import { instanceId, type InstanceId, type InstanceRecord, type Release } from '@mitosis/contracts';
import { decideHealth } from './decide-health.js';
import {
  instance,
  level,
  NOW,
  RELEASE,
  seeded,
  SELF,
  service,
  SITE,
  specOf,
  status,
  typeGraph,
  versioned,
} from './fixtures.testing.js';
import type { HealthInput } from './input.js';
import type { Act } from './plan.js';
import { wantedRelease } from './stand-down.js';

const NEXT: Release = { ...RELEASE, version: '2' };
const MANAGERS = 3;

/** Managers of a level: what is recorded, and who leads. Each starts in a step and is ready in the next. */
class Managers {
  leader: InstanceId = SELF;
  readonly records = new Map<string, InstanceRecord>();
  readonly history: string[] = [];
  private revision = 20;
  private readonly random = seeded(11);

  constructor(private readonly release: Release) {
    for (const id of [SELF, 'm-b', 'm-c'])
      this.records.set(
        id,
        instance(id, 'mitosis-manager', { class: 'management', version: '1', ports: { grpc: 1 } }),
      );
  }

  input(): HealthInput {
    const base = level({ components: [service('web')] });
    const graph = {
      ...typeGraph(service('web')),
      management: { managers: MANAGERS, routers: 0, etcdMembers: 1 },
    };
    const statuses = [...this.records.values()].map((record) => [record.id, status(record)] as const);
    return {
      ...base,
      self: this.leader,
      random: this.random,
      nowMs: NOW + this.revision,
      listeners: new Map(),
      spec: specOf(graph),
      management: { ...base.management, release: this.release },
      instances: new Map([...this.records].map(([id, record]) => [id, versioned(record, this.revision)])),
      agents: new Map([[SITE, { synced: true, host: '127.0.0.1', statuses: new Map(statuses) }]]),
    };
  }

  /** One pass of the leader, and what the world makes of it. Returns false when nothing is left to do. */
  step(): boolean {
    const plan = decideHealth(this.input());
    this.revision += 1;
    let moved = false;
    for (const write of plan.changes.flatMap(({ writes }) => writes)) {
      if (!write.key.startsWith('instances/')) continue;
      const record = (write.kind === 'put' ? write.value : undefined) as InstanceRecord | undefined;
      if (record !== undefined && record.component !== 'mitosis-manager') continue;
      moved = true;
      if (record === undefined) continue;
      if (record.phase !== 'ready') this.history.push(`${record.phase} ${record.version}`);
      if (record.phase === 'stopping') this.records.delete(record.id);
      else this.records.set(record.id, { ...record, phase: 'ready', ports: { grpc: 1 } });
    }
    const resign = plan.acts.some((act: Act) => act.kind === 'resign');
    if (resign) {
      const successor = [...this.records.values()].find(({ version }) => version === this.release.version);
      this.leader = successor?.id ?? instanceId('nobody');
      this.history.push('resign');
    }
    return moved || resign;
  }
}

describe('another release of the management', () => {
  it('replaces followers one at a time, and the leader last, which hands over first', () => {
    const managers = new Managers(NEXT);
    for (let steps = 0; managers.step(); steps += 1) {
      expect(steps).toBeLessThan(50);
      expect(managers.records.size).toBeGreaterThanOrEqual(MANAGERS);
      expect(managers.records.size).toBeLessThanOrEqual(MANAGERS + 1);
      expect(managers.records.has(managers.leader)).toBe(true);
    }
    expect([...managers.records.values()].map(({ version }) => version)).toEqual(['2', '2', '2']);
    expect(managers.history).toEqual([
      'starting 2',
      'stopping 1',
      'starting 2',
      'stopping 1',
      'starting 2',
      'resign',
      'stopping 1',
    ]);
  });

  it('does nothing while the release is the one that runs', () => {
    const managers = new Managers(RELEASE);
    expect(managers.step()).toBe(false);
    expect(managers.history).toEqual([]);
  });

  it('goes no further while the one that came is not ready', () => {
    const managers = new Managers(NEXT);
    managers.step();
    const [fresh] = [...managers.records.values()].filter(({ version }) => version === '2');
    if (fresh === undefined) throw new Error('none was started');
    managers.records.set(fresh.id, { ...fresh, phase: 'running' });
    const before = managers.history.length;
    const input = managers.input();
    const unhealthy = status(fresh, { health: 'unknown' });
    const agents = input.agents.get(SITE);
    if (agents === undefined) throw new Error('the fixture has an agent');
    const plan = decideHealth({
      ...input,
      agents: new Map([[SITE, { ...agents, statuses: new Map(agents.statuses).set(fresh.id, unhealthy) }]]),
    });
    expect(plan.acts.filter(({ kind }) => kind === 'resign')).toEqual([]);
    expect(
      plan.changes
        .flatMap(({ decisions }) => decisions)
        .filter(({ component }) => component === 'mitosis-manager'),
    ).toEqual([]);
    expect(managers.history).toHaveLength(before);
  });

  it('is the one the composition was applied with; a process started by hand rolls nothing', () => {
    const graph = typeGraph(service('web'));
    const spec = specOf({ ...graph, management: { ...graph.management, release: NEXT } }).value;
    expect(wantedRelease(RELEASE, spec)).toEqual(NEXT);
    expect(wantedRelease(RELEASE, specOf(graph).value)).toEqual(RELEASE);
    expect(wantedRelease(RELEASE, undefined)).toEqual(RELEASE);
    expect(wantedRelease(null, spec)).toBeNull();
  });
});
