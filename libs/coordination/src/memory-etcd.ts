/**
 * An etcd in this process, for unit tests and the simulation: one server, many clients, on the clock it is given, with
 * the faults that real clusters have. It must never be kinder than etcd 3.4: what is refused, lost or delayed there is
 * so here, and the same contract suite runs against both.
 */
import { MitosisError } from '@mitosis/contracts';
import { systemClock } from './clock.js';
import type { Clock } from './clock.js';
import { MemoryLink } from './memory-link.js';
import { checkTxn, MemoryState } from './memory-state.js';
import type { Change } from './memory-state.js';
import { MemoryWire } from './memory-wire.js';
import { WireStore } from './wire-store.js';
import type {
  RangeRequest,
  RangeResponse,
  RangesResponse,
  WireHeader,
  WireLease,
  WireOp,
  WireTxn,
  WireTxnResponse,
} from './wire.js';

export interface MemoryEtcdOptions {
  readonly clock?: Clock;
  /** etcd raises shorter TTLs to this; its own default is 2,000 ms. */
  readonly minLeaseTtlMs?: number;
}

/** A client process of its own; what is missing is the server's. */
export interface MemoryClient {
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Runs what arrives at the client: at once, or later when the process is stopped. */
  readonly receive?: (arrive: () => void) => void;
}

/** A transaction that was carried out (or refused), and by whose client. */
export interface SeenTxn {
  readonly client: string;
  readonly txn: WireTxn;
  readonly response: WireTxnResponse;
}

export interface SeenLease {
  readonly id: string;
  /** `kept`: a keep-alive was handled; `expired`: its time ran out; `revoked`: somebody asked for it. */
  readonly kind: 'granted' | 'kept' | 'expired' | 'revoked';
}

export interface MemorySnapshot {
  readonly state: MemoryState;
  readonly leases: ReadonlyMap<string, number>;
}

interface Lease {
  readonly ttlMs: number;
  readonly keys: Set<string>;
  cancelExpiry: () => void;
}

export class MemoryEtcd {
  readonly clock: Clock;
  #state = new MemoryState();
  #clusterId = 1;
  #raftTerm = 2;
  /** Lease ids are never used again, not even after a restore; etcd's are random. */
  #nextLease = 7_587_000_000_000_000_001n;
  #leases = new Map<string, Lease>();
  #stuck = false;
  #quorum = true;
  #noSpace = false;
  readonly #minLeaseTtlMs: number;
  readonly #links = new Map<string, MemoryLink>();
  readonly #changes = new Set<(change: Change) => void>();
  readonly #leaseListeners = new Set<(seen: SeenLease) => void>();
  readonly #txns = new Set<(seen: SeenTxn) => void>();
  readonly #waiting: (() => void)[] = [];
  readonly #lagging = new Set<string>();
  readonly #catchingUp = new Set<() => void>();

  constructor(options: MemoryEtcdOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.#minLeaseTtlMs = options.minLeaseTtlMs ?? 2_000;
  }

  /**
   * A client of its own, with its own link (same name, same link). `prefix` as for `EtcdStore`, such as
   * `levelPrefix(level)`.
   */
  store(name = 'client', prefix = '', client: MemoryClient = {}): WireStore {
    const clock = client.clock ?? this.clock;
    const receive = client.receive ?? ((arrive) => arrive());
    const { random = Math.random } = client;
    return new WireStore({
      wire: new MemoryWire(this, this.link(name), { clock, receive }),
      clock,
      random,
      prefix,
    });
  }

  /** The network between the client of that name and the server. */
  link(name: string): MemoryLink {
    const link = this.#links.get(name) ?? new MemoryLink(name, this.clock);
    this.#links.set(name, link);
    return link;
  }

  get revision(): number {
    return this.#state.revision;
  }

  /** Ids of the leases that live. */
  get leases(): readonly string[] {
    return [...this.#leases.keys()];
  }

  // Faults

  /** Accepts everything and answers nothing until called with false; then it goes on where it stopped. */
  stick(stuck: boolean): void {
    this.#stuck = stuck;
    this.#resume();
  }

  /** Without quorum nothing is read, written or expired, and watches end; with it again all leases start anew. */
  setQuorum(quorum: boolean): void {
    if (this.#quorum === quorum) return;
    this.#quorum = quorum;
    if (quorum) this.leaderChange();
    else this.#resetLinks();
    this.#resume();
  }

  /** A new raft leader: its lessor gives every lease its full time again. */
  leaderChange(): void {
    this.#raftTerm++;
    for (const [id, lease] of this.#leases) this.#scheduleExpiry(id, lease);
  }

  /** The NOSPACE alarm: no put, no new lease; deletes and keep-alives go on. */
  setNoSpace(noSpace: boolean): void {
    this.#noSpace = noSpace;
  }

  /** Drops the history before `revision` (default: the current one). */
  compact(revision = this.revision): void {
    this.#state.compact(revision);
  }

  /**
   * Watchers of ranges that begin with `prefix` get nothing until told otherwise, then everything: as etcd's slow
   * watchers, which others on the same stream overtake.
   */
  lagWatchers(prefix: string, lagging: boolean): void {
    if (lagging) this.#lagging.add(prefix);
    else this.#lagging.delete(prefix);
    if (!lagging) for (const listener of Array.from(this.#catchingUp)) listener();
  }

  /** Killed and started again with its data: every connection breaks. */
  restart(): void {
    this.#resetLinks();
    this.leaderChange();
  }

  snapshot(): MemorySnapshot {
    return {
      state: this.#state.clone(),
      leases: new Map([...this.#leases].map(([id, lease]) => [id, lease.ttlMs])),
    };
  }

  /**
   * As `etcdctl snapshot restore` with the same members: older data, its leases with full time. The cluster id is the same
   * unless the token is another.
   */
  restore(
    snapshot: MemorySnapshot,
    options: { readonly newClusterId: boolean } = { newClusterId: false },
  ): void {
    if (options.newClusterId) this.#clusterId++;
    this.#replace(snapshot.state.clone(), snapshot.leases);
  }

  /** A new, empty store in its place. */
  empty(options: { readonly newClusterId: boolean } = { newClusterId: false }): void {
    if (options.newClusterId) this.#clusterId++;
    this.#replace(new MemoryState(), new Map());
  }

  // What MemoryWire calls

  get header(): WireHeader {
    return { clusterId: String(this.#clusterId), revision: this.#state.revision, raftTerm: this.#raftTerm };
  }

  get hasQuorum(): boolean {
    return this.#quorum;
  }

  /** Runs `serve` now, or once the server can serve again. Watches need no quorum to be answered, only to be opened. */
  admit(serve: () => void): void {
    if (this.#stuck || !this.#quorum) this.#waiting.push(serve);
    else serve();
  }

  get state(): MemoryState {
    return this.#state;
  }

  onCommit(listener: (change: Change) => void): () => void {
    this.#changes.add(listener);
    return () => {
      this.#changes.delete(listener);
    };
  }

  /** Called after each transaction, before its answer goes out: for checks that follow the store's own order. */
  onTxn(listener: (seen: SeenTxn) => void): () => void {
    this.#txns.add(listener);
    return () => {
      this.#txns.delete(listener);
    };
  }

  /** Called when a lease was granted, kept or ended. */
  onLease(listener: (seen: SeenLease) => void): () => void {
    this.#leaseListeners.add(listener);
    return () => {
      this.#leaseListeners.delete(listener);
    };
  }

  isLagging(key: string): boolean {
    return [...this.#lagging].some((prefix) => key.startsWith(prefix));
  }

  /** Called when lagging watchers may go on. */
  onCatchUp(listener: () => void): () => void {
    this.#catchingUp.add(listener);
    return () => {
      this.#catchingUp.delete(listener);
    };
  }

  range(request: RangeRequest): RangeResponse {
    return { header: this.header, ...this.#state.range(request) };
  }

  /** A transaction that only reads: a full etcd may refuse it like any other. */
  ranges(requests: readonly RangeRequest[]): RangesResponse {
    if (this.#noSpace) throw noSpace();
    return { header: this.header, ranges: requests.map((request) => this.#state.range(request)) };
  }

  txn(txn: WireTxn, client: string): WireTxnResponse {
    const response = this.#carryOut(txn);
    for (const listener of this.#txns) listener({ client, txn, response });
    return response;
  }

  #carryOut(txn: WireTxn): WireTxnResponse {
    checkTxn(txn);
    if (!txn.compares.every((compare) => this.#state.holds(compare))) {
      const found = txn.readOnFailure
        .map((key) => this.#state.get(key))
        .filter((entry) => entry !== undefined);
      return { header: this.header, succeeded: false, deleted: [], found };
    }
    const puts = txn.writes.filter((write) => write.kind === 'put');
    if (this.#noSpace && puts.length > 0) throw noSpace();
    if (puts.some((write) => write.lease !== '0' && !this.#leases.has(write.lease))) {
      throw new MitosisError('not_found', 'etcdserver: requested lease not found');
    }
    return { succeeded: true, found: [], deleted: this.#apply(txn.writes), header: this.header };
  }

  grantLease(ttlMs: number): WireLease {
    if (this.#noSpace) throw noSpace();
    const id = String(this.#nextLease++);
    const granted = Math.max(Math.ceil(ttlMs / 1_000) * 1_000, this.#minLeaseTtlMs);
    this.#addLease(id, granted);
    this.#tellLease(id, 'granted');
    return { header: this.header, id, ttlMs: granted };
  }

  keepAlive(id: string): WireLease {
    const lease = this.#leases.get(id);
    if (lease !== undefined) {
      this.#scheduleExpiry(id, lease);
      this.#tellLease(id, 'kept');
    }
    return { header: this.header, id, ttlMs: lease?.ttlMs ?? 0 };
  }

  revokeLease(id: string): WireHeader {
    if (this.#leases.has(id)) this.#tellLease(id, 'revoked');
    return this.#endLease(id);
  }

  #tellLease(id: string, kind: SeenLease['kind']): void {
    for (const listener of this.#leaseListeners) listener({ id, kind });
  }

  #endLease(id: string): WireHeader {
    const lease = this.#leases.get(id);
    if (lease !== undefined) {
      lease.cancelExpiry();
      this.#leases.delete(id);
      this.#apply([...lease.keys].map((key) => ({ kind: 'delete', range: { key } })));
    }
    return this.header;
  }

  #apply(writes: readonly WireOp[]): readonly number[] {
    const attached = new Map(
      writes.filter((write) => write.kind === 'put').map((write) => [write.key, write.lease] as const),
    );
    const { change, deleted } = this.#state.apply(writes);
    if (change === undefined) return deleted;
    for (const { entry } of change.events) {
      for (const lease of this.#leases.values()) lease.keys.delete(entry.key);
      this.#leases.get(attached.get(entry.key) ?? '0')?.keys.add(entry.key);
    }
    for (const listener of Array.from(this.#changes)) listener(change);
    return deleted;
  }

  #addLease(id: string, ttlMs: number, keys: readonly string[] = []): void {
    const lease: Lease = { ttlMs, keys: new Set(keys), cancelExpiry: () => undefined };
    this.#leases.set(id, lease);
    this.#scheduleExpiry(id, lease);
  }

  #scheduleExpiry(id: string, lease: Lease): void {
    lease.cancelExpiry();
    lease.cancelExpiry = this.clock.setTimer(lease.ttlMs, () => {
      this.admit(() => {
        // A keep-alive that was admitted before this one wins, as in etcd.
        if (this.#leases.get(id) !== lease) return;
        this.#tellLease(id, 'expired');
        this.#endLease(id);
      });
    });
  }

  #replace(state: MemoryState, leases: ReadonlyMap<string, number>): void {
    this.#resetLinks();
    for (const lease of this.#leases.values()) lease.cancelExpiry();
    this.#leases = new Map();
    this.#state = state;
    this.#raftTerm = 2;
    const entries = state.range({ key: '\0', rangeEnd: '\0' }).entries;
    for (const [id, ttlMs] of leases) {
      this.#addLease(
        id,
        ttlMs,
        entries.filter((entry) => entry.lease === id).map((entry) => entry.key),
      );
    }
  }

  #resetLinks(): void {
    this.#waiting.length = 0;
    for (const link of this.#links.values()) link.reset();
  }

  #resume(): void {
    if (this.#stuck || !this.#quorum) return;
    for (const serve of this.#waiting.splice(0)) serve();
  }
}

const noSpace = (): MitosisError =>
  new MitosisError('exhausted', 'etcdserver: mvcc: database space exceeded');
