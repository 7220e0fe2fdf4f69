/**
 * From the level's records to routing inputs: keeps the watched views, and after each change (coalesced within one turn of
 * the event loop) merges what they say into what was known. Says nothing until every view has been listed once: half of
 * the records would be taken for a smaller level.
 */
import {
  KEYS,
  PREFIXES,
  type BindingRecord,
  type ChildEntryRecord,
  type EndpointsRecord,
  type ListenersRecord,
  type RouteRecord,
  type SiteId,
  type SpecRecord,
} from '@mitosis/contracts';
import type { Clock, View } from '@mitosis/coordination';
import { parsedView, type FunctionContext } from '@mitosis/service-kit';
import { mergeInputs, type TableInputs } from '../decide/table.js';

export interface TableNews {
  readonly inputs: TableInputs;
  /** Store revision up to which `inputs` include the endpoints. */
  readonly revision: number;
}

/** What routing inputs come from. */
export interface InputSource {
  /** Of all sites. */
  allListeners(): readonly ListenersRecord[];
  close(): void;
}

export class TableSource implements InputSource {
  private readonly views: Readonly<Record<SourceName, View>>;
  private readonly read: Readers;
  private readonly clock: Clock;
  private readonly unsubscribe: (() => void)[] = [];
  private inputs: TableInputs;
  private scheduled = false;
  private closed = false;

  /** @param onNews - called at each change; also when the records changed in nothing that routing needs */
  constructor(
    context: Pick<FunctionContext, 'view' | 'clock'>,
    private readonly site: SiteId,
    known: TableInputs,
    private readonly onNews: (news: TableNews) => void,
  ) {
    this.inputs = known;
    this.clock = context.clock;
    this.views = {
      spec: context.view(PREFIXES.spec),
      listeners: context.view(PREFIXES.listeners),
      endpoints: context.view(PREFIXES.endpoints),
      bindings: context.view(PREFIXES.bindings),
      routes: context.view(PREFIXES.routes),
      childEntries: context.view(PREFIXES.childEntries),
    };
    this.read = readersOf(this.views);
    for (const view of Object.values(this.views)) {
      this.unsubscribe.push(view.onChange(() => this.schedule()));
      // A view that is empty may be listed without any change to tell of.
      view.whenSynced({ timeoutMs: FOREVER_MS }).then(
        () => this.schedule(),
        () => undefined,
      );
    }
  }

  /** Of all sites; from the view alone, since only the store knows of other sites. */
  allListeners(): readonly ListenersRecord[] {
    return this.read.listeners();
  }

  get synced(): boolean {
    return Object.values(this.views).every((view) => view.synced);
  }

  close(): void {
    this.closed = true;
    for (const unsubscribe of this.unsubscribe) unsubscribe();
  }

  private schedule(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    this.clock.setTimer(0, () => {
      this.scheduled = false;
      if (!this.closed && this.synced) this.merge();
    });
  }

  private merge(): void {
    const { read, views } = this;
    const spec = views.spec.get(KEYS.spec);
    this.inputs = mergeInputs(this.inputs, {
      spec: spec && (JSON.parse(spec.value) as SpecRecord),
      listeners: read.listeners().find(({ site }) => site === this.site),
      endpoints: read.endpoints(),
      bindings: read.bindings(),
      routes: read.routes(),
      childEntries: read.childEntries(),
    });
    this.onNews({ inputs: this.inputs, revision: views.endpoints.revision });
  }
}

/** The longest a timer can run: 24 days; a view that takes longer tells of its listing by a change. */
const FOREVER_MS = 2 ** 31 - 1;

type SourceName = 'spec' | 'listeners' | 'endpoints' | 'bindings' | 'routes' | 'childEntries';

interface Readers {
  readonly listeners: () => readonly ListenersRecord[];
  readonly endpoints: () => readonly EndpointsRecord[];
  readonly bindings: () => readonly BindingRecord[];
  readonly routes: () => readonly RouteRecord[];
  readonly childEntries: () => readonly ChildEntryRecord[];
}

const readersOf = (views: Readonly<Record<SourceName, View>>): Readers => ({
  listeners: parsedView(views.listeners, (value) => JSON.parse(value) as ListenersRecord),
  endpoints: parsedView(views.endpoints, (value) => JSON.parse(value) as EndpointsRecord),
  bindings: parsedView(views.bindings, (value) => JSON.parse(value) as BindingRecord),
  routes: parsedView(views.routes, (value) => JSON.parse(value) as RouteRecord),
  childEntries: parsedView(views.childEntries, (value) => JSON.parse(value) as ChildEntryRecord),
});
