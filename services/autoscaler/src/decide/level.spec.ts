import { componentName, decisionId, instanceId, siteId, type InstanceRecord } from '@mitosis/contracts';
import { describe, expect, it } from 'vitest';
import { costCurve } from './cost-curve.js';
import { childShares, EMPTY_LEVEL, stepLevel, type LevelState } from './level.js';
import { measureStartMs } from './level-index.js';
import type { LevelInput } from './level-input.js';
import { aComponent, aTypeGraph, aWindow, calls, p95, someRequests } from './observation.testing.js';

const settings = { holdMs: 60_000 };
const NOW_MS = 1_000_000;

const instance = (id: string, createdAtMs: number): InstanceRecord => ({
  v: 1,
  id: instanceId(id),
  component: componentName('web'),
  class: 'application',
  version: 'v1',
  site: siteId('local'),
  phase: 'ready',
  sinceMs: createdAtMs,
  createdAtMs,
  host: '127.0.0.1',
  ports: {},
  exitCode: null,
  reason: '',
  decision: decisionId('d'),
});

const endpoint = (id: string, readySinceMs: number) => ({
  instance: instanceId(id),
  host: '127.0.0.1',
  ports: {},
  state: 'ready' as const,
  readySinceMs,
});

const inputOf = (overrides: Partial<LevelInput> = {}): LevelInput => ({
  nowMs: NOW_MS,
  generation: 1,
  typeGraph: aTypeGraph([
    aComponent('web', { dependsOn: calls('catalog') }),
    aComponent('catalog', { kind: 'composition' }),
  ]),
  handedDown: null,
  targets: new Map(),
  overrides: new Map(),
  instances: [instance('web-a', 900_000), instance('web-b', 900_000), instance('web-c', 900_000)],
  endpoints: new Map([
    [
      'web',
      {
        v: 1,
        component: componentName('web'),
        endpoints: [endpoint('web-a', 901_500), endpoint('web-b', 902_000), endpoint('web-c', 2_900_000)],
      },
    ],
  ]),
  metrics: null,
  ...overrides,
});

describe('level step', () => {
  it('measures the start time and leaves re-readiness out', () => {
    const { instances, endpoints } = inputOf();
    expect(measureStartMs(instances, endpoints.get('web'))).toBe(1_500);
    expect(measureStartMs([], endpoints.get('web'))).toBeNull();
  });

  it('knows since when the same instances are ready', () => {
    const first = stepLevel(EMPTY_LEVEL, inputOf(), settings);
    const second = stepLevel(first.state, inputOf({ nowMs: NOW_MS + 1_000 }), settings);
    expect(second.advice[0]?.observation.readyStableSinceMs).toBe(NOW_MS);
    const third = stepLevel(second.state, inputOf({ nowMs: NOW_MS + 2_000, endpoints: new Map() }), settings);
    expect(third.advice[0]?.observation.readyStableSinceMs).toBe(NOW_MS + 2_000);
  });

  it('drops the state of a policy when the component gets another one', () => {
    const first = stepLevel(EMPTY_LEVEL, inputOf(), settings);
    expect(first.state.components.web?.kind).toBe('slo');
    const typeGraph = aTypeGraph([aComponent('web', { policy: { kind: 'fixed' } })]);
    const second = stepLevel(first.state, inputOf({ typeGraph }), settings);
    expect(second.state.components.web).toEqual({ kind: 'fixed', policy: {}, activeAtMs: 0 });
  });

  it('gives a child level its share', () => {
    const step = stepLevel(EMPTY_LEVEL, inputOf(), settings);
    expect(childShares(inputOf(), step).get('catalog')?.latency).toEqual([{ percentile: 95, ms: 150 }]);
  });

  it('answers an empty cost curve until the model is known, then one that falls with the latency allowed', () => {
    const input = (second: number, rate: number): LevelInput =>
      inputOf({
        nowMs: NOW_MS + second * 1_000,
        typeGraph: aTypeGraph([aComponent('web')], { objective: p95(200) }),
        metrics: new Map([['web', { requests: someRequests(aWindow({ rate, meanMs: 50 })), usage: null }]]),
      });
    let state: LevelState = EMPTY_LEVEL;
    expect(costCurve(stepLevel(state, inputOf(), settings), 200, 0.1)).toEqual([]);
    for (let second = 0; second < 30; second += 1)
      state = stepLevel(state, input(second, 60), settings).state;
    const curve = costCurve(stepLevel(state, input(30, 60), settings), 200, 0.1);
    expect(curve.map(({ p95Ms }) => p95Ms)).toEqual([100, 150, 200, 300, 400, 600]);
    const instances = curve.map((point) => point.instances);
    expect(instances).toEqual([...instances].sort((a, b) => b - a));
    expect(instances[0]).toBeGreaterThan(instances.at(-1) ?? Infinity);
  });
});
