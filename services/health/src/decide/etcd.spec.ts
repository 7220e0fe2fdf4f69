/** Members of etcd over several hosts: a small model of agents and cluster that does what the plan says. */
import {
  KEYS,
  instanceId,
  siteId,
  type agent,
  type EtcdMember,
  type EtcdMembersRecord,
  type InstanceId,
  type InstanceRecord,
  type SiteId,
} from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { decideHealth } from './decide-health.js';
import { LOST_AFTER_MS } from './etcd.js';
import {
  instance,
  level,
  NOW,
  seeded,
  SITE,
  status,
  typeGraph,
  specOf,
  versioned,
} from './fixtures.testing.js';
import type { HealthInput, SiteObservation } from './input.js';
import type { Act } from './plan.js';

const A = SITE;
const B = siteId('b');
const C = siteId('c');
const HOSTS: ReadonlyMap<SiteId, string> = new Map([
  [A, '127.0.1.1'],
  [B, '127.0.1.2'],
  [C, '127.0.1.3'],
]);

interface Setup {
  readonly wanted: number;
  /** Sites of the members there are, oldest first. */
  readonly on: readonly SiteId[];
  readonly sites?: readonly SiteId[];
  /** The site whose agent tells of what its records say to be elsewhere. */
  readonly as?: SiteId;
}

class Model {
  nowMs = NOW;
  members: EtcdMember[] | undefined;
  readonly silent = new Map<SiteId, number>();
  readonly log: string[] = [];
  private readonly base: HealthInput;
  private instances: Map<string, InstanceRecord>;
  private readonly statuses = new Map<SiteId, Map<InstanceId, agent.InstanceStatus>>();
  private readonly stopped = new Set<InstanceId>();
  private record: EtcdMembersRecord | undefined;
  private revision = 100;
  private nextPort = 30_000;
  private readonly random = seeded(3);

  constructor({ wanted, on, sites = [A, B, C], as }: Setup) {
    const members = on.map((site, n) => this.born(`mitosis-etcd-${n}`, site, n));
    this.base = level({ components: [], instances: members });
    const graph = { ...typeGraph(), management: { managers: 1, routers: 1, etcdMembers: wanted } };
    this.base = { ...this.base, spec: specOf(graph) };
    this.instances = new Map([...this.base.instances].map(([id, { value }]) => [id, value]));
    for (const site of sites) this.statuses.set(site, new Map());
    for (const record of this.instances.values())
      this.report(as === undefined ? record : { ...record, site: as });
    this.members = members.map((record, n) => this.memberOf(record, n, false));
  }

  private born(id: string, site: SiteId, n: number): InstanceRecord {
    const ports = { client: 20_000 + 2 * n, peer: 20_001 + 2 * n };
    const made = instance(id, 'mitosis-etcd', { class: 'management', version: '1', ports });
    return { ...made, site, host: HOSTS.get(site) ?? '', createdAtMs: NOW - 1_000 + n };
  }

  private memberOf(record: InstanceRecord, n: number, learner: boolean): EtcdMember {
    const at = (port: string): string => `http://${record.host}:${record.ports[port] ?? 0}`;
    return { id: String(n + 1), name: record.id, peerUrl: at('peer'), clientUrl: at('client'), learner };
  }

  private report(record: InstanceRecord): void {
    const host = HOSTS.get(record.site) ?? '';
    this.statuses.get(record.site)?.set(record.id, status(record, { host, ports: record.ports }));
  }

  get input(): HealthInput {
    const observation = (site: SiteId): SiteObservation => {
      const silentSinceMs = this.silent.get(site);
      const known = { host: HOSTS.get(site) ?? '', statuses: this.statuses.get(site) ?? new Map() };
      return silentSinceMs === undefined
        ? { ...known, synced: true }
        : { ...known, synced: false, silentSinceMs };
    };
    const local = this.base.sites.get(A);
    if (local === undefined) throw new Error('no site');
    const sites = [...this.statuses.keys()];
    return {
      ...this.base,
      nowMs: this.nowMs,
      random: this.random,
      instances: new Map([...this.instances].map(([id, record]) => [id, versioned(record, this.revision)])),
      sites: new Map(
        sites.map((site) => [site, versioned({ ...local.value, site, agent: `unix:/tmp/${site}.sock` })]),
      ),
      agents: new Map(sites.map((site) => [site, observation(site)])),
      outcomes: { ...this.base.outcomes, stopped: this.stopped },
      etcdMembers: this.members,
      etcdRecord: this.record && versioned(this.record, this.revision),
    };
  }

  /** One pass; true when anything was done. */
  step(): boolean {
    const plan = decideHealth(this.input);
    for (const write of plan.changes.flatMap(({ writes }) => writes)) {
      const id = write.key.slice('instances/'.length);
      if (write.key === KEYS.etcdMembers && write.kind === 'put')
        this.record = write.value as EtcdMembersRecord;
      if (!write.key.startsWith('instances/')) continue;
      if (write.kind === 'delete') this.instances.delete(id);
      else this.instances.set(id, write.value as InstanceRecord);
    }
    const acts = plan.acts.filter((act) => 'id' in act || act.kind.startsWith('etcd-'));
    for (const act of acts) this.carryOut(act);
    this.revision += 1;
    return plan.changes.length > 0 || acts.some((act) => !('site' in act) || !this.silent.has(act.site));
  }

  settle(): void {
    for (let n = 0; this.step(); n += 1) if (n > 60) throw new Error(this.log.join('\n'));
  }

  private carryOut(act: Act): void {
    if ('site' in act && this.silent.has(act.site)) return;
    switch (act.kind) {
      case 'start': {
        if (!act.id.startsWith('mitosis-etcd')) return;
        this.log.push(`start on ${act.site}`);
        const join = act.spec.command.find((word) => word.startsWith('--initial-cluster='));
        const others = (this.members ?? []).map(({ name, peerUrl }) => `${name}=${peerUrl}`);
        expect(join).toBe(
          `--initial-cluster=${[...others, '{{id}}=http://{{host}}:{{port:peer}}'].join(',')}`,
        );
        expect(act.spec.command).toContain('--initial-cluster-state=existing');
        const ports = { client: this.nextPort++, peer: this.nextPort++ };
        const record = this.instances.get(act.id);
        if (record !== undefined) this.report({ ...record, ports });
        return;
      }
      case 'stop':
        this.log.push(`stop ${act.id.startsWith('mitosis-etcd') ? 'a member' : act.id} on ${act.site}`);
        this.statuses.get(act.site)?.delete(act.id);
        this.stopped.add(act.id);
        return;
      case 'etcd-add': {
        this.log.push('add');
        const [id, port] = [this.members?.length ?? 0, act.peerUrl.split(':')[2]];
        const found = [...this.statuses.values()]
          .flatMap((all) => [...all.values()])
          .find((one) => String(one.ports['peer']) === port);
        const clientUrl = `http://${found?.host}:${found?.ports['client']}`;
        const name = found?.id ?? '';
        this.members?.push({ id: `${id}-${port}`, name, peerUrl: act.peerUrl, clientUrl, learner: true });
        return;
      }
      case 'etcd-promote':
        this.log.push('promote');
        this.members = this.members?.map((one) => (one.id === act.member ? { ...one, learner: false } : one));
        return;
      case 'etcd-remove':
        this.log.push('remove');
        this.members = this.members?.filter(({ id }) => id !== act.member);
        return;
      case 'listen':
      case 'release':
      case 'birth':
      case 'purge':
      case 'resign':
        throw new Error(`nothing here calls for ${act.kind}`);
      default:
        act satisfies never;
    }
  }

  lose(site: SiteId): void {
    this.silent.set(site, this.nowMs);
  }

  get clients(): readonly string[] {
    return this.record?.clients ?? [];
  }

  /** Sites of the members with a vote, as their peer URLs say. */
  get voters(): readonly string[] {
    const hosts = new Map([...HOSTS].map(([site, host]) => [host, site as string]));
    return (this.members ?? [])
      .filter(({ learner }) => !learner)
      .map(({ peerUrl }) => hosts.get(new URL(peerUrl).hostname) ?? '')
      .sort();
  }
}

describe('the members of etcd', () => {
  it('are left alone while all are well, and every process learns where they are', () => {
    const model = new Model({ wanted: 3, on: [A, B, C] });
    model.settle();
    expect(model.log).toEqual([]);
    expect(model.clients).toHaveLength(3);
  });

  it('that are lost with their host leave first, and a successor joins without a vote until it has caught up', () => {
    const model = new Model({ wanted: 3, on: [A, B, C] });
    model.settle();
    model.lose(C);
    model.settle();
    expect(model.log).toEqual([]);
    model.nowMs += LOST_AFTER_MS - 1;
    model.settle();
    expect(model.log).toEqual([]);
    model.nowMs += 1;
    model.settle();
    expect(model.log).toEqual(['remove', `start on b`, 'add', 'promote']);
    expect(model.voters).toEqual(['b', 'b', 'local']);
    expect(model.clients).toHaveLength(3);
    expect(model.clients.some((url) => url.includes('127.0.1.3'))).toBe(false);
  });

  it('come back as strays of the past when their host does, and are stopped there', () => {
    const model = new Model({ wanted: 3, on: [A, B, C] });
    model.lose(C);
    model.nowMs += LOST_AFTER_MS;
    model.settle();
    model.silent.delete(C);
    model.settle();
    expect(model.log).toContain('stop a member on c');
    // And the crowded site gives one to the one that is back.
    expect(model.voters).toEqual(['b', 'c', 'local']);
  });

  it('never leave when that could cost the majority', () => {
    const model = new Model({ wanted: 3, on: [A, B, C] });
    model.lose(B);
    model.lose(C);
    model.nowMs += 10 * LOST_AFTER_MS;
    model.settle();
    expect(model.log).toEqual([]);
    expect(
      decideHealth(model.input)
        .waits.map(({ reason }) => reason)
        .join(),
    ).toMatch(/only 1 of the others/);
  });

  it('are not touched while the cluster says nothing of itself', () => {
    const model = new Model({ wanted: 3, on: [A, B, C] });
    model.members = undefined;
    model.lose(C);
    model.nowMs += 10 * LOST_AFTER_MS;
    model.settle();
    expect(model.log).toEqual([]);
  });

  it('of one host spread over the others, one at a time, the new one before the old one', () => {
    const model = new Model({ wanted: 3, on: [A, A, A] });
    model.settle();
    const move = (site: string): string[] => [
      `start on ${site}`,
      'add',
      'promote',
      'remove',
      'stop a member on local',
    ];
    expect(model.log).toEqual([...move('b'), ...move('c')]);
    expect(model.voters).toEqual(['b', 'c', 'local']);
  });

  it('that were born before the sites had names belong to the site whose agent tells of them', () => {
    const model = new Model({ wanted: 3, on: [A, A, A], sites: [B], as: B });
    model.settle();
    expect(model.log).toEqual([]);
    expect([...model.input.instances.values()].map(({ value }) => value.site as string)).not.toContain(
      'local',
    );
  });

  it('grow to three and shrink to one by the spec', () => {
    const model = new Model({ wanted: 3, on: [A], sites: [A] });
    model.settle();
    expect(model.voters).toEqual(['local', 'local', 'local']);
    const fewer = new Model({ wanted: 1, on: [A, A, A], sites: [A] });
    fewer.settle();
    expect(fewer.voters).toEqual(['local']);
  });

  it('that failed before they had a vote are removed, and another is tried', () => {
    const model = new Model({ wanted: 3, on: [A, B, C] });
    model.lose(C);
    model.nowMs += LOST_AFTER_MS;
    while (!model.log.includes('add')) model.step();
    model.lose(B);
    const { log } = model;
    model.nowMs += LOST_AFTER_MS;
    for (let n = 0; n < 20; n += 1) model.step();
    // The learner of the second host goes before its voter, which still counts until a third is there.
    const after = log.slice(log.indexOf('add') + 1);
    expect(after).toEqual([
      'remove',
      'start on local',
      'add',
      'promote',
      'remove',
      'start on local',
      'add',
      'promote',
    ]);
    expect(model.voters).toEqual(['local', 'local', 'local']);
  });

  it('have the id of their record, so that a successor of the leader goes on with the same intent', () => {
    const model = new Model({ wanted: 3, on: [A, B, C] });
    model.lose(C);
    model.nowMs += LOST_AFTER_MS;
    model.settle();
    const ids = new Set((model.members ?? []).map(({ name }) => instanceId(name)));
    expect([...model.input.instances.keys()].filter((id) => ids.has(instanceId(id)))).toHaveLength(3);
  });
});
