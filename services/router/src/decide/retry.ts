/**
 * Whether a failed attempt may be made again. Never after the first byte of an answer, never a second time with a body
 * that is gone, and never twice for a request whose repetition is not harmless, unless the endpoint never got it.
 */

export type AttemptFailure =
  /** No connection was made: the endpoint never got anything. */
  | 'unreachable'
  /** The connection broke after the request was, or may have been, sent. */
  | 'reset'
  /** No answer in time. */
  | 'timeout'
  /** Its certificate is not the one of the host it should be. */
  | 'untrusted';

export interface RetryInput {
  readonly method: string;
  readonly failure: AttemptFailure;
  /** The client has got a part of an answer. */
  readonly answerBegun: boolean;
  /** There is no body, it is kept, or nothing of it has been taken from the client yet. */
  readonly bodyReplayable: boolean;
  /** Retries so far of attempts that may have reached an endpoint. */
  readonly retries: number;
  /** Since the first failure or the first wait for an endpoint. */
  readonly waitedMs: number;
  readonly waitMaxMs: number;
}

export type RetryDecision =
  /** At once, at another endpoint; where none is left, after a wait. Costs the endpoints nothing they would not have had. */
  | { readonly kind: 'again'; readonly reason: string }
  /** As soon as the budget of retries allows. */
  | { readonly kind: 'budgeted'; readonly reason: string }
  | { readonly kind: 'give-up'; readonly reason: string };

/** RFC 9110, 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);

export const RETRIES_MAX = 2;

export const decideRetry = (input: RetryInput): RetryDecision => {
  if (input.answerBegun) return { kind: 'give-up', reason: 'the answer had begun' };
  if (!input.bodyReplayable) return { kind: 'give-up', reason: 'the body is gone' };
  if (input.waitedMs >= input.waitMaxMs) return { kind: 'give-up', reason: 'waited long enough' };
  switch (input.failure) {
    case 'unreachable':
      return { kind: 'again', reason: 'the endpoint never got it' };
    case 'timeout':
      return { kind: 'give-up', reason: 'no answer in time' };
    case 'untrusted':
      return { kind: 'give-up', reason: 'its certificate is not trusted' };
    case 'reset':
      break;
  }
  if (!isIdempotent(input.method))
    return { kind: 'give-up', reason: `${input.method} may have taken effect` };
  if (input.retries >= RETRIES_MAX) return { kind: 'give-up', reason: `failed ${RETRIES_MAX + 1} times` };
  return { kind: 'budgeted', reason: 'idempotent, no answer begun' };
};

/** Envoy's and Finagle's share, so that retries of an overloaded component stay a fifth of its load. */
const BUDGET_SHARE = 0.2;
/** Below this many concurrent retries no share is asked: a killed instance takes half of a small pool's requests with it. */
const BUDGET_FLOOR = 10;

/**
 * How many retries may be under way at once. A retry above it waits its turn (within the request's own patience)
 * instead of failing: the budget is there to spare the endpoints, not to fail the clients of a killed one.
 */
export const retryBudget = (active: number): number =>
  Math.max(BUDGET_FLOOR, Math.floor(active * BUDGET_SHARE));

const PAUSE_FIRST_MS = 25;
const PAUSE_LONGEST_MS = 400;

/** Pause before endpoints that refused are tried again, when no other came up; half of it random (full jitter's floor). */
export const retryPauseMs = (round: number, random: () => number): number => {
  const ms = Math.min(PAUSE_LONGEST_MS, PAUSE_FIRST_MS * 2 ** round);
  return ms / 2 + (random() * ms) / 2;
};
