import { bareComponent, bareTypeGraph, type SpecRecord } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { EMPTY_LEVEL, stepLevel } from './level.js';
import { countsOf, outsideInput, type Measured, type OutsideInput } from './outside.js';
import { decideTargets } from './targets.js';

const web = bareComponent('web', {
  scale: { min: 2, max: 8, initial: 2 },
  policy: { kind: 'target', metric: 'rps', value: 10, tolerance: 0.1, downWindowMs: 0 },
});
const spec: SpecRecord = {
  v: 1,
  generation: 1,
  phase: 'operating',
  typeGraph: bareTypeGraph('shop', [web]),
  appliedAtMs: 0,
};
const WHOLE: Measured = { instances: 3, rate: 60, p50: 0.01, p95: 0.05, p99: 0.1, mean: 0.02 };

const inputOf = (measured: Measured | null, more: Partial<OutsideInput> = {}): OutsideInput => ({
  nowMs: 1_000_000,
  spec,
  measured: measured && new Map([['web', measured]]),
  windowMs: 60_000,
  endpoints: {},
  before: new Map(),
  ...more,
});
const levelOf = (input: OutsideInput) => outsideInput(input, countsOf(input));
const planOf = (input: OutsideInput, mode: 'run' | 'advise' = 'run') => {
  const level = levelOf(input);
  const { advice } = stepLevel(EMPTY_LEVEL, level, { holdMs: 1_000 });
  return decideTargets(level, advice, mode, new Map());
};

describe('a level that another system scales', () => {
  it('is what was measured', () => {
    const level = levelOf(inputOf({ ...WHOLE, errors: 6, cpu: 0.5, memory: 3e8 }));
    expect(level.targets.get('web')?.count).toBe(3);
    expect(level.endpoints.get('web')?.endpoints).toHaveLength(3);
    expect(level.metrics?.get('web')).toMatchObject({
      requests: {
        last10: { seconds: 60, rate: 60, errorRatio: 0.1, p50Ms: 10, p95Ms: 50, p99Ms: 100, meanMs: 20 },
        inFlight: 1.2,
      },
      usage: { cpuCores: 0.5, memoryBytes: 3e8, instancesSeen: 3 },
    });
  });

  it('has no figures where they were not measured, not zeros', () => {
    const { instances, rate } = WHOLE;
    expect(levelOf(inputOf({ instances, rate, cpu: 1 })).metrics?.get('web')).toMatchObject({
      requests: { last10: null },
      usage: null,
    });
    expect(levelOf(inputOf(null)).metrics).toBeNull();
    const idle = levelOf(inputOf({ rate: 0 })).metrics?.get('web')?.requests.last10;
    expect(idle).toMatchObject({ rate: 0, p95Ms: 0 });
  });

  it('counts what is listed where nothing counts, and remembers through a silence since when', () => {
    const endpoint = {
      instance: 'a' as never,
      host: 'a',
      ports: {},
      state: 'ready' as const,
      readySinceMs: 0,
    };
    expect(countsOf(inputOf(null, { endpoints: { web: [endpoint, endpoint] } })).get('web')?.count).toBe(2);
    const before = countsOf(inputOf(WHOLE));
    expect(countsOf(inputOf(null, { before, nowMs: 2_000_000 })).get('web')).toEqual({
      count: 3,
      sinceMs: 1_000_000,
    });
  });

  it('is advised, in whatever mode, and never written', () => {
    for (const mode of ['run', 'advise'] as const) {
      expect(planOf(inputOf(WHOLE), mode).changes).toMatchObject([
        { from: 3, to: 6, policy: 'target', applied: false },
      ]);
      // Below the bounds of the composition.
      expect(planOf(inputOf({ ...WHOLE, instances: 1 }), mode).changes).toMatchObject([
        { from: 1, applied: false },
      ]);
    }
  });

  it('is not advised on while nobody knows how many there are', () => {
    expect(planOf(inputOf({ ...WHOLE, instances: undefined })).changes).toEqual([]);
  });
});
