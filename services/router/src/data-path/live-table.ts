/**
 * The table in force: swapped whole, in one turn of the event loop, so that no request sees half of one. Counters,
 * ejections and requests in flight carry over by identity. Must never wait or do I/O.
 */
import { busyInstances } from '../decide/drain.js';
import type { Choice, Route, Table, Target } from '../decide/table.js';
import type { RouteCounters } from './counters.js';
import { LiveRoute, type LiveChoice } from './live-route.js';
import { Lane, LiveTarget } from './live-target.js';
import type { InstanceId, ListenerRecord } from '@mitosis/contracts';

export interface LiveTableEvents {
  /** A target takes no new request any more: its idle connections can go. */
  readonly onRetired: (target: Target) => void;
  /** The last request at such a target has ended. */
  readonly onDrained: () => void;
}

export class LiveTable {
  readonly routes = new Map<string, LiveRoute>();
  private readonly targets = new Map<string, LiveTarget>();
  private listeners: Readonly<Record<string, ListenerRecord>> = {};

  constructor(
    private readonly queueMax: number,
    private readonly random: () => number,
    private readonly events: LiveTableEvents,
  ) {}

  swap(table: Table): void {
    this.listeners = table.listeners;
    const wanted = new Map<string, Target>();
    for (const route of Object.values(table.routes))
      for (const choice of route.choices) for (const target of choice.targets) wanted.set(target.key, target);
    this.updateTargets(wanted);
    for (const [key, route] of Object.entries(table.routes)) this.ensureRoute(key, route);
    for (const [key, live] of this.routes) {
      const route = table.routes[key];
      live.update(
        route ?? { ...live.route, choices: [] },
        (route?.choices ?? []).map((c) => this.liveChoice(live, c)),
      );
      if (!route && live.counters.inFlight === 0 && live.queued === 0) this.routes.delete(key);
    }
  }

  listener(name: string): ListenerRecord | undefined {
    return this.listeners[name];
  }

  busy(): readonly InstanceId[] {
    return busyInstances(
      [...this.targets.values()].map(({ target, inFlight, serving }) => ({
        instance: target.instance,
        inFlight,
        serving,
      })),
    );
  }

  /** Names of a route's targets that are out now. */
  ejected(nowMs: number): ReadonlySet<string> {
    const names = new Set<string>();
    for (const live of this.targets.values())
      if (live.serving && live.ejectedUntilMs > nowMs) names.add(live.target.name);
    return names;
  }

  private updateTargets(wanted: ReadonlyMap<string, Target>): void {
    for (const [key, live] of this.targets) {
      const wasServing = live.serving;
      live.update(wanted.get(key));
      if (wasServing && !live.serving) this.events.onRetired(live.target);
      if (!wanted.has(key) && live.inFlight === 0) this.targets.delete(key);
    }
    for (const [key, target] of wanted) {
      if (this.targets.has(key)) continue;
      const live = new LiveTarget(target, (drained) => this.drained(drained, key));
      live.update(target);
      this.targets.set(key, live);
    }
  }

  private drained(live: LiveTarget, key: string): void {
    this.events.onRetired(live.target);
    this.events.onDrained();
    if (this.targets.get(key) === live && !live.target.draining) this.targets.delete(key);
  }

  private ensureRoute(key: string, route: Route): LiveRoute {
    let live = this.routes.get(key);
    if (!live) this.routes.set(key, (live = new LiveRoute(route, this.queueMax, this.random)));
    return live;
  }

  private liveChoice(route: LiveRoute, choice: Choice): LiveChoice {
    const lanes: Lane[] = [];
    const passed = choice.through
      .map((key) => this.routes.get(key)?.counters)
      .filter((counters): counters is RouteCounters => counters !== undefined);
    for (const target of choice.targets) {
      const live = this.targets.get(target.key);
      if (!live) continue;
      const counters = [
        route.counters.target(choice.alternative || target.name),
        ...passed.map((inner) => inner.target(target.name)),
      ];
      lanes.push(new Lane(live, lanes, counters, passed));
    }
    return { weight: choice.weight, targets: lanes };
  }
}
