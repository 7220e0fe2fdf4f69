import type { ScalingPolicy } from '@mitosis/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutAbsurdities, type ComponentObservation } from '../decide/observation.js';
import { anObservation, aWindow, POLICY_EXAMPLES, someRequests } from '../decide/observation.testing.js';
import type { PolicyState } from '../decide/policy.js';
import { pluginFor, POLICIES } from './index.js';

const settings = { holdMs: 10_000 };
const kinds = Object.keys(POLICIES) as ScalingPolicy['kind'][];

/** Measurements between sound and absurd. */
const metric = fc.oneof(
  fc.double({ min: 0, max: 1_000, noNaN: true }),
  fc.constantFrom(Number.NaN, Infinity, -1, 1e300),
);
const anyWindow = fc
  .record({ rate: metric, p50Ms: metric, p95Ms: metric, p99Ms: metric, meanMs: metric })
  .map((fields) => aWindow(fields));
const anySecond = fc.record({
  window: fc.option(anyWindow, { freq: 5 }),
  ready: fc.integer({ min: 0, max: 10 }),
  starting: fc.integer({ min: 0, max: 10 }),
  inFlight: metric,
});
type Second = typeof anySecond extends fc.Arbitrary<infer T> ? T : never;

const observationOf = (second: Second, i: number, count: number): ComponentObservation =>
  withoutAbsurdities(
    anObservation({
      nowMs: 1_000_000 + i * 1_000,
      count,
      ready: second.ready,
      starting: second.starting,
      requests: second.window === null ? null : someRequests(second.window, { inFlight: second.inFlight }),
      usage:
        second.window === null
          ? null
          : { cpuCores: second.inFlight, memoryBytes: 1e6, instancesSeen: second.ready },
    }),
  );

describe.each(kinds)('policy %s', (kind) => {
  const options = POLICY_EXAMPLES[kind];
  const plugin = pluginFor(options);

  it('says what it does in one line', () => {
    expect(plugin.summary.length).toBeGreaterThan(20);
    expect(plugin.summary).not.toContain('\n');
  });

  it('always answers a whole number and a reason, whatever is measured', () => {
    fc.assert(
      fc.property(fc.array(anySecond, { minLength: 1, maxLength: 60 }), (seconds) => {
        let state = plugin.initial();
        let count = 2;
        for (const [i, second] of seconds.entries()) {
          const step = plugin.step(state, observationOf(second, i, count), options, settings);
          state = step.state;
          expect(Number.isInteger(step.recommendation.count)).toBe(true);
          expect(step.recommendation.reason).not.toBe('');
          count = Math.min(10, Math.max(1, step.recommendation.count));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('goes on the same from a state that was sent as JSON', () => {
    const seconds = Array.from({ length: 40 }, (_, i) =>
      anObservation({
        nowMs: 1_000_000 + i * 1_000,
        requests: someRequests(aWindow({ rate: 20 + (i % 5) * 10 })),
      }),
    );
    const run = (carry: (state: PolicyState) => PolicyState): readonly number[] => {
      let state = plugin.initial();
      return seconds.map((observation) => {
        const step = plugin.step(carry(state), observation, options, settings);
        state = step.state;
        return step.recommendation.count;
      });
    };
    expect(run((state) => JSON.parse(JSON.stringify(state)) as PolicyState)).toEqual(run((state) => state));
  });

  it('never scales in on missing data', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 0, max: 90 }), (count, silentFrom) => {
        let state = plugin.initial();
        for (let i = 0; i < 120; i += 1) {
          const silent = i >= silentFrom;
          const observation = anObservation({
            nowMs: 1_000_000 + i * 1_000,
            count,
            ready: count,
            scale: { min: 1, max: 10, initial: count },
            requests: silent ? null : someRequests(aWindow({ rate: 30 * count })),
          });
          const step = plugin.step(state, observation, options, settings);
          state = step.state;
          if (silent) expect(step.recommendation.count).toBeGreaterThanOrEqual(count);
        }
      }),
      { numRuns: 20 },
    );
  });
});
