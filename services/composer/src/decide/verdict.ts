/**
 * How good an alternative is, from the requests of its last ten seconds. Small samples decide only when chance is an
 * unlikely explanation; no sample decides nothing. Must never call an alternative bad, or good, because it is silent.
 */
import { LatencyHistogram, type monitor, type RebindPolicy } from '@mitosis/contracts';

/** What was measured of one alternative. */
export interface Sample {
  readonly requests: number;
  readonly errors: number;
  /** Requests slower than the latency bound. */
  readonly late: number;
  readonly p95Ms: number;
  readonly inFlight: number;
  /** Width of the window. */
  readonly seconds: number;
}

export type VerdictKind =
  /** nothing can be said */
  | 'unknown'
  | 'good'
  /** worse than the bounds */
  | 'bad'
  /** most requests fail: nobody should wait for a period to pass */
  | 'failing';

export interface Verdict {
  readonly kind: VerdictKind;
  /** For people: "p95 1510 ms where 250 ms are asked". */
  readonly why: string;
}

/** The highest share of requests above a p95 bound, by definition. */
const LATE_SHARE = 0.05;
/** Chance of calling a good alternative bad in one look; the period that must pass makes it much smaller. */
const SIGNIFICANCE = 0.05;
/** Rather clearly within the bounds: what is seen would be seen this often at the bound itself. */
const CLEARLY_GOOD = 0.3;
/** Hard failure: more than half of at least five requests (Hystrix and opossum open at 50 %). */
const FAILING_SHARE = 0.5;
const FAILING_MIN = 5;

export const sampleOf = (target: monitor.TargetSnapshot, p95BoundMs: number): Sample | null => {
  const window = target.last10;
  if (window?.known !== true) return null;
  const requests = Math.round(window.rate * window.seconds);
  const histogram = LatencyHistogram.from(window.histogram);
  return {
    requests,
    errors: Math.round(requests * window.errorRatio),
    late: p95BoundMs > 0 ? Math.round(requests * histogram.shareAbove(p95BoundMs)) : 0,
    p95Ms: window.p95Ms,
    inFlight: target.inFlight,
    seconds: window.seconds,
  };
};

/** P(X ≥ successes) for X ~ Bin(trials, chance), summed in logarithms so that thousands of trials do not underflow. */
export const binomialTail = (trials: number, chance: number, successes: number): number => {
  if (successes <= 0) return 1;
  if (successes > trials || chance <= 0) return 0;
  if (chance >= 1) return 1;
  let logTerm = trials * Math.log1p(-chance);
  let below = 0;
  for (let k = 0; k < successes; k += 1) {
    below += Math.exp(logTerm);
    logTerm += Math.log((trials - k) / (k + 1)) + Math.log(chance / (1 - chance));
  }
  return Math.min(1, Math.max(0, 1 - below));
};

interface Finding {
  readonly kind: 'good' | 'bad' | 'unknown';
  readonly why: string;
}

const judgeShare = (requests: number, hits: number, allowed: number, why: string): Finding => {
  if (hits / requests > allowed && binomialTail(requests, allowed, hits) < SIGNIFICANCE)
    return { kind: 'bad', why };
  const clear = hits === 0 || binomialTail(requests, allowed, hits) > CLEARLY_GOOD;
  return { kind: clear ? 'good' : 'unknown', why };
};

const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`;

const latency = (sample: Sample, boundMs: number): Finding =>
  boundMs <= 0
    ? { kind: 'good', why: '' }
    : judgeShare(
        sample.requests,
        sample.late,
        LATE_SHARE,
        `p95 is ${Math.round(sample.p95Ms)} ms where ${boundMs} ms are asked`,
      );

const errors = (sample: Sample, bound: number): Finding =>
  judgeShare(
    sample.requests,
    sample.errors,
    bound,
    `${percent(sample.errors / sample.requests)} of its requests fail where ${percent(bound)} may`,
  );

/** Requests hang: far more are inside than its rate and its bound explain (Little's law). */
const stalled = (sample: Sample, boundMs: number): boolean => {
  const explained = (sample.requests / Math.max(sample.seconds, 1)) * (boundMs / 1_000);
  return boundMs > 0 && sample.inFlight > 3 * explained + 10;
};

/** `recent`: what came in since the last look, by which a hard failure is seen within a second; null: no last look. */
export const judge = (sample: Sample | null, policy: RebindPolicy, recent: Recent | null): Verdict => {
  if (sample === null) return { kind: 'unknown', why: 'nothing was measured' };
  const { requests } = sample;
  const manyFail = (failed: number, of: number): boolean =>
    failed >= FAILING_MIN && failed > FAILING_SHARE * of;
  if (manyFail(sample.errors, requests) || (recent !== null && manyFail(recent.errors, recent.requests))) {
    return { kind: 'failing', why: 'more than half of its requests fail' };
  }
  if (stalled(sample, policy.p95Ms)) {
    return { kind: 'bad', why: `${Math.round(sample.inFlight)} requests wait for its answer` };
  }
  if (requests === 0) return { kind: 'unknown', why: 'no request was made' };
  const findings = [errors(sample, policy.errorRatio), latency(sample, policy.p95Ms)];
  const bad = findings.find(({ kind }) => kind === 'bad');
  if (bad !== undefined) return { kind: 'bad', why: bad.why };
  const good = findings.every(({ kind }) => kind === 'good');
  return good
    ? { kind: 'good', why: describeGood(sample, policy) }
    : { kind: 'unknown', why: `${requests} requests say too little` };
};

/** A p95 of few requests is nearly their maximum, so their number is told. */
const describeGood = (
  { requests, errors: failed, late, p95Ms }: Sample,
  { p95Ms: boundMs }: RebindPolicy,
): string => {
  const lateOnes = boundMs > 0 ? `${late} above ${boundMs} ms, ` : '';
  return `p95 ${Math.round(p95Ms)} ms over ${requests} requests, ${lateOnes}${failed} failed`;
};

export interface Recent {
  readonly requests: number;
  readonly errors: number;
}

/**
 * New requests and errors between two looks at a sliding window: at least the growth of its counts, since what falls out
 * of the window only makes them smaller. New requests are taken to be no fewer than at the window's own rate.
 */
export const recentOf = (before: Sample, now: Sample, elapsedMs: number): Recent => {
  const errors = Math.max(0, now.errors - before.errors);
  const usual = (now.requests / Math.max(now.seconds, 1)) * (elapsedMs / 1_000);
  return { errors, requests: Math.max(errors, usual) };
};
