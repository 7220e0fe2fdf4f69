/**
 * One channel per remote address, shared by all clients of it, and one breaker per (address, service). Bounded: what
 * has not been used for a minute is closed. Must never hold a connection to an address nobody asks for any more.
 */
import {
  Channel,
  credentials,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
} from '@grpc/grpc-js';
import {
  agent,
  autoscaler,
  composer,
  health,
  management,
  MitosisError,
  monitor,
  placer,
  policy,
  router,
} from '@mitosis/contracts';
import CircuitBreaker from 'opossum';
import type { Clients, ServiceName } from './peers.js';

export type CredentialsFor = (address: string) => ChannelCredentials;

const CLIENTS = {
  agent: agent.AgentClient,
  autoscaler: autoscaler.AutoscalerClient,
  composer: composer.ComposerClient,
  health: health.HealthClient,
  management: management.ManagementClient,
  monitor: monitor.MonitorClient,
  placer: placer.PlacerClient,
  policy: policy.ExternalPolicyClient,
  router: router.RouterClient,
} as const;

const CHANNEL_OPTIONS: ChannelOptions = {
  // A process restarted in place is back within 100 ms; the default first back-off of a second would hide that.
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // A peer that vanished without closing (host lost, SIGSTOP) is noticed on streams within seven seconds.
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 2_000,
  // Calls between parts of a level never go through a proxy the environment names.
  'grpc.enable_http_proxy': 0,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  // Channels to one address are shared here; a global pool would keep them after they were closed.
  'grpc.use_local_subchannel_pool': 1,
};

const BREAKER_OPTIONS: CircuitBreaker.Options = {
  // The deadline is on the call itself, where it also cancels it.
  timeout: false,
  errorThresholdPercentage: 50,
  volumeThreshold: 5,
  rollingCountTimeout: 5_000,
  rollingCountBuckets: 5,
  // Half a second: the order of a process's restart in place.
  resetTimeout: 500,
  // The one limit on calls in flight to one service of one process.
  capacity: 64,
  enableSnapshots: false,
};

const UNUSED_MS = 60_000;

export type Breaker = CircuitBreaker<[() => Promise<unknown>], unknown>;

/** Cancelled by the caller's signal: says nothing about the peer, so no breaker counts it. */
export class CancelledError extends MitosisError {
  constructor(where: string, options?: { readonly cause?: unknown }) {
    super('deadline', `${where}: cancelled by the caller`, options);
  }
}

const saysNothingAboutThePeer = (error: unknown): boolean =>
  error instanceof CancelledError ||
  !(error instanceof MitosisError) ||
  (error.code !== 'unavailable' && error.code !== 'deadline');

class PeerChannel {
  private readonly clients = new Map<ServiceName, Client>();
  private readonly breakers = new Map<ServiceName, Breaker>();
  usedAtMs = performance.now();
  streams = 0;

  constructor(
    private readonly address: string,
    private readonly channel: Channel,
  ) {}

  client<S extends ServiceName>(service: S): Clients[S] {
    let client = this.clients.get(service);
    if (client === undefined) {
      client = new CLIENTS[service](this.address, credentials.createInsecure(), {
        channelOverride: this.channel,
      });
      this.clients.set(service, client);
    }
    return client as Clients[S];
  }

  breaker(service: ServiceName): Breaker {
    let breaker = this.breakers.get(service);
    if (breaker === undefined) {
      breaker = new CircuitBreaker((run: () => Promise<unknown>) => run(), {
        ...BREAKER_OPTIONS,
        errorFilter: saysNothingAboutThePeer,
      });
      this.breakers.set(service, breaker);
    }
    return breaker;
  }

  close(): void {
    for (const breaker of this.breakers.values()) breaker.shutdown();
    this.channel.close();
  }
}

export class ChannelCache {
  private readonly channels = new Map<string, PeerChannel>();

  constructor(private readonly credentialsFor: CredentialsFor = () => credentials.createInsecure()) {}

  get(address: string): PeerChannel {
    let found = this.channels.get(address);
    if (found === undefined) {
      this.sweep();
      found = new PeerChannel(address, new Channel(address, this.credentialsFor(address), CHANNEL_OPTIONS));
      this.channels.set(address, found);
    }
    found.usedAtMs = performance.now();
    return found;
  }

  get size(): number {
    return this.channels.size;
  }

  close(): void {
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
  }

  /** New addresses come with new processes, so the time to forget old ones is when a new one comes. */
  private sweep(): void {
    const now = performance.now();
    for (const [address, channel] of this.channels) {
      if (channel.streams > 0 || now - channel.usedAtMs < UNUSED_MS) continue;
      channel.close();
      this.channels.delete(address);
    }
  }
}
