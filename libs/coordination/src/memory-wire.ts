/** One client's calls to the in-memory etcd, over its link: each with a deadline, as on a real connection. */
import { MitosisError } from '@mitosis/contracts';
import type { Clock } from './clock.js';
import type { MemoryEtcd } from './memory-etcd.js';
import type { MemoryLink } from './memory-link.js';
import { inRange } from './wire.js';
import type {
  KeyRange,
  RangeRequest,
  RangeResponse,
  RangesResponse,
  WatchHandlers,
  WatchResponse,
  WatchStream,
  Wire,
  WireCall,
  WireHeader,
  WireLease,
  WireTxn,
  WireTxnResponse,
} from './wire.js';

export class MemoryWire implements Wire {
  #closed = false;

  constructor(
    private readonly etcd: MemoryEtcd,
    private readonly link: MemoryLink,
    private readonly client: { readonly clock: Clock; readonly receive: (arrive: () => void) => void },
  ) {}

  range(request: RangeRequest, call: WireCall): Promise<RangeResponse> {
    return this.#call(() => this.etcd.range(request), call);
  }
  ranges(requests: readonly RangeRequest[], call: WireCall): Promise<RangesResponse> {
    return this.#call(() => this.etcd.ranges(requests), call);
  }
  txn(request: WireTxn, call: WireCall): Promise<WireTxnResponse> {
    return this.#call(() => this.etcd.txn(request, this.link.name), call);
  }
  grantLease(ttlMs: number, call: WireCall): Promise<WireLease> {
    return this.#call(() => this.etcd.grantLease(ttlMs), call);
  }
  keepAlive(leaseId: string, call: WireCall): Promise<WireLease> {
    return this.#call(() => this.etcd.keepAlive(leaseId), call);
  }
  revokeLease(leaseId: string, call: WireCall): Promise<WireHeader> {
    return this.#call(() => this.etcd.revokeLease(leaseId), call);
  }
  watch(handlers: WatchHandlers): WatchStream {
    return new MemoryWatchStream(this.etcd, this.link, handlers, this.client.receive);
  }
  close(): void {
    this.#closed = true;
  }

  #call<T>(serve: () => T, call: WireCall): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        cancelTimer();
        unsubscribe();
        call.signal?.removeEventListener('abort', onAbort);
        outcome();
      };
      const fail = (error: unknown): void => {
        settle(() => {
          reject(error);
        });
      };
      const onAbort = (): void => {
        fail(new MitosisError('unavailable', 'the call was cancelled', { cause: call.signal?.reason }));
      };
      const cancelTimer = this.client.clock.setTimer(call.timeoutMs, () => {
        fail(new MitosisError('deadline', `etcd did not answer within ${call.timeoutMs} ms`));
      });
      const unsubscribe = this.link.onReset((error) => {
        this.client.receive(() => {
          fail(error);
        });
      });
      call.signal?.addEventListener('abort', onAbort, { once: true });
      if (call.signal?.aborted === true) {
        onAbort();
        return;
      }
      if (this.#closed || this.link.isDown) {
        fail(new MitosisError('unavailable', `${this.link.name} cannot reach etcd`));
        return;
      }
      const answer = (outcome: () => void): void => {
        this.link.carry('toClient', () => {
          this.client.receive(() => {
            settle(outcome);
          });
        });
      };
      this.link.carry('toServer', () => {
        this.etcd.admit(() => {
          try {
            const value = serve();
            answer(() => {
              resolve(value);
            });
          } catch (error) {
            answer(() => {
              reject(error);
            });
          }
        });
      });
    });
  }
}

interface Watcher {
  readonly range: KeyRange;
  /** First revision it has not been sent. */
  nextRevision: number;
}

class MemoryWatchStream implements WatchStream {
  #open = true;
  readonly #watchers = new Map<string, Watcher>();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(
    private readonly etcd: MemoryEtcd,
    private readonly link: MemoryLink,
    private readonly handlers: WatchHandlers,
    private readonly receive: (arrive: () => void) => void,
  ) {
    this.#unsubscribe = [
      link.onReset((error) => {
        this.#end(error);
      }),
      etcd.onCommit(() => {
        this.#deliverAll();
      }),
      etcd.onCatchUp(() => {
        this.#deliverAll();
      }),
    ];
    if (link.isDown || !etcd.hasQuorum) {
      queueMicrotask(() => {
        this.#end(
          new MitosisError('unavailable', `${link.name} cannot watch: no connection or no raft leader`),
        );
      });
    }
  }

  create(watchId: string, range: KeyRange, startRevision: number): void {
    this.#toServer(() => {
      this.#send({ kind: 'created', watchId, header: this.etcd.header });
      const watcher = { range, nextRevision: startRevision };
      this.#watchers.set(watchId, watcher);
      this.#deliver(watchId, watcher);
    });
  }

  cancel(watchId: string): void {
    this.#toServer(() => {
      this.#watchers.delete(watchId);
    });
  }

  requestProgress(): void {
    this.#toServer(() => {
      this.#send({ kind: 'progress', header: this.etcd.header });
    });
  }

  close(): void {
    this.#open = false;
    this.#watchers.clear();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  #deliverAll(): void {
    for (const [watchId, watcher] of this.#watchers) this.#deliver(watchId, watcher);
  }

  #deliver(watchId: string, watcher: Watcher): void {
    if (this.etcd.isLagging(watcher.range.key)) return;
    const { header, state } = this.etcd;
    const changes = state.since(watcher.nextRevision);
    if (changes === undefined) {
      this.#watchers.delete(watchId);
      const { compactRevision } = state;
      this.#send({ kind: 'canceled', watchId, header, compactRevision, reason: 'compacted' });
      return;
    }
    // A watcher of a future revision stays silent until then: how a restored store deceives a naive client.
    watcher.nextRevision = Math.max(watcher.nextRevision, state.revision + 1);
    const events = changes
      .flatMap((change) => change.events)
      .filter((event) => inRange(event.entry.key, watcher.range));
    if (events.length > 0) this.#send({ kind: 'events', watchId, header, events });
  }

  #toServer(serve: () => void): void {
    if (!this.#open) return;
    this.link.carry('toServer', () => {
      this.etcd.admit(() => {
        if (this.#open) serve();
      });
    });
  }

  #send(response: WatchResponse): void {
    this.link.carry('toClient', () => {
      this.receive(() => {
        if (this.#open) this.handlers.onResponse(response);
      });
    });
  }

  #end(error: Error): void {
    if (!this.#open) return;
    // The server serves it no more, whatever the client knows of it yet.
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.receive(() => {
      if (!this.#open) return;
      this.close();
      this.handlers.onEnd(error);
    });
  }
}
