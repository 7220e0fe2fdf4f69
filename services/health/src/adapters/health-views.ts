/** Everything health reads from the store, kept warm on every replica. */
import {
  KEYS,
  PREFIXES,
  type AckRecord,
  type BindingRecord,
  type BirthRecord,
  type ChildRecord,
  type EndpointsRecord,
  type EtcdMembersRecord,
  type InstanceRecord,
  type ListenersRecord,
  type MemberRecord,
  type PlacementRecord,
  type RolloutRecord,
  type SiteRecord,
  type SpecRecord,
  type TargetRecord,
} from '@mitosis/contracts';
import type { KeyValue, View } from '@mitosis/coordination';
import type { HealthInput, Versions } from '../decide/input.js';
import { OwnWrites } from './own-writes.js';
import { recordOf, recordsOf } from './records.js';

const READ = [
  'spec',
  'targets',
  'placements',
  'sites',
  'instances',
  'rollouts',
  'endpoints',
  'listeners',
  'children',
  'births',
  'acks',
  'members',
  'bindings',
  'etcd',
] as const satisfies readonly (keyof typeof PREFIXES)[];
type Family = (typeof READ)[number];

export type StoredInput = Pick<
  HealthInput,
  | 'spec'
  | 'targets'
  | 'placements'
  | 'sites'
  | 'instances'
  | 'rollouts'
  | 'endpoints'
  | 'listeners'
  | 'children'
  | 'births'
  | 'etcdRecord'
>;

export class HealthViews {
  readonly own = new OwnWrites();
  private readonly views: Readonly<Record<Family, View>>;
  private changes = 0;
  private regressions = 0;

  constructor(open: (prefix: string) => View) {
    this.views = Object.fromEntries(READ.map((family) => [family, open(PREFIXES[family])])) as Readonly<
      Record<Family, View>
    >;
  }

  /** `listener` gets the family that changed. */
  onChange(listener: (family: Family) => void): () => void {
    const ends = READ.map((family) =>
      this.views[family].onChange(() => {
        this.changes += 1;
        listener(family);
      }),
    );
    return () => {
      for (const end of ends) end();
    };
  }

  /** Different whenever a decision might be. */
  get version(): number {
    return this.changes + this.own.version;
  }

  /** The first family that has never been listed; undefined: all are known. */
  unsynced(): string | undefined {
    return READ.find((family) => !this.views[family].synced);
  }

  /** True once after the store was seen to have gone backwards: own writes of before are void. */
  regressed(): boolean {
    const now = READ.reduce((sum, family) => sum + this.views[family].regressions, 0);
    const regressed = now !== this.regressions;
    this.regressions = now;
    if (regressed) this.own.clear();
    return regressed;
  }

  read(): StoredInput {
    const spec = this.entries('spec').get(KEYS.spec);
    const etcd = this.entries('etcd').get(KEYS.etcdMembers);
    return {
      spec: spec === undefined ? undefined : recordOf<SpecRecord>(spec),
      targets: this.records<TargetRecord>('targets'),
      placements: this.records<PlacementRecord>('placements'),
      sites: this.records<SiteRecord>('sites'),
      instances: this.records<InstanceRecord>('instances'),
      rollouts: this.records<RolloutRecord>('rollouts'),
      endpoints: this.records<EndpointsRecord>('endpoints'),
      listeners: this.records<ListenersRecord>('listeners'),
      children: this.records<ChildRecord>('children'),
      births: this.records<BirthRecord>('births'),
      etcdRecord: etcd === undefined ? undefined : recordOf<EtcdMembersRecord>(etcd),
    };
  }

  acks(): Versions<AckRecord> {
    return this.records('acks');
  }

  members(): Versions<MemberRecord> {
    return this.records('members');
  }

  bindings(): Versions<BindingRecord> {
    return this.records('bindings');
  }

  /** Revision the instance graph is known at. */
  get revision(): number {
    return this.views.instances.revision;
  }

  private records<T>(family: Family): Versions<T> {
    return recordsOf<T>(PREFIXES[family], this.entries(family));
  }

  private entries(family: Family): ReadonlyMap<string, KeyValue> {
    return this.own.over(this.views[family]);
  }
}
