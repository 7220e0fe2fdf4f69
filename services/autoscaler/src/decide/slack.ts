/**
 * How late requests get when both what they wait and what they take varies. A plan by the 95th percentile of the service
 * time gives every request the wait of the slow ones, and buys instances for that.
 */

/**
 * What a request may wait, in seconds, when service times vary: P(service + wait > bound) = C · E[exp(−θ · (bound − service))]
 * for waits with the tail exp(−θ · wait), and that is exp(−θ · meanS + θ² · variance / 2) where θ is small (normal service
 * times) and falls with the room that is left of long ones where it is large.
 */
export interface Slack {
  /** Of a request that takes its mean time, and of one that takes long. */
  readonly meanS: number;
  readonly leastS: number;
  /** Of service times, in s². */
  readonly variance: number;
  /** Tail rate, per second, from which on the least counts, and the exponent there. */
  readonly bend: number;
  readonly atBend: number;
}

/** `leastS` above 0. */
export const slackOf = (meanS: number, leastS: number, deviationS: number): Slack => {
  const variance = deviationS ** 2;
  if (leastS >= meanS || variance === 0) return { meanS: leastS, leastS, variance: 0, bend: 0, atBend: 0 };
  const bend = (meanS - leastS) / variance;
  return { meanS, leastS, variance, bend, atBend: bend * (meanS - (bend * variance) / 2) };
};

/** −ln of the share of the waiting that are late, by the tail rate. */
export const exponentAt = ({ meanS, leastS, variance, bend, atBend }: Slack, tail: number): number =>
  tail < bend ? tail * (meanS - (tail * variance) / 2) : atBend + (tail - bend) * leastS;

/** Its inverse. */
export const tailAt = ({ meanS, leastS, variance, bend, atBend }: Slack, exponent: number): number =>
  exponent < atBend
    ? (meanS - Math.sqrt(Math.max(0, meanS ** 2 - 2 * variance * exponent))) / variance
    : bend + (exponent - atBend) / leastS;
