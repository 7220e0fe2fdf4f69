/**
 * What is simulated: a type graph as production has it, and how its components behave. `chainApplication` makes the ones
 * of the benchmark; `mitosis simulate` makes its own from a composition and a recording.
 */
import {
  bareComponent,
  bareTypeGraph,
  componentName,
  type Component,
  type ScalingPolicy,
  type TypeGraph,
} from '@mitosis/contracts';
import type { PlantComponent } from './plant.js';

export interface Application {
  readonly typeGraph: TypeGraph;
  /** Entry first, callers before what they call. */
  readonly components: readonly Omit<PlantComponent, 'initial'>[];
  readonly objectiveMs: number;
}

/** What somebody who tunes a rule by hand knows of a tier. */
export interface TierSeen {
  /** Requests per second one instance can serve at most. */
  readonly capacity: number;
  /** Requests inside one instance, those it waits for included, when it is fully used and nothing queues. */
  readonly concurrency: number;
  /** Cores it uses then. */
  readonly cpuCores: number;
}

export interface ChainOptions {
  /** 1 to 5. */
  readonly tiers: number;
  readonly policy: (tier: TierSeen) => ScalingPolicy;
  readonly startMs: number;
  /** Percentile of the level's objective, 0..100. */
  readonly percentile: number;
  readonly concurrency: number;
  /** Requests per second at the entry at the peak, and how many times what it needs an operator allows at most. */
  readonly peakRate: number;
  readonly maxFactor: number;
  /** Kept running likewise; absent: one instance of each tier. */
  readonly minFactor?: number;
}

/** Unlike each other in what a request takes and in how often they are visited, as the tiers of real applications are. */
const TIERS = [
  { serviceMs: 50, scv: 0.2, visits: 1 },
  { serviceMs: 30, scv: 0.5, visits: 1 },
  { serviceMs: 70, scv: 0.3, visits: 1.5 },
  { serviceMs: 50, scv: 0.2, visits: 1 },
  { serviceMs: 60, scv: 0.5, visits: 0.5 },
] as const;

const CPU_SHARE = 0.9;

const componentOf = (
  name: string,
  next: string | undefined,
  policy: ScalingPolicy,
  scale: Pick<Component['scale'], 'min' | 'max'>,
): Component =>
  bareComponent(name, {
    dependsOn:
      next === undefined
        ? []
        : [{ component: componentName(next), condition: 'started', required: true, restart: false }],
    scale: { ...scale, initial: scale.min },
    policy,
  });

/** A chain of tiers, each called by the one before it; the objective leaves twice the service time for waiting. */
export const chainApplication = (options: ChainOptions): Application => {
  const tiers = TIERS.slice(0, Math.max(1, Math.min(TIERS.length, options.tiers)));
  const names = tiers.map((_, i) => `tier${i + 1}`);
  let visitsBefore: number = 1;
  const components = tiers.map((tier, i): Omit<PlantComponent, 'initial'> => {
    const next = tiers[i + 1];
    const calls = next === undefined ? [] : [{ to: i + 1, visits: next.visits / visitsBefore }];
    visitsBefore = next?.visits ?? 1;
    return {
      name: names[i] ?? '',
      version: 'v1',
      pooled: true,
      service: { meanMs: tier.serviceMs, scv: tier.scv },
      concurrency: options.concurrency,
      startMs: options.startMs,
      cpuShare: CPU_SHARE,
      memoryBytes: 64e6,
      calls,
    };
  });
  const seen = (i: number): TierSeen => {
    const own = tiers[i]?.serviceMs ?? 1;
    const within = tiers.slice(i).reduce((sum, tier) => sum + tier.serviceMs * tier.visits, 0);
    return {
      capacity: (options.concurrency * 1_000) / own,
      concurrency: (options.concurrency * within) / (own * (tiers[i]?.visits ?? 1)),
      cpuCores: options.concurrency * CPU_SHARE,
    };
  };
  const times = (factor: number, i: number): number =>
    Math.max(1, Math.ceil((factor * options.peakRate * (tiers[i]?.visits ?? 1)) / seen(i).capacity));
  const serviceMs = tiers.reduce((sum, tier) => sum + tier.serviceMs * tier.visits, 0);
  // Without any queue about 1 in 1,500 requests is late, at every length of the chain.
  const objectiveMs = 100 + 2 * serviceMs + 60 * Math.max(0, tiers.length - 2);
  return {
    typeGraph: bareTypeGraph(
      'simulated',
      names.map((name, i) =>
        componentOf(name, names[i + 1], options.policy(seen(i)), {
          min: times(options.minFactor ?? 0, i),
          max: times(options.maxFactor, i),
        }),
      ),
      {
        objective: {
          latency: [{ percentile: options.percentile, ms: objectiveMs }],
          errorRatio: null,
          throughput: null,
        },
      },
    ),
    components,
    objectiveMs,
  };
};
