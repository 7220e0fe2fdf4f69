/**
 * Requests per component out of what every router saw. Counts of all routers are added up over the time covered, so a
 * router that came or went within a window counts with what it carried, not with a rate stretched over the window.
 */
import type { monitor, router } from '@mitosis/contracts';
import { coveredMs, isFresh, samplesWithin, type RouterSample } from './samples.js';
import { Tally, UNKNOWN_WINDOW } from './window.js';

export interface RequestFigures {
  readonly freshAtMs: number;
  readonly last1: monitor.Window;
  readonly last10: monitor.Window;
  readonly last60: monitor.Window;
  readonly inFlight: number;
  readonly queued: number;
  readonly rejectedRate: number;
  readonly targets: readonly monitor.TargetSnapshot[];
}

export const UNKNOWN_REQUESTS: RequestFigures = {
  freshAtMs: 0,
  last1: UNKNOWN_WINDOW,
  last10: UNKNOWN_WINDOW,
  last60: UNKNOWN_WINDOW,
  inFlight: 0,
  queued: 0,
  rejectedRate: 0,
  targets: [],
};

/** Samples by router, oldest first. */
export type RouterSamples = ReadonlyMap<string, readonly RouterSample[]>;

export interface RequestsInput {
  readonly samples: RouterSamples;
  /** Components that have a route in every router's table, also when nobody asked for them. */
  readonly routed: ReadonlySet<string>;
  readonly nowMs: number;
}

interface WindowSums {
  readonly seconds: number;
  readonly components: ReadonlyMap<string, Tally>;
  readonly targets: ReadonlyMap<string, ReadonlyMap<string, Tally>>;
}

/** Figures of every component that is routed or was seen; a component without fresh data is there, unknown. */
export const decideRequests = (input: RequestsInput): ReadonlyMap<string, RequestFigures> => {
  const { samples, nowMs } = input;
  // In the order of their names: sums of floating-point numbers must not depend on who reported first.
  const sources = [...samples].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, list]) => list);
  const fresh = sources
    .map((list) => list.at(-1))
    .filter((sample) => isFresh(sample, nowMs)) as RouterSample[];
  const sums = {
    last1: sum(sources, 1, nowMs),
    last10: sum(sources, 10, nowMs),
    last60: sum(sources, 60, nowMs),
  };
  const now = present(fresh);
  const freshAtMs = Math.max(0, ...fresh.map((sample) => sample.receivedAtMs));
  const names = new Set([...input.routed, ...sums.last60.components.keys()]);
  return new Map(
    [...names]
      .sort()
      .map((component) => [
        component,
        fresh.length === 0 || !(input.routed.has(component) || now.has(component))
          ? UNKNOWN_REQUESTS
          : { freshAtMs, ...figures(component, sums, now.get(component) ?? IDLE) },
      ]),
  );
};

const sum = (sources: readonly (readonly RouterSample[])[], seconds: number, nowMs: number): WindowSums => {
  const components = new Map<string, Tally>();
  const targets = new Map<string, Map<string, Tally>>();
  let longestMs = 0;
  for (const source of sources) {
    const chosen = samplesWithin(source, seconds, nowMs);
    longestMs = Math.max(longestMs, coveredMs(chosen));
    for (const sample of chosen) {
      for (const route of sample.metrics.routes) {
        tallyOf(components, route.component).add(route, route.rejected);
        if (seconds === 10) addTargets(targets, route);
      }
    }
  }
  return { seconds: longestMs / 1_000, components, targets };
};

const addTargets = (targets: Map<string, Map<string, Tally>>, route: router.RouteMetrics): void => {
  let known = targets.get(route.component);
  if (known === undefined) targets.set(route.component, (known = new Map()));
  for (const target of route.targets) tallyOf(known, target.target).add(target);
};

const tallyOf = (tallies: Map<string, Tally>, key: string): Tally => {
  let tally = tallies.get(key);
  if (tally === undefined) tallies.set(key, (tally = new Tally()));
  return tally;
};

interface Present {
  inFlight: number;
  queued: number;
  readonly targets: Map<string, number>;
}

const IDLE: Present = { inFlight: 0, queued: 0, targets: new Map() };

/** What is so at this moment, from the newest sample of every fresh router. */
const present = (fresh: readonly RouterSample[]): ReadonlyMap<string, Present> => {
  const now = new Map<string, Present>();
  for (const { metrics } of fresh) {
    for (const route of metrics.routes) {
      const known = now.get(route.component) ?? {
        inFlight: 0,
        queued: 0,
        targets: new Map<string, number>(),
      };
      known.inFlight += route.inFlight;
      known.queued += route.queued;
      for (const { target, inFlight } of route.targets) {
        known.targets.set(target, (known.targets.get(target) ?? 0) + inFlight);
      }
      now.set(route.component, known);
    }
  }
  return now;
};

const NOTHING = new Tally();

const figures = (
  component: string,
  sums: Readonly<Record<'last1' | 'last10' | 'last60', WindowSums>>,
  now: Present,
): Omit<RequestFigures, 'freshAtMs'> => {
  const tally = (sum: WindowSums): Tally => sum.components.get(component) ?? NOTHING;
  const { last1, last10, last60 } = sums;
  const targets = new Set([...(last10.targets.get(component)?.keys() ?? []), ...now.targets.keys()]);
  return {
    last1: tally(last1).window(last1.seconds),
    last10: tally(last10).window(last10.seconds),
    last60: tally(last60).window(last60.seconds),
    inFlight: now.inFlight,
    queued: now.queued,
    rejectedRate: last10.seconds === 0 ? 0 : tally(last10).rejected / last10.seconds,
    targets: [...targets].sort().map((target) => ({
      target,
      last10: (last10.targets.get(component)?.get(target) ?? NOTHING).window(last10.seconds),
      inFlight: now.targets.get(target) ?? 0,
    })),
  };
};
