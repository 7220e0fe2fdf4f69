/** The Wire to a real etcd: etcd3's low-level clients, none of its elections, leases or watchers (they lose events and overlap). */
import type { ChannelCredentials } from '@grpc/grpc-js';
import { MitosisError } from '@mitosis/contracts';
import { KVClient, LeaseClient, WatchClient } from 'etcd3';
import type { IRangeRequest, IRangeResponse, IRequestOp } from 'etcd3';
import { EndpointPool } from './endpoint-pool.js';
import type { SignalCallOptions } from './endpoint-pool.js';
import { entryOf, headerOf } from './etcd-values.js';
import { EtcdWatchStream } from './etcd-watch-stream.js';
import { KeepAliveStream } from './keep-alive-stream.js';
import type {
  KeyRange,
  RangeRequest,
  RangeResponse,
  RangesResponse,
  WatchHandlers,
  WatchStream,
  Wire,
  WireCall,
  WireHeader,
  WireLease,
  WireOp,
  WireTxn,
  WireTxnResponse,
} from './wire.js';

export class EtcdWire implements Wire {
  readonly #pool: EndpointPool;
  readonly #kv: KVClient;
  readonly #lease: LeaseClient;
  readonly #watch: WatchClient;
  readonly #keepAlive: KeepAliveStream;

  constructor(endpoints: readonly string[], credentials?: ChannelCredentials) {
    this.#pool = new EndpointPool(endpoints, credentials);
    this.#kv = new KVClient(this.#pool);
    this.#lease = new LeaseClient(this.#pool);
    this.#watch = new WatchClient(this.#pool);
    this.#keepAlive = new KeepAliveStream(this.#lease, () => {
      this.#pool.markSilent('Lease');
    });
  }

  async range(request: RangeRequest, call: WireCall): Promise<RangeResponse> {
    const response = await this.#kv.range(rangeOf(request), optionsOf(call));
    return { header: headerOf(response.header), ...foundIn(response) };
  }

  /** A transaction without writes is a linearizable read: it costs no entry in etcd's log. */
  async ranges(requests: readonly RangeRequest[], call: WireCall): Promise<RangesResponse> {
    const success = requests.map((request) => ({ request_range: rangeOf(request) }));
    const response = await this.#kv.txn({ compare: [], success, failure: [] }, optionsOf(call));
    return {
      header: headerOf(response.header),
      ranges: response.responses.map(({ response_range }) => foundIn(response_range)),
    };
  }

  async txn(request: WireTxn, call: WireCall): Promise<WireTxnResponse> {
    const response = await this.#kv.txn(
      {
        compare: request.compares.map((compare) => ({
          result: 'Equal',
          key: Buffer.from(compare.key),
          ...(compare.target === 'create'
            ? { target: 'Create', create_revision: compare.revision }
            : { target: 'Mod', mod_revision: compare.revision }),
        })),
        success: request.writes.map(requestOf),
        failure: request.readOnFailure.map((key) => ({ request_range: { key: Buffer.from(key) } })),
      },
      optionsOf(call),
    );
    const { succeeded, responses } = response;
    return {
      header: headerOf(response.header),
      succeeded,
      deleted: succeeded ? responses.map((one) => Number(one.response_delete_range?.deleted ?? 0)) : [],
      found: succeeded ? [] : responses.flatMap((one) => one.response_range.kvs.map(entryOf)),
    };
  }

  async grantLease(ttlMs: number, call: WireCall): Promise<WireLease> {
    const response = await this.#lease.leaseGrant({ TTL: Math.ceil(ttlMs / 1_000) }, optionsOf(call));
    return { header: headerOf(response.header), id: response.ID, ttlMs: Number(response.TTL) * 1_000 };
  }

  async keepAlive(leaseId: string, call: WireCall): Promise<WireLease> {
    const response = await this.#keepAlive.send(leaseId, call);
    return {
      header: headerOf(response.header),
      id: response.ID,
      ttlMs: Math.max(0, Number(response.TTL)) * 1_000,
    };
  }

  async revokeLease(leaseId: string, call: WireCall): Promise<WireHeader> {
    try {
      return headerOf((await this.#lease.leaseRevoke({ ID: leaseId }, optionsOf(call))).header);
    } catch (error) {
      if (!(error instanceof MitosisError) || error.code !== 'not_found') throw error;
      // Gone already, which is what was wanted; the error carries no header, and the read is linearizable as a revoke is.
      return (await this.range({ key: '\0' }, call)).header;
    }
  }

  watch(handlers: WatchHandlers): WatchStream {
    return new EtcdWatchStream(this.#watch, handlers, () => {
      this.#pool.markSilent('Watch');
    });
  }

  warmUp(): void {
    for (const service of ['KV', 'Lease', 'Watch'] as const) this.#pool.warmUp(service);
  }

  setEndpoints(urls: readonly string[]): void {
    this.#pool.setEndpoints(urls);
  }

  close(): void {
    this.#keepAlive.close();
    this.#pool.close();
  }
}

const rangeOf = (request: RangeRequest): IRangeRequest => ({
  ...bytesOf(request),
  revision: request.revision ?? 0,
  limit: request.limit ?? 0,
  keys_only: request.keysOnly ?? false,
  min_mod_revision: request.minModRevision ?? 0,
});

const foundIn = (response: IRangeResponse): Omit<RangeResponse, 'header'> => ({
  entries: response.kvs.map(entryOf),
  more: response.more,
  count: Number(response.count),
});

const bytesOf = (range: KeyRange): { key: Buffer; range_end?: Buffer } => ({
  key: Buffer.from(range.key),
  ...(range.rangeEnd === undefined ? {} : { range_end: Buffer.from(range.rangeEnd) }),
});

/** The deadline is wall-clock time because gRPC's is; the signal ends the call earlier. */
const optionsOf = (call: WireCall): SignalCallOptions => ({
  deadline: Date.now() + call.timeoutMs,
  ...(call.signal === undefined ? {} : { signal: call.signal }),
});

const requestOf = (write: WireOp): IRequestOp =>
  write.kind === 'put'
    ? {
        request_put: {
          key: Buffer.from(write.key),
          value: Buffer.from(write.value),
          lease: write.lease,
        },
      }
    : { request_delete_range: bytesOf(write.range) };
