/**
 * Until when a lease may be trusted without asking. The server counts from when it handled a keep-alive, which is never
 * before it was sent; so the sending time plus the granted TTL can only be too early, never too late, however long the
 * answer took.
 */
export interface Clocks {
  readonly monotonicMs: number;
  /** Runs on while the machine is suspended. */
  readonly bootMs: number;
}

/** Both clocks have to be before it: the monotonic one stands still in a suspend, the boot clock does not. */
export type Deadline = Clocks;

const MARGIN_MIN_MS = 100;
/** For clocks that run apart, and for what is sent just before the deadline and takes effect after it. */
const MARGIN_PART = 20;

export const marginMs = (ttlMs: number): number => Math.max(MARGIN_MIN_MS, ttlMs / MARGIN_PART);

/** `sent`: the clocks when the grant or keep-alive was sent; `ttlMs`: what the server granted, not what was asked. */
export const leaseDeadline = (sent: Clocks, ttlMs: number): Deadline => {
  const trustedMs = Math.max(0, ttlMs - marginMs(ttlMs));
  return { monotonicMs: sent.monotonicMs + trustedMs, bootMs: sent.bootMs + trustedMs };
};

/** Milliseconds that are left, on the clock that has less; 0 or less: over. */
export const remainingMs = (now: Clocks, deadline: Deadline): number =>
  Math.min(deadline.monotonicMs - now.monotonicMs, deadline.bootMs - now.bootMs);

/** An acknowledgement can prolong a deadline, never shorten it. */
export const later = (a: Deadline, b: Deadline): Deadline => ({
  monotonicMs: Math.max(a.monotonicMs, b.monotonicMs),
  bootMs: Math.max(a.bootMs, b.bootMs),
});

export interface KeepAlivePlan {
  /** From one sending to the next. */
  readonly intervalMs: number;
  /** How long one attempt waits for its answer: with the interval it leaves room for two more before the deadline. */
  readonly attemptMs: number;
  /** From a failed attempt to the next. */
  readonly retryMs: number;
}

const RETRY_MS = 100;

export const keepAlivePlan = (ttlMs: number): KeepAlivePlan => ({
  intervalMs: ttlMs / 4,
  attemptMs: ttlMs / 4,
  retryMs: Math.min(RETRY_MS, ttlMs / 10),
});
