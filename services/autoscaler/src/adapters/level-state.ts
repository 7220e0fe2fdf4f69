/** What the autoscaler reads of the level's etcd, as plain records. Reads views only; never writes. */
import {
  KEYS,
  PREFIXES,
  type CeilingRecord,
  type ChildRecord,
  type EndpointsRecord,
  type InstanceRecord,
  type ObjectiveRecord,
  type OverrideRecord,
  type SiteRecord,
  type SizeRecord,
  type SpecRecord,
  type TargetRecord,
} from '@mitosis/contracts';
import type { KeyValue, View } from '@mitosis/coordination';
import { parsedView, type FunctionContext } from '@mitosis/service-kit';
import type { ComponentMetrics, LevelInput } from '../decide/level-input.js';

const OVERRIDES = KEYS.override('');

const parse = <T extends object>(view: View, kind: (value: unknown) => T): (() => readonly T[]) =>
  parsedView(view, (value) => kind(JSON.parse(value)));

/** `modRevision` 0: not in the store. */
export interface KnownSpec {
  readonly record: SpecRecord;
  readonly modRevision: number;
}

export class LevelStateViews {
  private parsedSpec: { readonly entry: KeyValue; readonly known: KnownSpec } | undefined;
  private readonly spec: View;
  private readonly objective: View;
  private readonly targets: View;
  private readonly ceilingView: View;
  /** What the autoscaler keeps for itself. */
  readonly facts: View;
  private readonly needed: readonly View[];
  readonly targetRecords: () => readonly TargetRecord[];
  readonly childRecords: () => readonly ChildRecord[];
  private readonly ceilings: () => readonly CeilingRecord[];
  private readonly instances: () => readonly InstanceRecord[];
  private readonly endpoints: () => readonly EndpointsRecord[];
  private readonly sites: () => readonly SiteRecord[];
  private readonly sizes: () => readonly SizeRecord[];

  constructor(context: Pick<FunctionContext, 'view'>) {
    this.spec = context.view(PREFIXES.spec);
    this.objective = context.view(PREFIXES.objective);
    this.targets = context.view(PREFIXES.targets);
    this.ceilingView = context.view(PREFIXES.ceilings);
    this.facts = context.view(KEYS.facts('autoscaler'));
    const sizes = context.view(PREFIXES.sizes);
    const instances = context.view(PREFIXES.instances);
    const endpoints = context.view(PREFIXES.endpoints);
    this.needed = [
      this.spec,
      this.objective,
      this.targets,
      this.ceilingView,
      this.facts,
      sizes,
      instances,
      endpoints,
    ];
    this.ceilings = parse(this.ceilingView, (value) => value as CeilingRecord);
    this.targetRecords = parse(this.targets, (value) => value as TargetRecord);
    this.instances = parse(instances, (value) => value as InstanceRecord);
    this.endpoints = parse(endpoints, (value) => value as EndpointsRecord);
    this.childRecords = parse(context.view(PREFIXES.children), (value) => value as ChildRecord);
    this.sizes = parse(sizes, (value) => value as SizeRecord);
    this.sites = parse(context.view(PREFIXES.sites), (value) => value as SiteRecord);
  }

  /** Calls back when something changed that a target may depend on at once. */
  onDemandChange(listener: () => void): () => void {
    const ends = [this.spec, this.targets, this.objective, this.ceilingView].map((view) =>
      view.onChange(listener),
    );
    return () => ends.forEach((end) => end());
  }

  get synced(): boolean {
    return this.needed.every(({ synced }) => synced);
  }

  /** Revision the targets are known at, and how often the store went backwards. */
  get targetsAt(): { readonly revision: number; readonly regressions: number } {
    return { revision: this.targets.revision, regressions: this.targets.regressions };
  }

  specRecord(): KnownSpec | undefined {
    const entry = this.spec.get(KEYS.spec);
    if (entry === undefined) return undefined;
    // A type graph can be large, and this is asked several times a second.
    if (this.parsedSpec?.entry !== entry) {
      this.parsedSpec = {
        entry,
        known: { record: JSON.parse(entry.value) as SpecRecord, modRevision: entry.modRevision },
      };
    }
    return this.parsedSpec.known;
  }

  objectiveRecord(): ObjectiveRecord | null {
    const entry = this.objective.entries.get(KEYS.objective);
    return entry === undefined ? null : (JSON.parse(entry.value) as ObjectiveRecord);
  }

  sizeRecords(): ReadonlyMap<string, SizeRecord> {
    return byComponent(this.sizes());
  }

  /** Mean price over the level's sites; 0 while none is known. */
  pricePerCpuHour(): number {
    const prices = this.sites().map(({ pricePerCpuHour }) => pricePerCpuHour);
    return prices.reduce((sum, price) => sum + price, 0) / Math.max(1, prices.length);
  }

  input(nowMs: number, spec: SpecRecord, metrics: ReadonlyMap<string, ComponentMetrics> | null): LevelInput {
    const overrides = [...this.spec.entries.values()]
      .filter(({ key }) => key.startsWith(OVERRIDES))
      .map(({ value }) => JSON.parse(value) as OverrideRecord);
    return {
      nowMs,
      generation: spec.generation,
      typeGraph: spec.typeGraph,
      handedDown: this.objectiveRecord(),
      targets: byComponent(this.targetRecords()),
      overrides: byComponent(overrides),
      ceilings: this.ceilings(),
      instances: this.instances(),
      endpoints: byComponent(this.endpoints()),
      metrics,
      pricePerCpuHour: this.pricePerCpuHour(),
    };
  }
}

const byComponent = <T extends { readonly component: string }>(
  records: readonly T[],
): ReadonlyMap<string, T> => new Map(records.map((record) => [record.component, record]));
