import { describe, expect, it } from 'vitest';
import { graphOf } from '../testing/composition.testing.js';

const policyOf = (policy: string) =>
  graphOf(
    `services: { a: { command: x, x-mitosis: { scale: { min: 0, max: 9, idle: 1m }, policy: ${policy} } } }`,
  ).components.a;

describe('scaling policies of a composition', () => {
  it('are one by name, one with settings, or a list of which the safest wins', () => {
    expect(policyOf('fixed')?.policy).toEqual({ kind: 'fixed' });
    expect(
      policyOf(
        '[{ kind: target, metric: rps, value: 50/s }, { kind: schedule, timezone: Europe/Zurich, windows: [{ start: "0 8 * * 1-5", end: "0 18 * * 1-5", count: 4 }] }]',
      )?.policy,
    ).toEqual({
      kind: 'combine',
      policies: [
        { kind: 'target', metric: 'rps', value: 50, tolerance: 0.1, downWindowMs: 60_000 },
        {
          kind: 'schedule',
          timezone: 'Europe/Zurich',
          windows: [{ start: '0 8 * * 1-5', end: '0 18 * * 1-5', count: 4 }],
        },
      ],
    });
    expect(policyOf('{ kind: external, address: "127.0.0.1:9100", options: { gain: 2 } }')?.policy).toEqual({
      kind: 'external',
      address: '127.0.0.1:9100',
      options: { gain: '2' },
    });
  });

  it('may go to zero after an idle time', () => {
    expect(policyOf('fixed')?.scale).toEqual({ min: 0, max: 9, initial: 0, idleMs: 60_000 });
  });
});
