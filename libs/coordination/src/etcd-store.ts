/** The Store over a real etcd cluster. */
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from './clock.js';
import { EtcdWire } from './etcd-wire.js';
import { WireStore } from './wire-store.js';

export interface EtcdStoreOptions {
  /** Client URLs of the members, such as `http://127.0.0.1:2379`; one is used until it fails. */
  readonly endpoints: readonly string[];
  /** For `https` endpoints; default: none, for loopback. */
  readonly credentials?: ChannelCredentials;
  /** `levelPrefix(level)`. */
  readonly prefix: string;
  readonly clock?: Clock;
}

export class EtcdStore extends WireStore {
  readonly #etcd: EtcdWire;

  constructor(options: EtcdStoreOptions) {
    const wire = new EtcdWire(options.endpoints, options.credentials);
    super({
      wire,
      prefix: options.prefix,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    });
    this.#etcd = wire;
  }

  /** Pays once for what the first calls would cost. */
  warmUp(): void {
    this.#etcd.warmUp();
  }

  /** The members of the cluster are reached here from now on; what goes to one that stays is not disturbed. */
  setEndpoints(urls: readonly string[]): void {
    this.#etcd.setEndpoints(urls);
  }
}
