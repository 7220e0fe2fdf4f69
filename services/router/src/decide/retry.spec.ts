import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideRetry, RETRIES_MAX, retryBudget, retryPauseMs, type AttemptFailure } from './retry.js';

const BASE = {
  method: 'GET',
  failure: 'reset' as AttemptFailure,
  answerBegun: false,
  bodyReplayable: true,
  retries: 0,
  waitedMs: 0,
  waitMaxMs: 5_000,
};

describe(decideRetry.name, () => {
  it('repeats an idempotent request whose connection broke, a bounded number of times', () => {
    expect(decideRetry(BASE).kind).toBe('budgeted');
    expect(decideRetry({ ...BASE, retries: RETRIES_MAX }).kind).toBe('give-up');
  });

  it('repeats a POST only when the endpoint never got it', () => {
    expect(decideRetry({ ...BASE, method: 'POST' }).kind).toBe('give-up');
    expect(decideRetry({ ...BASE, method: 'POST', failure: 'unreachable' }).kind).toBe('again');
  });

  it('never repeats what has begun to be answered, lost its body or waited too long', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH'),
        fc.constantFrom<AttemptFailure>('unreachable', 'reset', 'timeout', 'untrusted'),
        fc.constantFrom({ answerBegun: true }, { bodyReplayable: false }, { waitedMs: 5_000 }),
        (method, failure, spoiled) => {
          expect(decideRetry({ ...BASE, method, failure, ...spoiled }).kind).toBe('give-up');
        },
      ),
    );
  });
});

describe(retryBudget.name, () => {
  it('is a fifth of the active requests, with a floor for small pools', () => {
    expect([0, 50, 100, 1_000].map(retryBudget)).toEqual([10, 10, 20, 200]);
  });
});

describe(retryPauseMs.name, () => {
  it('doubles up to a bound and is never zero', () => {
    expect([0, 1, 2, 9].map((round) => retryPauseMs(round, () => 1))).toEqual([25, 50, 100, 400]);
    expect(retryPauseMs(0, () => 0)).toBeGreaterThan(0);
  });
});
