/**
 * The router on every replica: keeps the table in force up to date, acknowledges what it has taken in, counts. The
 * leader's pass asks the child levels for their entries. Must keep serving with etcd, the leader or both away.
 */
import {
  KEYS,
  MitosisError,
  PREFIXES,
  type ChildEntryRecord,
  type ChildRecord,
  type router,
} from '@mitosis/contracts';
import {
  parsedView,
  type FunctionContext,
  type FunctionShell,
  type Pass,
  type PassResult,
} from '@mitosis/service-kit';
import type { Observable } from 'rxjs';
import { AckPublisher } from './adapters/ack-publisher.js';
import { ChildEntries } from './adapters/child-entries.js';
import { LastGoodTable, type TableMemory } from './adapters/last-good-table.js';
import { MetricsTick } from './adapters/metrics-tick.js';
import { exportMetrics } from './adapters/prometheus.js';
import { openOutside } from './adapters/outside-source.js';
import { TableSource, type InputSource, type TableNews } from './adapters/table-source.js';
import { DataPath, type DataPathOptions } from './data-path/data-path.js';
import { decideChildEntries } from './decide/child-entries.js';
import { entryEndpoints } from './decide/entry.js';
import { buildTable, NO_INPUTS, type TableInputs } from './decide/table.js';
import type { RouterSettings } from './router.config.js';

/** Everything that exists between start and stop. */
interface Running {
  readonly context: FunctionContext;
  readonly path: DataPath;
  readonly source: InputSource;
  readonly acks: AckPublisher;
  readonly tick: MetricsTick;
  readonly lastGood: TableMemory;
  readonly childEntries: ChildEntries;
  readonly children: () => readonly ChildRecord[];
  readonly entries: () => readonly ChildEntryRecord[];
}

/** What of a router touches the machine: its sockets and its disk. The simulation brings others. */
export interface RouterParts {
  readonly openPath: (options: DataPathOptions) => DataPath;
  readonly openMemory: (directory: string, context: FunctionContext) => TableMemory;
}

const PARTS: RouterParts = {
  openPath: (options) => new DataPath(options),
  openMemory: (directory, { level, log }) => new LastGoodTable(directory, level, log),
};

/** The parent dials its children about once a second. */
const PERIOD_MS = 1_000;

export class RouterReconciler implements FunctionShell {
  readonly fn = 'router';
  readonly periodMs = PERIOD_MS;
  private running: Running | undefined;
  private inputs: TableInputs = NO_INPUTS;
  private tableFrom: 'nowhere' | 'disk' | 'store' | 'file' = 'nowhere';

  constructor(
    private readonly settings: RouterSettings,
    private readonly parts: RouterParts = PARTS,
  ) {}

  async start(context: FunctionContext, nudge: () => void): Promise<void> {
    const directory = context.config.data === '' ? this.settings.workingDirectory : context.config.data;
    const lastGood = this.parts.openMemory(directory, context);
    const { clock } = context;
    const path = this.parts.openPath({
      config: this.settings.config,
      held: this.settings.held,
      ca: '',
      nowMs: () => context.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      random: context.random,
      onDrained: () => this.running?.acks.changed(),
      onListenerError: (name, err) => context.log.error({ err, listener: name }, 'a listener is closed'),
    });
    const known = await lastGood.load();
    if (known) {
      this.tableFrom = 'disk';
      this.inputs = known;
      path.apply(buildTable(known));
    }
    const children = context.view(PREFIXES.children);
    const acks = new AckPublisher(context.membership, () => path.busy(), context.log, clock);
    const tick = new MetricsTick(context.replica, path, () => context.nowMs(), clock);
    let early: TableNews | undefined;
    const onNews = (news: TableNews): void => {
      if (this.running === undefined) early = news;
      else this.take(news);
    };
    const { outside } = this.settings;
    const source =
      outside === ''
        ? new TableSource(context, context.site, this.inputs, onNews)
        : await openOutside(outside, context, onNews);
    this.running = {
      context,
      path,
      acks,
      tick,
      lastGood,
      source,
      childEntries: new ChildEntries(context),
      children: parsedView(children, (value) => JSON.parse(value) as ChildRecord),
      entries: parsedView(
        context.view(PREFIXES.childEntries),
        (value) => JSON.parse(value) as ChildEntryRecord,
      ),
    };
    if (early !== undefined) this.take(early);
    children.onChange(nudge);
    tick.onTick(exportMetrics(context.metrics));
    tick.onTick(() => path.retryListeners());
    tick.start();
  }

  async pass({ session, signal, mode, nowMs }: Pass): Promise<PassResult> {
    const { childEntries, children, entries } = this.require();
    if (mode === 'paused') return { kind: 'idle', reason: 'paused' };
    const wanted = children().filter((child) => child.wanted === 'operating');
    const answers = await childEntries.ask(wanted, signal);
    const { put, remove, decisions } = decideChildEntries({
      children: children(),
      known: entries(),
      answers,
      epoch: session.epoch,
      nowMs,
    });
    const changes = put.length + remove.length;
    if (changes === 0) return quiet(wanted, answers);
    if (mode === 'advise') {
      await session.commit({ decisions: decisions.map((each) => ({ ...each, applied: false })) });
      return { kind: 'idle', reason: `would change the entries of ${changes} child levels` };
    }
    await session.commit({
      writes: [
        ...put.map((record) => ({
          kind: 'put' as const,
          key: KEYS.childEntry(record.component),
          value: JSON.stringify(record),
        })),
        ...remove.map((component) => ({ kind: 'delete' as const, key: KEYS.childEntry(component) })),
      ],
      decisions,
    });
    return { kind: 'acted', reason: 'entries of child levels changed', changes };
  }

  /** Drains: bounded by the settings' `drainMaxMs`. Acknowledgements and metrics go on until it is done. */
  async stop(): Promise<void> {
    const running = this.running;
    if (!running) return;
    const clean = await running.path.stop();
    if (!clean) running.context.log.warn({}, 'connections were cut off at the end of the drain');
    running.tick.tick();
    running.tick.stop();
    running.acks.close();
    running.source.close();
    await running.lastGood.flush();
    this.running = undefined;
  }

  describe(): Readonly<Record<string, unknown>> {
    if (!this.running) return { state: 'not started' };
    const { path, acks } = this.running;
    return {
      tableFrom: this.tableFrom,
      listening: path.listening,
      unopened: path.unopened,
      routes: [...path.routes].length,
      inFlight: path.inFlight,
      ejected: [...path.ejected()],
      acknowledged: acks.last ?? null,
    };
  }

  streamMetrics(): Observable<router.RouterMetrics> {
    return this.require().tick.stream();
  }

  entryEndpoints(): router.EntryEndpointsReply {
    const { context, source, path } = this.require();
    return entryEndpoints(context.level, this.inputs.entry, source.allListeners(), path.current);
  }

  table(): router.TableReply {
    const { path } = this.require();
    return { json: JSON.stringify({ from: this.tableFrom, table: path.current ?? null, busy: path.busy() }) };
  }

  private take({ inputs, revision }: TableNews): void {
    const { path, acks, lastGood } = this.require();
    this.inputs = inputs;
    this.tableFrom = this.settings.outside === '' ? 'store' : 'file';
    path.apply(buildTable(inputs));
    // After the swap: from here on no request goes where the table does not say.
    acks.tableAt(revision);
    lastGood.save(inputs);
  }

  private require(): Running {
    if (!this.running) throw new MitosisError('unavailable', 'the router has not started yet');
    return this.running;
  }
}

const quiet = (wanted: readonly ChildRecord[], answers: ReadonlyMap<string, unknown>): PassResult => {
  if (wanted.length === 0) return { kind: 'idle', reason: 'no child levels' };
  const silent = wanted.filter(({ component }) => !answers.has(component)).map(({ component }) => component);
  return silent.length === 0
    ? { kind: 'idle', reason: `${wanted.length} of ${wanted.length} child levels answered` }
    : { kind: 'waiting', on: 'child levels', reason: `no answer from ${silent.join(', ')}` };
};
