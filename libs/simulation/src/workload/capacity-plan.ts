/**
 * What someone who knows everything would run: for each rate at the entry the instances of every component that hold the
 * objective in the steady state, and the cheapest trade of lateness against instances. The response time's tail is that
 * of a gamma distribution with the mean and the variance of the sum over components.
 */
import type { Application } from './application.js';
import { visitsOf } from './plant.js';
import { waitChance } from './erlang.js';
import { ServiceSampler } from './service-time.js';

interface Tier {
  readonly sampler: ServiceSampler;
  readonly concurrency: number;
  readonly visits: number;
  readonly pooled: boolean;
  readonly least: number;
  readonly most: number;
}

/** Regularised upper incomplete gamma function Q(a, x), by series or continued fraction (Numerical Recipes §6.2). */
const gammaTail = (a: number, x: number): number => {
  if (x <= 0) return 1;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 500 && term > sum * 1e-10; n += 1) {
      term *= x / (a + n);
      sum += term;
    }
    return Math.max(0, 1 - sum * scale);
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < 500; i += 1) {
    const an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    const delta = d * c;
    h *= delta;
    if (Math.abs(delta - 1) < 1e-10) break;
  }
  return Math.min(1, scale * h);
};

/** Stirling's series after shifting the argument above 8. */
const logGamma = (value: number): number => {
  let x = value;
  let shift = 0;
  while (x < 8) {
    shift -= Math.log(x);
    x += 1;
  }
  return (
    shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3)
  );
};

const tiersOf = ({ components, typeGraph }: Application): readonly Tier[] => {
  const visits = visitsOf(components);
  return components.map((component, i) => ({
    sampler: new ServiceSampler(component.service),
    concurrency: component.concurrency,
    visits: visits[i] ?? 0,
    pooled: component.pooled,
    least: Math.max(1, typeGraph.components[component.name]?.scale.min ?? 1),
    most: typeGraph.components[component.name]?.scale.max ?? 1,
  }));
};

interface Moments {
  readonly meanMs: number;
  readonly varianceMs2: number;
}

const momentsOf = (tier: Tier, rate: number, count: number): Moments | null => {
  const { sampler, concurrency, visits, pooled } = tier;
  const service = { meanMs: sampler.meanMs * visits, varianceMs2: sampler.varianceMs2 * visits };
  if (!pooled) return service;
  const servers = count * concurrency;
  const serviceS = sampler.meanMs / 1_000;
  const spare = servers / serviceS - rate * visits;
  if (spare <= 0) return null;
  const chance = waitChance(rate * visits * serviceS, servers);
  const waitMs = (1_000 * (1 + sampler.service.scv)) / 2 / spare;
  return {
    meanMs: service.meanMs + visits * chance * waitMs,
    varianceMs2: service.varianceMs2 + visits * (2 * chance - chance * chance) * waitMs ** 2,
  };
};

export class CapacityPlanner {
  private readonly tiers: readonly Tier[];

  constructor(private readonly application: Application) {
    this.tiers = tiersOf(application);
  }

  /** Share of requests later than the objective in the steady state, 0..1. */
  lateShare(rate: number, counts: readonly number[]): number {
    const { tiers } = this;
    const { objectiveMs } = this.application;
    const only = tiers.length === 1 ? tiers[0] : undefined;
    if (only !== undefined && only.visits === 1) return this.lateShareOfOne(only, rate, counts[0] ?? 0);
    let meanMs = 0;
    let varianceMs2 = 0;
    for (let i = 0; i < tiers.length; i += 1) {
      const tier = tiers[i];
      const moments = tier === undefined ? null : momentsOf(tier, rate, counts[i] ?? 0);
      if (moments === null) return 1;
      meanMs += moments.meanMs;
      varianceMs2 += moments.varianceMs2;
    }
    if (varianceMs2 <= 0) return meanMs > objectiveMs ? 1 : 0;
    return gammaTail(meanMs ** 2 / varianceMs2, (objectiveMs * meanMs) / varianceMs2);
  }

  private lateShareOfOne(tier: Tier, rate: number, count: number): number {
    const { objectiveMs } = this.application;
    const servers = count * tier.concurrency;
    const serviceS = tier.sampler.meanMs / 1_000;
    const spare = servers / serviceS - rate;
    if (spare <= 0) return 1;
    const chance = waitChance(rate * serviceS, servers);
    const waitMs = (1_000 * (1 + tier.sampler.service.scv)) / 2 / spare;
    return (
      (1 - chance) * tier.sampler.tail(objectiveMs) + chance * tier.sampler.tailWithWait(objectiveMs, waitMs)
    );
  }

  /** Fewest that can serve the rate at all. */
  private stable(rate: number): number[] {
    return this.tiers.map(({ visits, sampler, concurrency, least, most, pooled }) => {
      if (!pooled) return 0;
      const offered = (rate * visits * sampler.meanMs) / 1_000 / concurrency;
      return Math.min(most, Math.max(least, Math.floor(offered) + 1));
    });
  }

  /**
   * Adds the instance that helps most until `enough(late, gain)` says so; `gain`: what the best next one would take off
   * the late share.
   */
  private grow(rate: number, enough: (late: number, gain: number) => boolean): readonly number[] {
    const counts = this.stable(rate);
    let late = this.lateShare(rate, counts);
    for (;;) {
      let best = -1;
      let bestLate = Infinity;
      this.tiers.forEach(({ most, pooled }, i) => {
        const count = counts[i] ?? 0;
        if (!pooled || count >= most) return;
        counts[i] = count + 1;
        const with1 = this.lateShare(rate, counts);
        counts[i] = count;
        if (with1 < bestLate) {
          bestLate = with1;
          best = i;
        }
      });
      if (best < 0 || enough(late, late - bestLate)) return counts;
      counts[best] = (counts[best] ?? 0) + 1;
      late = bestLate;
    }
  }

  /** Least instances with at most `share` of the requests late. */
  holding(rate: number, share: number): readonly number[] {
    return this.grow(rate, (late, gain) => late <= share || gain < 1e-7);
  }

  /** Instances up to the last one that saves more than `price` late requests per second. */
  worth(rate: number, price: number): readonly number[] {
    const counts = this.grow(rate, (_, gain) => gain * rate < price);
    const saved = rate * (1 - this.lateShare(rate, counts));
    const bought = counts.reduce((sum, count, i) => sum + count - (this.tiers[i]?.least ?? 0), 0);
    // Where even all of them together are not worth what they save, the load is let be late.
    return saved < price * bought ? this.tiers.map(({ least, pooled }) => (pooled ? least : 0)) : counts;
  }
}
