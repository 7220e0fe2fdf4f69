/** Subscriptions to every router and agent there is now; each opens again by itself after a break. */
import type { FunctionContext } from '@mitosis/service-kit';
import type { AgentSample, RouterSample } from '../decide/samples.js';

export interface StreamSinks {
  readonly onRouter: (sample: RouterSample) => void;
  readonly onAgent: (sample: AgentSample) => void;
}

interface Subscription {
  readonly address: string;
  readonly ending: AbortController;
  open: boolean;
}

export class LiveStreams {
  private readonly routers = new Map<string, Subscription>();
  private readonly agents = new Map<string, Subscription>();

  constructor(
    private readonly context: FunctionContext,
    private readonly sinks: StreamSinks,
  ) {}

  /** Opens what is new, closes what is gone; a router that came back at another address is new. */
  follow(routers: ReadonlyMap<string, string>, agents: readonly string[]): void {
    reconcile(this.routers, routers, (router, subscription) => this.openRouter(router, subscription));
    reconcile(this.agents, new Map(agents.map((address) => [address, address])), (_, subscription) =>
      this.openAgent(subscription),
    );
  }

  describe(): Readonly<Record<string, unknown>> {
    const show = (all: ReadonlyMap<string, Subscription>): unknown =>
      Object.fromEntries([...all].map(([source, { open }]) => [source, open ? 'open' : 'broken']));
    return { routers: show(this.routers), agents: show(this.agents) };
  }

  close(): void {
    this.follow(new Map(), []);
  }

  private openRouter(router: string, subscription: Subscription): void {
    this.context.peers.stream(
      'router',
      subscription.address,
      'streamMetrics',
      {},
      {
        onMessage: (metrics) => this.sinks.onRouter({ router, receivedAtMs: this.context.nowMs(), metrics }),
        onState: (state) => (subscription.open = state === 'open'),
      },
      subscription.ending.signal,
    );
  }

  private openAgent(subscription: Subscription): void {
    const { address, ending } = subscription;
    this.context.peers.stream(
      'agent',
      address,
      'stats',
      { level: this.context.level },
      {
        onMessage: (stats) =>
          this.sinks.onAgent({ agent: address, receivedAtMs: this.context.nowMs(), stats }),
        onState: (state) => (subscription.open = state === 'open'),
      },
      ending.signal,
    );
  }
}

const reconcile = (
  open: Map<string, Subscription>,
  wanted: ReadonlyMap<string, string>,
  start: (source: string, subscription: Subscription) => void,
): void => {
  for (const [source, subscription] of open) {
    if (wanted.get(source) === subscription.address) continue;
    subscription.ending.abort();
    open.delete(source);
  }
  for (const [source, address] of wanted) {
    if (open.has(source)) continue;
    const subscription: Subscription = { address, ending: new AbortController(), open: false };
    open.set(source, subscription);
    start(source, subscription);
  }
};
