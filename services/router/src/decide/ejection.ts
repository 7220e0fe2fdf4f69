/**
 * Passive ejection: an endpoint that keeps failing is left out for a while, on what its own requests showed. The cap is
 * computed after the ejection (Envoy's small pools, envoy#26877 and #27066): the last endpoint is never ejected.
 */

/** How one attempt ended, as far as the endpoint's health goes. */
export type AttemptOutcome =
  | 'ok'
  /** 5xx, reset, time-out */
  | 'failed'
  /** no connection: the request never got there */
  | 'unreachable';

export interface TargetHealth {
  readonly failures: number;
  readonly connectErrors: number;
  /** Ejections in a row; each doubles the next one's length. */
  readonly ejections: number;
  readonly ejectedUntilMs: number;
}

export interface Pool {
  /** Endpoints that are not draining, this one included. */
  readonly size: number;
  /** Others of them that are out now. */
  readonly othersEjected: number;
}

export const HEALTHY: TargetHealth = { failures: 0, connectErrors: 0, ejections: 0, ejectedUntilMs: 0 };

/** Envoy's default for consecutive 5xx. */
export const FAILURES_MAX = 5;
/** A refused connection says more than a failed answer; two, so that one lost race at a restart does not count. */
export const CONNECT_ERRORS_MAX = 2;
const SHARE_MAX = 1 / 3;
const BASE_MS = 1_000;
const LONGEST_MS = 30_000;
/** This long after an ejection ended, the next one starts from the shortest again. */
const FORGET_MS = 10_000;

/** How many of a pool may be out at once: a third, at least one, never all. */
export const maxEjected = (poolSize: number): number =>
  Math.max(0, Math.min(poolSize - 1, Math.max(1, Math.floor(poolSize * SHARE_MAX))));

/** The endpoint's health after one more attempt. Answers the same object when nothing changed. */
export const judgeAttempt = (
  health: TargetHealth,
  outcome: AttemptOutcome,
  pool: Pool,
  nowMs: number,
): TargetHealth => {
  if (outcome === 'ok') return judgeSuccess(health, nowMs);
  const failures = health.failures + 1;
  const connectErrors = outcome === 'unreachable' ? health.connectErrors + 1 : 0;
  const counted = { ...health, failures, connectErrors };
  const bad = failures >= FAILURES_MAX || connectErrors >= CONNECT_ERRORS_MAX;
  if (!bad || health.ejectedUntilMs > nowMs || pool.othersEjected + 1 > maxEjected(pool.size)) return counted;
  const lengthMs = Math.min(LONGEST_MS, BASE_MS * 2 ** health.ejections);
  return { failures: 0, connectErrors: 0, ejections: health.ejections + 1, ejectedUntilMs: nowMs + lengthMs };
};

const judgeSuccess = (health: TargetHealth, nowMs: number): TargetHealth => {
  const forget = health.ejections > 0 && nowMs > health.ejectedUntilMs + FORGET_MS;
  if (health.failures === 0 && health.connectErrors === 0 && !forget) return health;
  return { ...health, failures: 0, connectErrors: 0, ejections: forget ? 0 : health.ejections };
};
