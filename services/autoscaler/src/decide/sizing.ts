/**
 * How large one instance should be: `cpus` and `memory` recommended from what instances were seen to use, as the vertical
 * autoscalers of Kubernetes and Autopilot do: decaying histograms of buckets that grow by 5 %, processor time by a high
 * percentile of minutes, memory by the peaks of minutes, and a margin on both. Advice, unless the composition says that it
 * is to be applied: an instance that is short of memory is killed, and that is for people to weigh. Must never read silence
 * as use of nothing.
 */
import {
  asSaid,
  boundedSize,
  type Component,
  type ComponentName,
  type InstanceSize,
  type SizeRecord,
} from '@mitosis/contracts';
import type { ComponentObservation, ResourceMetrics } from './observation.js';

/** Weight by bucket; bucket b holds values up to `FIRST × GROWTH^b`. */
export type Histogram = { readonly [bucket: string]: number };

export type SizingState = {
  readonly version: string;
  /** Start of the minute that is being collected. */
  readonly minuteMs: number;
  readonly samples: number;
  /** Mean of the minute, cores per instance. */
  readonly cpuCores: number;
  /** Peak of the minute, bytes per instance. */
  readonly memoryBytes: number;
  readonly minutes: number;
  readonly cpu: Histogram;
  readonly memory: Histogram;
};

export interface SizeAdvice {
  readonly component: ComponentName;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly minutes: number;
}

/** A sample of use: as the name says, unless somebody tries it out in less time. */
export const MINUTE_MS = 60_000;
const GROWTH = 1.05;
const CPU_FIRST = 0.01;
const MEMORY_FIRST = 1024 * 1024;
/** Kubernetes' recommender: a sample counts half after a day, percentile 90 for processor time, 15 % margin. */
const HALF_LIFE_MINUTES = 24 * 60;
const DECAY = 0.5 ** (1 / HALF_LIFE_MINUTES);
const CPU_PERCENTILE = 0.9;
/** Of the peaks of minutes, not of days: many more samples, so a higher percentile. */
const MEMORY_PERCENTILE = 0.99;
const MARGIN = 1.15;
const CPU_STEP = 0.05;
const MEMORY_STEP = 8 * 1024 * 1024;
/** Less than this was seen: no advice. */
const MINUTES_MIN = 10;
/** Buckets lighter than this have decayed to nothing. */
const WEIGHT_MIN = 1e-4;

const startOf = (version: string, nowMs: number): SizingState => ({
  version,
  minuteMs: nowMs,
  samples: 0,
  cpuCores: 0,
  memoryBytes: 0,
  minutes: 0,
  cpu: {},
  memory: {},
});

const bucketOf = (value: number, first: number): number =>
  Math.max(0, Math.ceil(Math.log(Math.max(value, first) / first) / Math.log(GROWTH)));

const decayed = (histogram: Histogram): [string, number][] =>
  Object.entries(histogram).flatMap(([bucket, weight]): [string, number][] =>
    weight * DECAY < WEIGHT_MIN ? [] : [[bucket, weight * DECAY]],
  );

const added = (histogram: Histogram, value: number, first: number): Histogram => {
  const next = Object.fromEntries(decayed(histogram));
  const bucket = String(bucketOf(value, first));
  next[bucket] = (next[bucket] ?? 0) + 1;
  return next;
};

/** Upper edge of the bucket in which the percentile lies. */
const percentileOf = (histogram: Histogram, share: number, first: number): number => {
  const entries = Object.entries(histogram)
    .map(([bucket, weight]) => [Number(bucket), weight] as const)
    .toSorted(([a], [b]) => a - b);
  const wanted = share * entries.reduce((sum, [, weight]) => sum + weight, 0);
  let seen = 0;
  for (const [bucket, weight] of entries) {
    seen += weight;
    if (seen >= wanted) return first * GROWTH ** bucket;
  }
  return 0;
};

const collected = (state: SizingState, usage: ResourceMetrics): SizingState => {
  const cpuCores = usage.cpuCores / usage.instancesSeen;
  const samples = state.samples + 1;
  return {
    ...state,
    samples,
    cpuCores: state.cpuCores + (cpuCores - state.cpuCores) / samples,
    memoryBytes: Math.max(state.memoryBytes, usage.memoryBytes / usage.instancesSeen),
  };
};

const closed = (state: SizingState, nowMs: number): SizingState => ({
  ...state,
  minuteMs: nowMs,
  samples: 0,
  cpuCores: 0,
  memoryBytes: 0,
  minutes: state.minutes + (state.samples > 0 ? 1 : 0),
  cpu: state.samples > 0 ? added(state.cpu, state.cpuCores, CPU_FIRST) : state.cpu,
  memory: state.samples > 0 ? added(state.memory, state.memoryBytes, MEMORY_FIRST) : state.memory,
});

/** Takes one observation in. What was learned of one version does not hold for the next. */
export const stepSizing = (
  before: SizingState | undefined,
  { version, nowMs, usage }: ComponentObservation,
  minuteMs = MINUTE_MS,
): SizingState => {
  const known = before?.version === version ? before : startOf(version, nowMs);
  const elapsed = nowMs < known.minuteMs || nowMs - known.minuteMs >= minuteMs;
  const state = elapsed ? closed(known, nowMs) : known;
  return usage === null || usage.instancesSeen === 0 ? state : collected(state, usage);
};

const upTo = (value: number, step: number): number => Math.max(step, Math.ceil(value / step) * step);

/** null: too little was seen. */
export const sizeAdvice = (component: ComponentName, state: SizingState): SizeAdvice | null => {
  if (state.minutes < MINUTES_MIN) return null;
  const cpus = upTo(percentileOf(state.cpu, CPU_PERCENTILE, CPU_FIRST) * MARGIN, CPU_STEP);
  return {
    component,
    cpus: Math.round(cpus * 100) / 100,
    memoryBytes: upTo(percentileOf(state.memory, MEMORY_PERCENTILE, MEMORY_FIRST) * MARGIN, MEMORY_STEP),
    minutes: state.minutes,
  };
};

/** A size that differs by less is as good as the one said. */
const WORTH = 0.25;

const differs = (advised: number, said: number): boolean =>
  said === 0 || Math.abs(advised - said) / said > WORTH;

/** True when the composition says another size, or none, and `told` (what was last advised) was no better. */
export const isNews = (advice: SizeAdvice, component: Component, told: SizeAdvice | undefined): boolean => {
  const { limits } = component.resources;
  const asSaid = !differs(advice.cpus, limits.cpus) && !differs(advice.memoryBytes, limits.memoryBytes);
  if (asSaid) return false;
  return (
    told === undefined || differs(advice.cpus, told.cpus) || differs(advice.memoryBytes, told.memoryBytes)
  );
};

/** Every change replaces all instances: at most this often, and for no less than this. */
const CHANGE_EVERY_MS = 3_600_000;
const CHANGE_MIN = 0.15;
/** Use this close to the limit says only that more would be used: the limit grows by this. */
const SQUEEZED_SHARE = 0.9;
const SQUEEZED_GROWTH = 1.5;

const needed = (advised: number, limit: number): number =>
  limit > 0 && advised / MARGIN >= SQUEEZED_SHARE * limit
    ? Math.max(advised, SQUEEZED_GROWTH * limit)
    : advised;

const changes = (from: number, to: number): boolean => from > 0 && Math.abs(to - from) >= CHANGE_MIN * from;

/** The limits to put in force; null: those that are, or it is not for the autoscaler to change them now. */
export const decideSize = (
  component: Component,
  advice: SizeAdvice,
  record: SizeRecord | undefined,
  nowMs: number,
): InstanceSize | null => {
  if (component.sizing?.mode !== 'apply') return null;
  if (record !== undefined && nowMs - record.atMs < CHANGE_EVERY_MS) return null;
  const { limits } = component.resources;
  const wanted = boundedSize(component, {
    cpus: needed(advice.cpus, limits.cpus),
    memoryBytes: needed(advice.memoryBytes, limits.memoryBytes),
  });
  const worth = changes(limits.cpus, wanted.cpus) || changes(limits.memoryBytes, wanted.memoryBytes);
  return worth ? wanted : null;
};

/** What the record states it was learned under. */
export const saidSize = (component: Component): InstanceSize => {
  const { cpus, memoryBytes } = asSaid(component).resources.limits;
  return { cpus, memoryBytes };
};
