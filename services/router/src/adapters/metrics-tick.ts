/**
 * Once a second: reads and resets the data path's counters into one `RouterMetrics`, for all subscribers alike. A
 * subscriber gets every interval from its subscription on; intervals without one are not kept.
 */
import { MitosisError, type ReplicaId, type router } from '@mitosis/contracts';
import { every, type Clock } from '@mitosis/coordination';
import { Observable } from 'rxjs';
import type { LiveRoute } from '../data-path/live-route.js';
import type { DataPath } from '../data-path/data-path.js';

export const TICK_MS = 1_000;
/** More readers than a level has monitors are a fault. */
const SUBSCRIBERS_MAX = 64;

type Listener = (metrics: router.RouterMetrics) => void;

export class MetricsTick {
  private readonly listeners = new Set<Listener>();
  private endTicks: () => void = () => {};
  private lastMs: number;

  constructor(
    private readonly replica: ReplicaId,
    private readonly path: DataPath,
    private readonly nowMs: () => number,
    private readonly clock: Clock,
  ) {
    this.lastMs = clock.monotonicMs();
  }

  start(): void {
    this.endTicks = every(this.clock, TICK_MS, () => this.tick());
  }

  stop(): void {
    this.endTicks();
  }

  /** Every interval, whoever else listens; returns the unsubscribe function. */
  onTick(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  stream(): Observable<router.RouterMetrics> {
    return new Observable((subscriber) => {
      if (this.listeners.size >= SUBSCRIBERS_MAX) {
        subscriber.error(new MitosisError('exhausted', `${SUBSCRIBERS_MAX} readers of the metrics already`));
        return undefined;
      }
      return this.onTick((metrics) => subscriber.next(metrics));
    });
  }

  tick(): void {
    const monotonicMs = this.clock.monotonicMs();
    const ejected = this.path.ejected();
    const metrics: router.RouterMetrics = {
      replica: this.replica,
      atMs: this.nowMs(),
      intervalMs: Math.max(1, Math.round(monotonicMs - this.lastMs)),
      routes: [...this.path.routes].map((route) => routeMetrics(route, ejected)),
    };
    this.lastMs = monotonicMs;
    for (const listener of this.listeners) listener(metrics);
  }
}

const routeMetrics = (live: LiveRoute, ejected: ReadonlySet<string>): router.RouteMetrics => {
  const { counters, route } = live;
  const metrics: router.RouteMetrics = {
    component: route.component,
    port: route.port,
    requests: counters.requests,
    errors: counters.errors,
    rejected: counters.rejected,
    inFlight: counters.inFlight,
    queued: live.queued,
    latency: counters.latency.toMessage(),
    targets: [...counters.targets].map(([target, each]) => ({
      target,
      requests: each.requests,
      errors: each.errors,
      retries: each.retries,
      inFlight: each.inFlight,
      latency: each.latency.toMessage(),
      ejected: ejected.has(target),
    })),
    callers: {},
  };
  counters.reset();
  forgetTargets(live);
  return metrics;
};

/** Targets that the table no longer names are told of once more, then no more. */
const forgetTargets = ({ counters, route }: LiveRoute): void => {
  const named = new Set<string>();
  for (const { alternative, targets } of route.choices) {
    if (alternative !== '') named.add(alternative);
    for (const target of targets) named.add(target.name);
  }
  for (const [name, target] of counters.targets)
    if (!named.has(name) && target.inFlight === 0) counters.targets.delete(name);
};
