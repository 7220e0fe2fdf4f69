/**
 * The Store over any Wire: adds the level's prefix, a deadline to every call, the watch for regress, and views. Retries
 * nothing: what failed with `deadline` or `unavailable` may have happened, and only the caller knows what to do then.
 */
import { MitosisError } from '@mitosis/contracts';
import { systemClock } from './clock.js';
import type { Clock } from './clock.js';
import { StoreEra } from './store-era.js';
import { TXN_OPS_MAX } from './store.js';
import type {
  CallOptions,
  CatchUpOptions,
  Compare,
  GrantedLease,
  KeyValue,
  ListOptions,
  ListResult,
  Store,
  TxnOptions,
  TxnResult,
  View,
  WriteOp,
} from './store.js';
import { WatchMux } from './watch-mux.js';
import { WatchedView } from './watched-view.js';
import type { Probe } from './watched-view.js';
import { prefixRange } from './wire.js';
import type {
  RangeRequest,
  RangeResponse,
  Wire,
  WireCall,
  WireHeader,
  WireOp,
  WireTxnResponse,
} from './wire.js';

const TIMEOUT_MS = 2_000;
/** Entries a call brings at most: keeps messages small enough not to delay others on the connection. */
const PAGE_ENTRIES = 2_000;
/** A probe asks for this many newer keys: one is proof enough. */
const PROBE_LIMIT = 1;
const UNTIL_SEEN_MS = 1_000;

export interface WireStoreOptions {
  readonly wire: Wire;
  /** Such as `levelPrefix(level)`; keys of the store are relative to it. */
  readonly prefix: string;
  readonly clock?: Clock;
  /** For the jitter of reconnects; default Math.random. */
  readonly random?: () => number;
}

interface ProbeBatch {
  readonly requests: RangeRequest[];
  readonly answers: Promise<readonly Probe[]>;
}

export class WireStore implements Store {
  readonly clock: Clock;
  readonly #wire: Wire;
  readonly #prefix: string;
  readonly #era = new StoreEra();
  readonly #mux: WatchMux;
  readonly #views = new Set<WatchedView>();
  #suspicionOpen = false;
  /** Still open to further requests. */
  #probes: ProbeBatch | undefined;
  #closed = false;

  constructor(options: WireStoreOptions) {
    this.clock = options.clock ?? systemClock;
    this.#wire = options.wire;
    this.#prefix = options.prefix;
    const onSuspicion = (): void => void this.#settleSuspicion();
    this.#mux = new WatchMux(this.#wire, this.clock, this.#era, onSuspicion, options.random);
    this.#era.onRegress(() => {
      for (const view of this.#views) view.onRegress();
    });
  }

  async get(key: string, options?: CallOptions): Promise<KeyValue | undefined> {
    const { entries } = await this.#range({ key: this.#prefix + key }, callOf(options));
    return entries.map((entry) => this.#relative(entry))[0];
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const range = prefixRange(this.#prefix + prefix);
    const keysOnly = options.keysOnly ?? false;
    const entries: KeyValue[] = [];
    let revision = 0;
    for (let key = range.key, more = true; more;) {
      const request = { ...range, key, keysOnly, revision, limit: PAGE_ENTRIES };
      const page = await this.#range(request, callOf(options));
      if (revision === 0) revision = page.header.revision;
      for (const entry of page.entries) entries.push(this.#relative(entry));
      more = page.more;
      key = `${page.entries.at(-1)?.key ?? ''}\0`;
    }
    return { revision, entries };
  }

  async txn(
    compares: readonly Compare[],
    writes: readonly WriteOp[],
    options: TxnOptions = {},
  ): Promise<TxnResult> {
    if (Math.max(compares.length, writes.length) > TXN_OPS_MAX) {
      throw new MitosisError('invalid_input', `a transaction has at most ${TXN_OPS_MAX} operations`);
    }
    const request = {
      compares: compares.map((compare) => ({
        key: this.#prefix + compare.key,
        ...('createRevision' in compare
          ? { target: 'create' as const, revision: compare.createRevision }
          : { target: 'mod' as const, revision: compare.modRevision }),
      })),
      writes: writes.map((write) => this.#wireOp(write)),
      readOnFailure: [...new Set(compares.map((compare) => this.#prefix + compare.key))],
    };
    const response = await this.#linearizable((call) => this.#wire.txn(request, call), callOf(options));
    if (response.succeeded && options.untilSeen === true) await this.#untilSeen(writes, response, options);
    return {
      succeeded: response.succeeded,
      revision: response.header.revision,
      current: new Map(
        response.found.map((entry) => this.#relative(entry)).map((entry) => [entry.key, entry] as const),
      ),
    };
  }

  async grantLease(ttlMs: number, options?: CallOptions): Promise<GrantedLease> {
    const lease = await this.#linearizable((call) => this.#wire.grantLease(ttlMs, call), callOf(options));
    return { id: lease.id, ttlMs: lease.ttlMs };
  }

  async keepAlive(leaseId: string, options?: CallOptions): Promise<number> {
    this.#assertOpen();
    const lease = await this.#wire.keepAlive(leaseId, callOf(options));
    if (this.#era.isSuspicious(lease.header)) void this.#settleSuspicion();
    return lease.ttlMs;
  }

  async revokeLease(leaseId: string, options?: CallOptions): Promise<void> {
    await this.#linearizable(
      async (call) => ({ header: await this.#wire.revokeLease(leaseId, call) }),
      callOf(options),
    );
  }

  view(prefix: string): View {
    this.#assertOpen();
    const fullPrefix = this.#prefix + prefix;
    const view = new WatchedView(prefix, {
      clock: this.clock,
      mux: this.#mux,
      fullPrefix,
      era: () => this.#era.era,
      relative: (key) => key.slice(this.#prefix.length),
      list: async (signal) => {
        const era = this.#era.era;
        const listed = await this.list(prefix, { signal });
        return { ...listed, era: this.#era.era === era ? era : -1 };
      },
      probe: (revision) => this.#probe(fullPrefix, revision),
      onClose: (closed) => {
        this.#views.delete(closed);
      },
    });
    this.#views.add(view);
    return view;
  }

  async catchUp(options: CatchUpOptions = {}): Promise<void> {
    const revision = options.revision ?? (await this.#range(this.#nothing, callOf(options))).header.revision;
    const views = [...this.#views].filter((view) => view.synced);
    await Promise.all(views.map((view) => view.whenAt(revision, { timeoutMs: TIMEOUT_MS, ...options })));
  }

  onRegress(listener: () => void): () => void {
    return this.#era.onRegress(listener);
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const view of Array.from(this.#views)) view.close();
    this.#mux.close();
    this.#wire.close();
    return Promise.resolve();
  }

  /** Reads one small key for the header's sake. */
  get #nothing(): RangeRequest {
    return { key: `${this.#prefix}level`, keysOnly: true };
  }

  #assertOpen(): void {
    if (this.#closed) throw new MitosisError('unavailable', 'the store is closed');
  }

  #relative(entry: KeyValue): KeyValue {
    return { ...entry, key: entry.key.slice(this.#prefix.length) };
  }

  #wireOp(write: WriteOp): WireOp {
    if (write.kind === 'put') {
      return { kind: 'put', key: this.#prefix + write.key, value: write.value, lease: write.lease ?? '0' };
    }
    return write.kind === 'delete'
      ? { kind: 'delete', range: { key: this.#prefix + write.key } }
      : { kind: 'delete', range: prefixRange(this.#prefix + write.prefix) };
  }

  #range(request: RangeRequest, call: WireCall): Promise<RangeResponse> {
    return this.#linearizable((options) => this.#wire.range(request, options), call);
  }

  async #linearizable<T extends { readonly header: WireHeader }>(
    run: (call: WireCall) => Promise<T>,
    call: WireCall,
  ): Promise<T> {
    this.#assertOpen();
    const mark = this.#era.mark();
    const response = await run(call);
    this.#era.judge(response.header, mark);
    return response;
  }

  /** All views that ask in one turn are answered by one call: a successor waits for it. */
  #probe(fullPrefix: string, revision: number): Promise<Probe> {
    const request = {
      ...prefixRange(fullPrefix),
      keysOnly: true,
      limit: PROBE_LIMIT,
      minModRevision: revision + 1,
    };
    const batch = (this.#probes ??= this.#nextProbes());
    const index = batch.requests.push(request) - 1;
    if (batch.requests.length === TXN_OPS_MAX) this.#probes = undefined;
    return batch.answers.then((answers) => answers[index]!);
  }

  #nextProbes(): ProbeBatch {
    const requests: RangeRequest[] = [];
    const batch: ProbeBatch = { requests, answers: Promise.resolve().then(() => this.#answer(batch)) };
    return batch;
  }

  async #answer(batch: ProbeBatch): Promise<readonly Probe[]> {
    if (this.#probes === batch) this.#probes = undefined;
    const era = this.#era.era;
    const answers = await this.#rangesAtOnce(batch.requests);
    return answers.map(({ header, count, entries }) => ({
      revision: header.revision,
      count,
      newer: entries.length,
      era,
    }));
  }

  /** A full etcd refuses every transaction, also one that only reads, but not single reads. */
  async #rangesAtOnce(requests: readonly RangeRequest[]): Promise<readonly Omit<RangeResponse, 'more'>[]> {
    try {
      const { header, ranges } = await this.#linearizable(
        (call) => this.#wire.ranges(requests, call),
        callOf(),
      );
      return ranges.map((range) => ({ header, ...range }));
    } catch (error) {
      if (!(error instanceof MitosisError) || error.code !== 'exhausted') throw error;
      return Promise.all(requests.map((request) => this.#range(request, callOf())));
    }
  }

  /** Something looked older than what is known: one linearizable read tells. */
  async #settleSuspicion(): Promise<void> {
    if (this.#suspicionOpen || this.#closed) return;
    this.#suspicionOpen = true;
    try {
      await this.#range(this.#nothing, callOf());
    } catch {
      // Unreachable: the next answer from it raises the suspicion again.
    } finally {
      this.#suspicionOpen = false;
    }
  }

  async #untilSeen(
    writes: readonly WriteOp[],
    response: WireTxnResponse,
    options: CallOptions,
  ): Promise<void> {
    const revision = response.header.revision;
    const changed = writes.filter((write, i) => write.kind === 'put' || (response.deleted[i] ?? 0) > 0);
    const touched = changed.map((write) => (write.kind === 'deletePrefix' ? write.prefix : write.key));
    const covering = [...this.#views].filter(
      (view) => view.synced && touched.some((key) => key.startsWith(view.prefix)),
    );
    const timeoutMs = Math.min(UNTIL_SEEN_MS, options.timeoutMs ?? UNTIL_SEEN_MS);
    await Promise.all(
      // The write is done; a view that lags longer than the bound shows it later.
      covering.map((view) => view.whenDelivered(revision, timeoutMs)),
    );
  }
}

const callOf = (options: CallOptions = {}): WireCall => ({
  timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
  ...(options.signal === undefined ? {} : { signal: options.signal }),
});
