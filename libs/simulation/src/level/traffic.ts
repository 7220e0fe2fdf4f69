/**
 * Clients: a rate of requests per component, put through the routers' real tables and balancing. An instance answers, is
 * late, or is not there; the router counts, ejects and retries as it does with sockets.
 */
import type { RouterProcess } from '../processes/router.js';
import { SimApp } from '../host/sim-app.js';
import type { RequestSeen } from './observer.js';
import type { SimLevel } from './sim-level.js';

const TICK_MS = 250;
const CONNECT_MS = 2_000;
const TRIES_MAX = 3;

interface Rate {
  readonly component: string;
  perSecond: number;
  owed: number;
}

export class Traffic {
  private readonly rates = new Map<string, Rate>([
    ['web', { component: 'web', perSecond: 4, owed: 0 }],
    ['store', { component: 'store', perSecond: 1, owed: 0 }],
  ]);
  /** Rates of `web` with the time from which they held. */
  readonly offered: { readonly atMs: number; readonly perSecond: number }[] = [];
  /** Requests for `web` that reached a router's table, by second. */
  private readonly arrived: number[] = [];
  ok = 0;
  failed = 0;
  private turn = 0;

  constructor(
    private readonly level: SimLevel,
    private readonly onRequest: (seen: RequestSeen) => void,
  ) {}

  start(): void {
    this.setRate('web', 4);
    this.tick();
  }

  setRate(component: string, perSecond: number): void {
    const rate = this.rates.get(component);
    if (rate === undefined) return;
    rate.perSecond = perSecond;
    if (component === 'web') this.offered.push({ atMs: this.level.nowMs, perSecond });
  }

  rateOf(component: string): number {
    return this.rates.get(component)?.perSecond ?? 0;
  }

  /** The least that arrived per second in each half of the time before now. */
  leastArriving(windowMs: number): number {
    const second = Math.floor(this.level.nowMs / 1_000);
    const half = Math.max(1, Math.floor(windowMs / 2_000));
    const mean = (from: number): number => {
      let sum = 0;
      for (let i = from; i < from + half; i += 1) sum += this.arrived[i] ?? 0;
      return sum / half;
    };
    return Math.min(mean(second - half), mean(second - 2 * half));
  }

  private tick(): void {
    this.level.clock.setTimer(TICK_MS, () => this.tick());
    const routers = this.level.routers().filter((router) => router.accepts);
    for (const rate of this.rates.values()) {
      rate.owed += (rate.perSecond * TICK_MS) / 1_000;
      for (; rate.owed >= 1; rate.owed -= 1) {
        // A host without a router refuses its clients; they come again by the other one.
        const router = routers[this.turn++ % Math.max(1, routers.length)];
        if (router === undefined) this.failed += 1;
        else router.clock.receive(() => this.begin(router, rate.component));
      }
    }
  }

  private begin(router: RouterProcess, component: string): void {
    const route = router.route(component, 'default');
    if (route === undefined) {
      this.failed += 1;
      return;
    }
    if (component === 'web') {
      const second = Math.floor(this.level.nowMs / 1_000);
      this.arrived[second] = (this.arrived[second] ?? 0) + 1;
    }
    const startedAtMs = router.clock.monotonicMs();
    route.counters.inFlight += 1;
    this.attempt(router, component, [], (ok) => {
      route.counters.inFlight -= 1;
      route.counters.requests += 1;
      route.counters.latency.record(router.clock.monotonicMs() - startedAtMs);
      if (!ok) route.counters.errors += 1;
      if (ok) this.ok += 1;
      else this.failed += 1;
    });
  }

  private attempt(
    router: RouterProcess,
    component: string,
    tried: readonly string[],
    done: (ok: boolean) => void,
  ): void {
    const { clock } = router;
    const lane = router.route(component, 'default')?.pick(tried, clock.wallMs());
    if (lane === undefined || tried.length >= TRIES_MAX) {
      const route = router.route(component, 'default');
      if (route !== undefined && lane === undefined) route.counters.rejected += 1;
      return done(false);
    }
    const { host, port, instance, key } = lane.target;
    const served = this.listening(host, port);
    this.onRequest({ router, component, instance, served });
    lane.begin(tried.length > 0);
    const beganAtMs = clock.monotonicMs();
    const end = (outcome: 'ok' | 'failed' | 'unreachable'): void => {
      lane.count(outcome, clock.monotonicMs() - beganAtMs, clock.wallMs());
      lane.end();
      if (outcome === 'ok') done(true);
      else this.attempt(router, component, [...tried, key], done);
    };
    this.send(router, host, served, (outcome) => clock.receive(() => end(outcome)));
  }

  private send(
    router: RouterProcess,
    address: string,
    served: SimApp | undefined,
    end: (outcome: 'ok' | 'failed' | 'unreachable') => void,
  ): void {
    const { network, hosts } = this.level;
    const host = hosts.find((one) => one.address === address);
    const party = `apps@${host?.site ?? ''}`;
    if (network.isCut(router.party, party)) return end('unreachable');
    if (host?.isUp !== true || !network.isWhole(router.party, party)) {
      this.level.clock.setTimer(CONNECT_MS, () => end('unreachable'));
      return undefined;
    }
    if (served === undefined) return end('unreachable');
    served.clock.receive(() => served.serve((ok) => end(ok ? 'ok' : 'failed')));
    return undefined;
  }

  private listening(address: string, port: number): SimApp | undefined {
    const host = this.level.hosts.find((one) => one.address === address);
    for (const child of host?.children.values() ?? [])
      if (child.exit === undefined && child instanceof SimApp && child.port === port) return child;
    return undefined;
  }
}
