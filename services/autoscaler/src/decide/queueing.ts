/**
 * The queueing model: G/G/c pools by Erlang-C with the Allen-Cunneen correction. Pure formulas; knows nothing of
 * components. Must stay finite for every input: an overloaded pool answers Infinity, never NaN.
 */

/** Standard deviations between the mean and the 95th percentile of a normal distribution. */
export const P95_DEVIATIONS = 1.645;

/**
 * Standard deviation over mean of times that are distributed like a gamma distribution (Wilson and Hilferty 1931), from
 * their 95th percentile over their mean. Times of service are skewed: read like a normal distribution the percentile
 * would say a third more variance than there is.
 */
export const deviationShare = (ratio: number): number => {
  const root = Math.cbrt(Math.max(1, ratio)) - 1;
  return 1.5 * (P95_DEVIATIONS - Math.sqrt(Math.max(0, P95_DEVIATIONS ** 2 - 4 * root)));
};

export interface Pool {
  /** Arrivals per second. */
  readonly rate: number;
  /** Mean service time of one server in seconds. */
  readonly serviceS: number;
  /** Servers (instances × concurrency), at least 1. */
  readonly servers: number;
  /** (Ca² + Cs²) / 2: 1 for Poisson arrivals and exponential service. */
  readonly variability: number;
}

/**
 * Probability that an arrival has to wait (Erlang-C), by the recursion of Erlang-B: B0 = 1, Bk = aB/(k + aB),
 * C = B / (1 - ρ(1 - B)). O(servers), stable for large pools. 1 when overloaded.
 */
export const waitProbability = (offered: number, servers: number): number => {
  if (offered <= 0) return 0;
  if (offered >= servers) return 1;
  let blocking = 1;
  for (let k = 1; k <= servers; k += 1) blocking = (offered * blocking) / (k + offered * blocking);
  return blocking / (1 - (offered / servers) * (1 - blocking));
};

export interface Waiting {
  readonly meanS: number;
  /** The time that a share `q` of arrivals waits at most, in seconds. */
  quantileS(q: number): number;
}

const NEVER: Waiting = { meanS: Infinity, quantileS: () => Infinity };

/**
 * Waiting time: Allen-Cunneen scales the mean of M/M/c by the variability; the tail stays exponential with the rate
 * scaled likewise, P(W > t) = C · exp(-(cμ - λ) t / variability).
 */
export const waiting = (pool: Pool): Waiting => {
  const offered = pool.rate * pool.serviceS;
  const spare = pool.servers / pool.serviceS - pool.rate;
  if (!(spare > 0)) return NEVER;
  const chance = waitProbability(offered, pool.servers);
  const scale = Math.max(pool.variability, 0.05) / spare;
  return {
    meanS: chance * scale,
    quantileS: (q) => (chance <= 1 - q ? 0 : scale * Math.log(chance / (1 - q))),
  };
};

/**
 * Utilisation at which a pool of `servers` shows the given ratio of mean response time to service time (Sakasegawa's
 * approximation Wq/s = variability · ρ^(√(2(c+1)) − 1) / (c(1 − ρ)), inverted by bisection). 0..1.
 */
export const utilisationAt = (responseRatio: number, servers: number, variability: number): number => {
  const wanted = Math.max(0, responseRatio - 1) / variability;
  let low = 0;
  let high = 1;
  for (let i = 0; i < 40; i += 1) {
    const rho = (low + high) / 2;
    const wait = rho ** (Math.sqrt(2 * (servers + 1)) - 1) / (servers * (1 - rho));
    if (wait < wanted) low = rho;
    else high = rho;
  }
  return low;
};

/** The least whole number in `low..high` for which `holds` is true, given that it stays true above; `high` when none does. */
export const leastWhere = (low: number, high: number, holds: (count: number) => boolean): number => {
  let from = low;
  let to = high;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
};
