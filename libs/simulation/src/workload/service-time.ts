/**
 * Service times by mean and squared coefficient of variation: a constant part plus an exponential one up to 1 (0:
 * deterministic, 1: exponential), a mixture of two exponential ones with balanced means above. Both have closed forms for
 * what the plant needs: a draw from a uniform number, and the tail of service plus an exponential wait.
 */

export interface ServiceTime {
  readonly meanMs: number;
  /** Squared coefficient of variation, 0 or more. */
  readonly scv: number;
}

interface Phase {
  readonly share: number;
  readonly constantMs: number;
  readonly exponentialMs: number;
}

const phasesOf = ({ meanMs, scv }: ServiceTime): readonly Phase[] => {
  if (scv <= 1) {
    const exponentialMs = meanMs * Math.sqrt(Math.max(0, scv));
    return [{ share: 1, constantMs: meanMs - exponentialMs, exponentialMs }];
  }
  const share = (1 + Math.sqrt((scv - 1) / (scv + 1))) / 2;
  return [
    { share, constantMs: 0, exponentialMs: meanMs / (2 * share) },
    { share: 1 - share, constantMs: 0, exponentialMs: meanMs / (2 * (1 - share)) },
  ];
};

/** P(E1 + E2 > t) of two exponential times. */
const sumTail = (a: number, b: number, t: number): number => {
  if (t <= 0) return 1;
  if (a <= 0) return b <= 0 ? 0 : Math.exp(-t / b);
  if (b <= 0) return Math.exp(-t / a);
  if (Math.abs(a - b) < 1e-6 * a) return Math.exp(-t / a) * (1 + t / a);
  return (a * Math.exp(-t / a) - b * Math.exp(-t / b)) / (a - b);
};

export class ServiceSampler {
  readonly meanMs: number;
  readonly varianceMs2: number;
  private readonly first: Phase;
  private readonly second: Phase | undefined;

  constructor(readonly service: ServiceTime) {
    const [first, second] = phasesOf(service);
    this.first = first ?? { share: 1, constantMs: service.meanMs, exponentialMs: 0 };
    this.second = second;
    this.meanMs = service.meanMs;
    this.varianceMs2 = service.scv * service.meanMs ** 2;
  }

  /** Inverse transform: grows with `u` (0..1), so that evenly spread numbers give an evenly spread sample. */
  draw(u: number): number {
    const { first, second } = this;
    if (second === undefined || u < first.share) {
      return first.constantMs - Math.log(1 - u / first.share) * first.exponentialMs;
    }
    return -Math.log(1 - (u - first.share) / second.share) * second.exponentialMs;
  }

  /** P(S > t), t in ms. */
  tail(t: number): number {
    const of = ({ constantMs, exponentialMs }: Phase): number => sumTail(exponentialMs, 0, t - constantMs);
    return this.mix(of);
  }

  /** P(S + E > t) with an exponential wait of the given mean. */
  tailWithWait(t: number, waitMs: number): number {
    return this.mix(({ constantMs, exponentialMs }) => sumTail(exponentialMs, waitMs, t - constantMs));
  }

  private mix(of: (phase: Phase) => number): number {
    const { first, second } = this;
    return second === undefined ? of(first) : first.share * of(first) + second.share * of(second);
  }
}
