import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepAlivePlan, later, leaseDeadline, marginMs, remainingMs } from './lease-deadline.js';

describe('the deadline of a lease', () => {
  it('never lies behind the moment at which the server may end it, whatever the delays', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ gap: fc.nat(2_000), there: fc.nat(1_500), back: fc.nat(1_500), lost: fc.boolean() }),
        ),
        fc.integer({ min: 2_000, max: 10_000 }),
        (sends, ttlMs) => {
          let nowMs = 0;
          let serverEndsMs = ttlMs;
          let deadline = leaseDeadline({ monotonicMs: 0, bootMs: 0 }, ttlMs);
          for (const { gap, there, back, lost } of sends) {
            const sent = { monotonicMs: nowMs, bootMs: nowMs };
            nowMs += there;
            if (nowMs >= serverEndsMs) break;
            serverEndsMs = nowMs + ttlMs;
            nowMs += back;
            if (!lost) deadline = later(deadline, leaseDeadline(sent, ttlMs));
            nowMs += gap;
            expect(deadline.monotonicMs + marginMs(ttlMs)).toBeLessThanOrEqual(serverEndsMs);
          }
        },
      ),
    );
  });

  it('is over when either clock has passed it', () => {
    const deadline = leaseDeadline({ monotonicMs: 100, bootMs: 900 }, 3_000);
    expect(remainingMs({ monotonicMs: 100, bootMs: 900 }, deadline)).toBe(2_850);
    expect(remainingMs({ monotonicMs: 100, bootMs: 4_000 }, deadline)).toBeLessThan(0);
    expect(remainingMs({ monotonicMs: 3_000, bootMs: 900 }, deadline)).toBeLessThan(0);
  });

  it('leaves room for two failed keep-alives at every usual TTL', () => {
    for (const ttlMs of [2_000, 3_000, 5_000, 10_000]) {
      const { intervalMs, attemptMs, retryMs } = keepAlivePlan(ttlMs);
      expect(intervalMs + 2 * (attemptMs + retryMs)).toBeLessThan(ttlMs - marginMs(ttlMs));
    }
  });
});
