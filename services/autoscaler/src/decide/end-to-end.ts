/**
 * By which requests the components on the way to an answer are judged: those at the entry, all by the same. Each by its
 * own would spend the whole budget of late requests once more, and the entry would buy against a queue that stands below
 * it. One account, one price of lateness and one forecast for the whole chain: what one tier lets pass and the next does
 * not was bought for nothing.
 */
import type { Component, Objective } from '@mitosis/contracts';
import { strictest } from '../plugins/slo-text.js';
import { own } from './by-name.js';
import { speaksHttp } from './call-graph.js';
import { outlookOf } from './demand-outlook.js';
import { logAtEntry } from './fair-price.js';
import { horizonOf } from './horizon.js';
import { capacityOf } from './instance-model.js';
import { instancesOf, measureStartMs } from './level-index.js';
import { componentOf, isScaled, type LevelInput } from './level-input.js';
import { bothObjectives, entryPath, hasOwnBound, reachableFrom } from './objectives.js';
import { sloStateOf, type Policies, type SloState } from './slo-state.js';
import { soundRequests, type EndToEnd, type EntryForecast, type RequestMetrics } from './observation.js';

/** What is not ours takes this many times what it usually does: lateness is its doing, and nothing is bought against it. */
const EXCUSED_RATIO = 2;
/** Components that are called more seldom count as called so often. */
const VISITS_MIN = 0.01;

interface Path {
  /** Per second: refused by any component of ours, which fails the request that called it. */
  readonly rejectedRate: number;
  /** Time per request at the entry: in what is not scaled here, now and usually, and usually in what is. */
  readonly outsideMs: number;
  readonly usualOutsideMs: number;
  readonly usualOwnMs: number;
}

const soundIn = (metrics: LevelInput['metrics'], name: string): RequestMetrics | null =>
  soundRequests(metrics?.get(name)?.requests ?? null);

const pathOf = (
  { metrics }: LevelInput,
  components: readonly Component[],
  calmMs: { readonly [component: string]: number },
  visits: ReadonlyMap<string, number>,
): Path => {
  const path = { rejectedRate: 0, outsideMs: 0, usualOutsideMs: 0, usualOwnMs: 0 };
  for (const component of components) {
    const { name } = component;
    const requests = soundIn(metrics, name);
    // Connections of other protocols outlive requests.
    if (requests === null || !speaksHttp(component)) continue;
    const perRequest = visits.get(name) ?? 1;
    const usualMs = perRequest * (own(calmMs, name) ?? 0);
    if (isScaled(component)) {
      path.rejectedRate += requests.rejectedRate;
      path.usualOwnMs += usualMs;
    } else {
      path.usualOutsideMs += usualMs;
      path.outsideMs += requests.last10 === null ? usualMs : perRequest * requests.last10.meanMs;
    }
  }
  return path;
};

/** Of one tier, by its own plan and for the requests at the entry; null: it knows none yet. */
const priceOf = ({ model, price }: SloState, cpus: number, visits: number): number | null => {
  const capacity = capacityOf(model, cpus);
  return price.weight > 0 && capacity > 0 ? price.log - logAtEntry(capacity, visits) : null;
};

const forecastOf = (input: LevelInput, entry: Component, policies: Policies): EntryForecast | null => {
  const known = sloStateOf(policies, entry.name);
  if (known === null || known.outlook.samples === 0) return null;
  const instances = instancesOf(input.instances).get(entry.name);
  const startMs = measureStartMs(instances, input.endpoints.get(entry.name));
  const horizonMs = horizonOf({ startMs });
  return { level: known.outlook.level, horizonMs, outlook: outlookOf(known.outlook, horizonMs) };
};

/** null for what is judged by its own requests: it alone is asked for, has a bound of its own, or is not on the way. */
export const endToEndOf = (
  input: LevelInput,
  objective: Objective | null,
  calmMs: { readonly [component: string]: number },
  visits: ReadonlyMap<string, number>,
  policies: Policies,
): ((component: Component) => EndToEnd | null) => {
  const { typeGraph, metrics } = input;
  const { entry } = typeGraph;
  if (entry === null || metrics === null) return () => null;
  // The entry's own objective is end to end, too.
  const first = componentOf(typeGraph, entry);
  const bound = strictest(bothObjectives(first?.objective ?? null, objective));
  if (first === undefined || bound === null) return () => null;
  const names = reachableFrom(typeGraph, entry);
  const components = entryPath(typeGraph);
  const path = pathOf(input, components, calmMs, visits);
  const window = soundIn(metrics, entry)?.last10 ?? null;
  const excused = path.outsideMs > EXCUSED_RATIO * path.usualOutsideMs && path.outsideMs > path.usualOwnMs;
  const isJudged = (component: Component): boolean =>
    names.size > 1 && names.has(component.name) && (component.name === entry || !hasOwnBound(component));
  const visitsOf = (name: string): number => Math.max(VISITS_MIN, visits.get(name) ?? 1);
  let price: number | null = null;
  for (const component of components) {
    const known = sloStateOf(policies, component.name);
    if (known === null || !isJudged(component)) continue;
    const ofTier = priceOf(known, component.resources.limits.cpus, visitsOf(component.name));
    if (ofTier !== null && (price === null || ofTier > price)) price = ofTier;
  }
  const forecast = forecastOf(input, first, policies);
  return (component) =>
    isJudged(component)
      ? {
          // Field by field: one is made for every component each second, and a spread takes several times as long.
          window,
          rejectedRate: path.rejectedRate,
          boundMs: bound.ms,
          percentile: bound.percentile,
          excused,
          price,
          visits: visitsOf(component.name),
          forecast: component.name === entry || !visits.has(component.name) ? null : forecast,
        }
      : null;
};
