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

  it('hold an objective, by what instances bear where that is said', () => {
    const { a } = graphOf(
      'services: { a: { command: x, x-mitosis: { objective: { p95: 1s }, scale: { min: 1, max: 9 }, policy: { kind: slo, hold: 20s, concurrency: 8 } } } }',
    ).components;
    expect(a?.policy).toEqual({ kind: 'slo', holdMs: 20_000, concurrency: 8 });
  });

  it('are those of Kubernetes and Knative with the defaults they have there', () => {
    const hpa = policyOf('{ kind: hpa, metric: rps, value: 50/s }')?.policy;
    expect(hpa).toMatchObject({
      metrics: [{ metric: 'rps', value: 50 }],
      tolerance: 0.1,
      syncMs: 15_000,
      up: {
        windowMs: 0,
        select: 'max',
        limits: [
          { by: 'percent', value: 100 },
          { by: 'pods', value: 4 },
        ],
      },
      down: { windowMs: 300_000 },
    });
    const slow =
      '{ kind: hpa, metrics: [{ metric: cpu, value: 0.5 }, { metric: p95, value: 200ms }], down: { window: 1m, select: min, limits: [{ pods: 4, period: 1m }, { percent: 10, period: 1m }] } }';
    expect(policyOf(slow)?.policy).toMatchObject({
      metrics: [
        { metric: 'cpu', value: 0.5 },
        { metric: 'p95', value: 200 },
      ],
      down: {
        windowMs: 60_000,
        select: 'min',
        limits: [
          { by: 'pods', value: 4, periodMs: 60_000 },
          { by: 'percent', value: 10, periodMs: 60_000 },
        ],
      },
    });
    expect(policyOf('kpa')?.policy).toMatchObject({
      kind: 'kpa',
      metric: 'concurrency',
      stableWindowMs: 60_000,
    });
    expect(policyOf('{ kind: kpa, value: 10, utilization: 80% }')?.policy).toMatchObject({ target: 8 });
  });

  it('may go to zero after an idle time', () => {
    expect(policyOf('fixed')?.scale).toEqual({ min: 0, max: 9, initial: 0, idleMs: 60_000 });
  });
});
