/**
 * The members of an etcd cluster: who they are, and the changes that recorded intents ask for. Every change is idempotent,
 * by peer URL or by member id, because nothing fences it: whoever carries an intent out again, however late, changes
 * nothing more.
 */
import { MitosisError } from '@mitosis/contracts';
import type { EtcdMember } from '@mitosis/contracts';
import { ClusterClient } from 'etcd3';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { EndpointPool } from './endpoint-pool.js';
import type { SignalCallOptions } from './endpoint-pool.js';

export interface EtcdMembers {
  list(signal?: AbortSignal): Promise<readonly EtcdMember[]>;
  /** Adds one without a vote unless one with this peer URL is there. etcd allows one at a time (`unavailable`). */
  addLearner(peerUrl: string, signal?: AbortSignal): Promise<void>;
  /** Gives it its vote. Rejects with `unavailable` until it has caught up. */
  promote(id: string, signal?: AbortSignal): Promise<void>;
  /** Succeeds also when it is gone. etcd refuses what would cost the quorum (`unavailable`). */
  remove(id: string, signal?: AbortSignal): Promise<void>;
}

const TIMEOUT_MS = 3_000;

export class EtcdCluster implements EtcdMembers {
  readonly #pool: EndpointPool;
  readonly #client: ClusterClient;

  constructor(endpoints: readonly string[], credentials?: ChannelCredentials) {
    this.#pool = new EndpointPool(endpoints, credentials);
    this.#client = new ClusterClient(this.#pool);
  }

  /** Where the members are reached from now on. */
  setEndpoints(urls: readonly string[]): void {
    this.#pool.setEndpoints(urls);
  }

  /** Pays once for what the first calls would cost. */
  warmUp(): void {
    this.#pool.warmUp('Cluster');
  }

  async list(signal?: AbortSignal): Promise<readonly EtcdMember[]> {
    const { members } = await this.#client.memberList({}, optionsOf(signal));
    return members.map(({ ID, name, peerURLs, clientURLs, isLearner }) => ({
      id: ID,
      name,
      peerUrl: peerURLs[0] ?? '',
      clientUrl: clientURLs[0] ?? '',
      learner: isLearner,
    }));
  }

  async addLearner(peerUrl: string, signal?: AbortSignal): Promise<void> {
    if ((await this.list(signal)).some((member) => member.peerUrl === peerUrl)) return;
    await this.#client.memberAdd({ peerURLs: [peerUrl], isLearner: true }, optionsOf(signal));
  }

  async promote(id: string, signal?: AbortSignal): Promise<void> {
    if ((await this.list(signal)).some((member) => member.id === id && !member.learner)) return;
    await this.#client.memberPromote({ ID: id }, optionsOf(signal));
  }

  async remove(id: string, signal?: AbortSignal): Promise<void> {
    try {
      await this.#client.memberRemove({ ID: id }, optionsOf(signal));
    } catch (error) {
      if (!(error instanceof MitosisError) || error.code !== 'not_found') throw error;
    }
  }

  close(): void {
    this.#pool.close();
  }
}

const optionsOf = (signal: AbortSignal | undefined): SignalCallOptions => ({
  deadline: Date.now() + TIMEOUT_MS,
  ...(signal === undefined ? {} : { signal }),
});
