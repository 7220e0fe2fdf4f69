/**
 * When the replacement of a failed instance starts. The first failure of a healthy place is answered at once; from the
 * second in a row on the wait doubles from 1 s to 60 s, spread by ±50 % so that a common cause does not restart all
 * places in step (ALGORITHMS.md §5). A Compose `restart_policy` is honoured on top.
 */
import type { Component, InstanceRecord, RestartPolicy } from '@mitosis/contracts';

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 60_000;
/** Healthy for this long (or twice the last wait, if that is longer): the next failure counts as the first again. */
const RESET_AFTER_MS = 10_000;

/** Management is always started again. */
export const ALWAYS: RestartPolicy = { condition: 'any', delayMs: 0, maxAttempts: 0, windowMs: 0 };

/** Wait before the replacement of a place that failed `attempt` times in a row before, without spread. */
export const delayMs = (attempt: number): number =>
  attempt <= 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));

/** Failures in a row before this one: 0 when the instance was healthy long enough. */
export const attemptAfterFailure = (
  record: InstanceRecord,
  nowMs: number,
  component: Component | undefined,
): number => {
  const attempt = record.attempt ?? 0;
  const healthyMs = record.phase === 'ready' ? nowMs - record.sinceMs : 0;
  const neededMs = Math.max(RESET_AFTER_MS, 2 * delayMs(attempt), component?.restart.windowMs ?? 0);
  return healthyMs >= neededMs ? 0 : attempt;
};

export type RestartVerdict =
  | { readonly kind: 'now' }
  | { readonly kind: 'later'; readonly atMs: number }
  | { readonly kind: 'never'; readonly reason: string };

export const restartVerdict = (
  record: InstanceRecord,
  policy: RestartPolicy,
  nowMs: number,
): RestartVerdict => {
  const attempt = record.attempt ?? 0;
  if (policy.condition === 'none') {
    return { kind: 'never', reason: 'its restart policy says not to start it again' };
  }
  if (policy.condition === 'on-failure' && record.exitCode === 0) {
    return { kind: 'never', reason: 'it ended without an error and is restarted only on failure' };
  }
  if (policy.maxAttempts > 0 && attempt >= policy.maxAttempts) {
    return { kind: 'never', reason: `given up after ${attempt} restarts, as its restart policy says` };
  }
  const atMs = record.sinceMs + Math.max(policy.delayMs, delayMs(attempt) * spread(record.id));
  return atMs <= nowMs ? { kind: 'now' } : { kind: 'later', atMs };
};

/** 0.5 … 1.5, the same for one id in every pass and at every successor. FNV-1a. */
const spread = (id: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  }
  return 0.5 + (hash >>> 0) / 2 ** 32;
};
