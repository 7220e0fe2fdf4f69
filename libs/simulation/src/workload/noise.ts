/** Random numbers of the distributions that arrivals and service times are drawn from. */
import type { Random } from '../random.js';

/** Above this mean a Poisson number is drawn as a rounded normal one: their difference is below one in a hundred. */
const POISSON_EXACT_MAX = 40;

export class Noise {
  private spare = Number.NaN;

  constructor(private readonly random: Random) {}

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.random.next();
  }

  /** Standard normal (Marsaglia's polar method). */
  normal(): number {
    if (!Number.isNaN(this.spare)) {
      const value = this.spare;
      this.spare = Number.NaN;
      return value;
    }
    for (;;) {
      const u = 2 * this.random.next() - 1;
      const v = 2 * this.random.next() - 1;
      const square = u * u + v * v;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.spare = v * factor;
      return u * factor;
    }
  }

  exponential(mean: number): number {
    return -Math.log(1 - this.random.next()) * mean;
  }

  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean > POISSON_EXACT_MAX) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    const limit = Math.exp(-mean);
    let product = this.random.next();
    let count = 0;
    while (product > limit) {
      count += 1;
      product *= this.random.next();
    }
    return count;
  }

  /**
   * The rate of some seconds whose count is to have `dispersion` times the variance of Poisson arrivals: log-normal around
   * `rate`, with the variance that is missing. 1: the rate itself.
   */
  dispersedRate(rate: number, dispersion: number, seconds = 1): number {
    if (dispersion <= 1 || rate <= 0) return rate;
    const logVariance = Math.log1p((dispersion - 1) / (rate * seconds));
    return rate * Math.exp(Math.sqrt(logVariance) * this.normal() - logVariance / 2);
  }
}
