/** What the composer reads of the level's etcd, as plain records. Reads views only; never writes. */
import {
  KEYS,
  PREFIXES,
  type BindingRecord,
  type BirthRecord,
  type ChildRecord,
  type EndpointsRecord,
  type InstanceRecord,
  type OverrideRecord,
  type SiteRecord,
  type SizeRecord,
  type SpecRecord,
} from '@mitosis/contracts';
import type { KeyValue, View } from '@mitosis/coordination';
import { parsedView, type FunctionContext } from '@mitosis/service-kit';

const OVERRIDES = KEYS.override('');
const OWN = ['spec', 'bindings', 'children'] as const;
const READ = [...OWN, 'endpoints', 'instances', 'births', 'sites', 'sizes'] as const;
type Family = (typeof READ)[number];

interface Written {
  readonly revision: number;
  readonly regressions: number;
}
const NOTHING_WRITTEN: Written = { revision: 0, regressions: 0 };

export interface KnownSpec {
  readonly record: SpecRecord;
  readonly modRevision: number;
}

export class LevelRecords {
  private parsedSpec: { readonly entry: KeyValue; readonly known: KnownSpec } | undefined;
  private readonly views: Readonly<Record<Family, View>>;
  private readonly written: Record<(typeof OWN)[number], Written> = {
    spec: NOTHING_WRITTEN,
    bindings: NOTHING_WRITTEN,
    children: NOTHING_WRITTEN,
  };
  readonly bindings: () => readonly BindingRecord[];
  readonly children: () => readonly ChildRecord[];
  readonly births: () => readonly BirthRecord[];
  readonly sites: () => readonly SiteRecord[];
  private readonly sizeRecords: () => readonly SizeRecord[];
  private readonly endpoints: () => readonly EndpointsRecord[];
  private readonly instances: () => readonly InstanceRecord[];

  constructor(context: Pick<FunctionContext, 'view'>) {
    const views = Object.fromEntries(
      READ.map((family) => [family, context.view(PREFIXES[family])]),
    ) as Readonly<Record<Family, View>>;
    this.views = views;
    this.bindings = parsedView(views.bindings, (value) => JSON.parse(value) as BindingRecord);
    this.children = parsedView(views.children, (value) => JSON.parse(value) as ChildRecord);
    this.births = parsedView(views.births, (value) => JSON.parse(value) as BirthRecord);
    this.sites = parsedView(views.sites, (value) => JSON.parse(value) as SiteRecord);
    this.sizeRecords = parsedView(views.sizes, (value) => JSON.parse(value) as SizeRecord);
    this.endpoints = parsedView(views.endpoints, (value) => JSON.parse(value) as EndpointsRecord);
    this.instances = parsedView(views.instances, (value) => JSON.parse(value) as InstanceRecord);
  }

  onChange(listener: () => void): () => void {
    const ends = READ.map((family) => this.views[family].onChange(listener));
    return () => ends.forEach((end) => end());
  }

  get synced(): boolean {
    return READ.every((family) => this.views[family].synced);
  }

  /** Told of each commit: until the views show it, what they show is old. */
  wrote(keys: readonly string[], revision: number): void {
    for (const family of OWN) {
      if (keys.some((key) => key.startsWith(PREFIXES[family]))) {
        this.written[family] = { revision, regressions: this.views[family].regressions };
      }
    }
  }

  /** The views do not show yet what was written last. A store that went backwards will never show it. */
  get behind(): boolean {
    return OWN.some((family) => {
      const { revision, regressions } = this.written[family];
      const view = this.views[family];
      return view.regressions === regressions && view.revision < revision;
    });
  }

  spec(): KnownSpec | null {
    const entry = this.views.spec.get(KEYS.spec);
    if (entry === undefined) return null;
    // A type graph can be large, and this is asked several times a second.
    if (this.parsedSpec?.entry !== entry) {
      this.parsedSpec = {
        entry,
        known: { record: JSON.parse(entry.value) as SpecRecord, modRevision: entry.modRevision },
      };
    }
    return this.parsedSpec.known;
  }

  sizes(): ReadonlyMap<string, SizeRecord> {
    return new Map(this.sizeRecords().map((record) => [record.component, record]));
  }

  overrides(): readonly OverrideRecord[] {
    return [...this.views.spec.entries.values()]
      .filter(({ key }) => key.startsWith(OVERRIDES))
      .map(({ value }) => JSON.parse(value) as OverrideRecord);
  }

  /** Ready endpoints by component; a component without a record is missing: unknown. */
  ready(): ReadonlyMap<string, number> {
    return new Map(
      this.endpoints().map(({ component, endpoints }) => [
        component,
        endpoints.filter(({ state }) => state === 'ready').length,
      ]),
    );
  }

  applicationInstances(): number {
    return this.instances().filter(({ class: kind }) => kind === 'application').length;
  }
}
